"""The examples in the docs run, and print what the docs say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mods_site import build_site

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/config.md",
    "docs/python.md",
    "docs/writing-plugins.md",
    "docs/mods.md",
    "docs/plugins.md",
    "docs/local-run.md",
    "docs/writing-local-images.md",
]
RUN = re.compile(r"\d{8}T\d{6}Z-[a-z-]+-[a-z0-9]{4}\b")
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)```", re.S)

PREPARE = """\
from pathlib import Path

for name in ("train", "validation"):
    Path("/opt/ml/processing", name, "rows.csv").write_text("1,2")
"""
TRAIN = """\
import os
from pathlib import Path

rows = Path(os.environ["SM_CHANNEL_TRAIN"], "rows.csv").read_text()
Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(rows)
"""
SCRIPTS = {"prepare.py": PREPARE, "train.py": TRAIN}
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
    environment = dict(os.environ)
    for block in BLOCK.finditer((ROOT / page).read_text("utf-8")):
        body = block["body"]
        named = re.match(r"# (\S+\.yaml)\n", body)
        if block["file"] or (block["kind"] == "yaml" and named):
            file = project / (block["file"] or named[1])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body)
        elif block["kind"] == "console":
            run_console(body, project, environment)
            ran += 1
        elif block["kind"] == "python" and ".upsert(" not in body:
            command = [sys.executable, "-c", body]
            done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            ran += 1
    assert ran > 0


def run_console(body: str, folder: Path, environment: dict[str, str]) -> None:
    command, _, expected = body.partition("\n")
    # The docs call a run what it was called when they were written; here it is the only one there is.
    runs = [path.parent.name for path in folder.glob(".dagcast/runs/*/run.json")]
    arguments = shlex.split(RUN.sub(lambda match: runs[-1], command.removeprefix("$ ")))
    if arguments == ["pip", "install", "mods-plugin"]:
        site = folder / "site"
        site.mkdir()
        paths = [str(build_site(site)), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return
    if arguments[:2] == ["pip", "install"]:
        # Not into the environment of the tests: into a folder on the path, with its real metadata.
        site = folder / "site"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*install, "--target", str(site), arguments[2]], cwd=folder, check=True, timeout=120)
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(site), environment.get("PYTHONPATH", "")))
        )
        return
    assert arguments[0] == "dagcast"
    command = [sys.executable, "-m", "dagcast.cli", *arguments[1:]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert normalized(done.stdout + done.stderr) == normalized(expected)


def normalized(text: str) -> str:
    """Sizes, digests, the time at which the tests run and how long it takes are not what the docs are about."""
    text = re.sub(r"[\d,]+ (bytes|of)", r"N \1", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", "TIME", text)
    listed = text.startswith("run ")
    if listed or RUN.search(text):
        text = re.sub(r"^[a-z0-9]{4} ", "RUN ", text, flags=re.M) if listed else text
        text = re.sub(r"(/|pipelines-)[a-z0-9]{12}\b", r"\1EXECUTION", RUN.sub("RUN", text))
        text = re.sub(r"\d+\.\d s", "SECONDS", re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d ", "TIME ", text))
        text = re.sub(" +", " ", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
