"""The examples in the docs run, and print what the docs say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/config.md", "docs/python.md", "docs/writing-plugins.md"]
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)```", re.S)

SCRIPTS = {"prepare.py": "print('prepared')\n", "train.py": "print('trained')\n"}
BROKEN = """\
pipeline: {name: broken, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}
steps:
  train:
    type: Training
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1
    instnce_type: ml.m5.xlarge
    volume_size_in_gb: big
edges:
  - prepare -> train
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files that the docs take for granted."""
    for name, text in {**SCRIPTS, "broken.yaml": BROKEN}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page: str, project: Path) -> None:
    ran = 0
    for block in BLOCK.finditer((ROOT / page).read_text("utf-8")):
        body = block["body"]
        named = re.match(r"# (\S+\.yaml)\n", body)
        if block["file"] or (block["kind"] == "yaml" and named):
            (project / (block["file"] or named[1])).write_text(body)
        elif block["kind"] == "console":
            run_console(body, project)
            ran += 1
        elif block["kind"] == "python" and ".upsert(" not in body:
            done = subprocess.run([sys.executable, "-c", body], cwd=project, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            ran += 1
    assert ran > 0


def run_console(body: str, folder: Path) -> None:
    command, _, expected = body.partition("\n")
    arguments = shlex.split(command.removeprefix("$ "))
    assert arguments[0] == "dagsmith"
    done = subprocess.run(
        [sys.executable, "-m", "dagsmith.cli", *arguments[1:]], cwd=folder, capture_output=True, text=True
    )
    assert normalized(done.stdout + done.stderr) == normalized(expected)


def normalized(text: str) -> str:
    """Sizes of code and definition are not what the docs are about."""
    return re.sub(r"[\d,]+ (bytes|of)", r"N \1", text).strip()
