"""What is kept of botocore's models between compiles saves time, and changes nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import botocore.loaders
import pytest

from tests.support.service_models import without_documentation

CONFIG = """
pipeline: {name: kept, role: "arn:aws:iam::123456789012:role/Role", bucket: example-bucket}
steps:
  one:
    type: Processing
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1
    instance_type: MACHINE
    inputs: {data: {source: "s3://example-bucket/raw"}}
"""


def compile_(folder: Path, cache: str, machine: str = "ml.m5.large") -> tuple[int, str]:
    """The exit code of a compile, and what it wrote to both streams."""
    (folder / "pipeline.yaml").write_text(CONFIG.replace("MACHINE", machine))
    done = subprocess.run(
        [sys.executable, "-m", "dagcast.cli", "compile", "pipeline.yaml"],
        cwd=folder,
        env={**os.environ, "DAGCAST_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("model-sagemaker-*"))


def test_the_second_compile_reads_what_the_first_one_kept(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = compile_(tmp_path, str(cache))
    assert first[0] == 0
    (file,) = kept(cache)
    # If it were unpacked again, it would be written again.
    os.utime(file, (1, 1))
    assert compile_(tmp_path, str(cache)) == first
    assert [path.stat().st_mtime for path in kept(cache)] == [1]


def test_mistakes_are_the_same(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = compile_(tmp_path, str(cache), machine="ml.m5.larje")
    assert first[0] == 1
    assert "(did you mean 'ml.m5.large'?)" in first[1]
    assert kept(cache)
    assert compile_(tmp_path, str(cache), machine="ml.m5.larje") == first


@pytest.mark.parametrize("broken", ["empty", "cut", "changed", "folder"])
def test_a_broken_file_is_ignored_and_replaced(tmp_path: Path, broken: str) -> None:
    cache = tmp_path / "cache"
    first = compile_(tmp_path, str(cache))
    (file,) = kept(cache)
    whole = file.read_bytes()
    file.unlink()
    if broken == "folder":
        file.mkdir()
    else:
        middle = len(whole) // 2
        changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        file.write_bytes({"empty": b"", "cut": whole[:-1], "changed": changed}[broken])
    assert compile_(tmp_path, str(cache)) == first
    if broken != "folder":
        assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_made_is_left_alone(tmp_path: Path) -> None:
    first = compile_(tmp_path, str(tmp_path / "cache"))
    (tmp_path / "file").write_text("no folder")
    assert compile_(tmp_path, str(tmp_path / "file" / "cache")) == first
    assert (tmp_path / "file").read_text() == "no folder"


def test_what_is_kept_is_what_botocore_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagcast.sagemaker import service_model

    monkeypatch.setenv("DAGCAST_CACHE_DIR", str(tmp_path))
    expected = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    for _ in range(2):  # unpacked, then as it was kept
        service_model._load.cache_clear()
        model = service_model.load_shapes("sagemaker")
        assert dict(model.shapes) == without_documentation(expected["shapes"])
        assert dict(model.operations) == without_documentation(expected["operations"])
        assert model.version == expected["metadata"]["apiVersion"]
    assert kept(tmp_path)
