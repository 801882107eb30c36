"""The pipelines of the installed SDK, made once, and a folder of a user's for each test."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.by_hand.inputs import BUCKET
from tests.runner.cli.support import Done, Project

ROOT = Path(__file__).parents[3]
CODE = Path(__file__).parent / "code"


@dataclass(frozen=True)
class User:
    """Someone with pipelines that the SDK made, and ``dagcast run``.

    Attributes:
        project: Where the commands run.
        emitted: What the SDK made.
    """

    project: Project
    emitted: Path

    def run(self, pipeline: str, *options: str) -> Done:
        """Run a pipeline as the user would: what the SDK uploaded, and the raw data, are inputs."""
        made = self.emitted / pipeline
        return self.project.run(
            "run",
            str(made / "definition.json"),
            f"--input=s3://{BUCKET}={made / 's3' / BUCKET}",
            f"--input=s3://{BUCKET}/raw={self.project.path / 'raw'}",
            "--ignore-rule=request.pattern=arguments of several lines show that texts arrive as they are",
            *options,
        )

    def succeed(self, pipeline: str, *options: str) -> Path:
        """Run a pipeline, which succeeds; the folder of its run."""
        done = self.run(pipeline, *options)
        logs = [path.read_text() for path in self.project.path.glob(".dagcast/runs/*/steps/*/*/std*.log")]
        assert done.code == 0, (done.err, done.out, logs)
        return self.project.runs[-1]

    def make_model(self) -> None:
        """``model.tar.gz``, with the file ``model.joblib``."""
        data = b"a model"
        with tarfile.open(self.project.path / "model.tar.gz", "w:gz") as tar:
            member = tarfile.TarInfo("model.joblib")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

    @property
    def last(self) -> dict[str, Any]:
        """What the last run wrote down of itself."""
        record: dict[str, Any] = json.loads((self.project.runs[-1] / "run.json").read_text("utf-8"))
        return record


def only(run: Path, place: str) -> Path:
    """The one path of the store that the pattern means."""
    (path,) = run.glob(f"s3/{BUCKET}/{place}")
    return path


def read_json(run: Path, place: str) -> Any:
    """The JSON of the one object that the pattern means."""
    return json.loads(only(run, place).read_text("utf-8"))


def members(run: Path, place: str) -> dict[str, bytes]:
    """The files in the one archive that the pattern means."""
    found = {}
    with tarfile.open(only(run, place)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                found[member.name.removeprefix("./")] = file.read()
    return found


@pytest.fixture(scope="session")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By name: each pipeline's ``definition.json``, and ``s3`` with what was uploaded."""
    folder = tmp_path_factory.mktemp("emitted")
    command = [sys.executable, "-m", "tests.runner.by_hand.emit", str(folder)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    return folder


@pytest.fixture
def user(tmp_path: Path, emitted: Path) -> User:
    """A user with raw data: ``y`` is about twice ``x``."""
    (tmp_path / "raw").mkdir()
    noise = random.Random(0)
    rows = [f"{x / 10},{x % 7},{x / 5 + 1 + noise.gauss(0, 0.1)}" for x in range(200)]
    (tmp_path / "raw" / "a.csv").write_text("\n".join(["x,z,y", *rows]) + "\n")
    return User(Project(tmp_path), emitted)
