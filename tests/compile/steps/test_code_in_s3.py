"""Code in S3 is what the container of the step type can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.compiling import JOB, arguments_of, error_in

TRAINING = {"type": "Training", **JOB}
PROCESSING = {"type": "Processing", **JOB}
MODEL = {"type": "CreateModel", "image_uri": JOB["image_uri"], "inputs": {"model": "s3://b/m.tar.gz"}}
REGISTER = {
    "type": "RegisterModel",
    "image_uri": JOB["image_uri"],
    "inputs": {"model": "s3://b/m.tar.gz"},
    "content_types": ["a/b"],
    "response_types": ["a/b"],
    "model_package_group_name": "g",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with a folder of code."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "run.py").write_text("pass\n")
    (tmp_path / "code.tar.gz").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "fields", [TRAINING, MODEL, REGISTER], ids=["Training", "CreateModel", "RegisterModel"]
)
@pytest.mark.parametrize(
    ("entry_point", "source_dir", "message", "field"),
    [
        ("run.py", "s3://b/folder/", "'s3://b/folder/' is not a gzipped tar", "source_dir"),
        ("run.py", "s3://b/folder", "'s3://b/folder' is not a gzipped tar", "source_dir"),
        ("run.py", "s3://b/x.zip", "'s3://b/x.zip' is not a gzipped tar", "source_dir"),
        ("run.py", "s3://b.tar.gz", "'s3://b.tar.gz' is not a gzipped tar", "source_dir"),
        ("s3://b/run.py", None, "'s3://b/run.py' is not in an archive", "entry_point"),
        ("s3://b/run.py", "src", "'s3://b/run.py' is not in an archive", "entry_point"),
        ("s3://b/run.py", "s3://b/x.tar.gz", "'s3://b/run.py' is not in an archive", "entry_point"),
    ],
)
def test_a_toolkit_unpacks_a_gzipped_tar(
    fields: dict[str, Any], entry_point: str, source_dir: str | None, message: str, field: str
) -> None:
    given = {"entry_point": entry_point, **({"source_dir": source_dir} if source_dir else {})}
    error = error_in({**fields, **given})
    assert error.code == "code.unusable-source"
    assert message in error.message
    assert "does not exist" not in error.message
    assert "sourcedir.tar.gz" in str(error.hint)
    assert str(error.location).endswith(field)


@pytest.mark.parametrize("uri", ["s3://b/x/sourcedir.tar.gz", "s3://b/mine.tar.gz", "s3://b/mine.tgz"])
def test_a_gzipped_tar_in_s3_is_used_as_it_is(uri: str) -> None:
    parameters = arguments_of({**TRAINING, "entry_point": "run.py", "source_dir": uri})["HyperParameters"]
    assert parameters["sagemaker_submit_directory"] == f'"{uri}"'


@pytest.mark.parametrize(
    ("entry_point", "source_dir", "message"),
    [
        ("run.py", "s3://b/mine.tar.gz", "'s3://b/mine.tar.gz' is not an archive named sourcedir.tar.gz"),
        ("run.py", "s3://b/folder/", "'s3://b/folder/' is not an archive named sourcedir.tar.gz"),
        ("s3://b/run.py", "src", "'s3://b/run.py' is not in an archive"),
        ("s3://b/x/", None, "'s3://b/x/' is not a script"),
        ("s3://b", None, "'s3://b' is not a script"),
        ("s3://b/code.tar.gz", None, "'s3://b/code.tar.gz' is not a script"),
        ("code.tar.gz", None, "'code.tar.gz' is not a script"),
        ("code.tgz", None, "'code.tgz' is not a script"),
        ("code.tar", None, "'code.tar' is not a script"),
        ("code.zip", None, "'code.zip' is not a script"),
    ],
)
def test_a_processing_job_takes_a_script_or_its_own_archive(
    entry_point: str, source_dir: str | None, message: str
) -> None:
    given = {"entry_point": entry_point, **({"source_dir": source_dir} if source_dir else {})}
    error = error_in({**PROCESSING, **given})
    assert error.code == "code.unusable-source"
    assert message in error.message


def test_a_script_in_s3_is_run_by_a_processing_job() -> None:
    arguments = arguments_of({**PROCESSING, "entry_point": "s3://b/x/run.py"})
    assert arguments["AppSpecification"]["ContainerEntrypoint"] == [
        "python3",
        "/opt/ml/processing/input/code/run.py",
    ]


def test_a_notebook_in_s3_is_not_called_missing() -> None:
    error = error_in(
        {
            "type": "NotebookJob",
            "image_uri": JOB["image_uri"],
            "kernel_name": "python3",
            "input_notebook": "s3://b/x.ipynb",
        }
    )
    assert error.code == "code.unusable-source"
    assert "'s3://b/x.ipynb' is in S3" in error.message
