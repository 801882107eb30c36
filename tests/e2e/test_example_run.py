"""The example, compiled for MODS as ``make demo`` does and run on this machine: real training, a real decision."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from tests.support.mods_site import build_site

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer"
MODS_PARAMETERS = {
    "EXECUTION_S3_PREFIX": "s3://example-bucket/executions",
    "KMS_ENCRYPTION_KEY_PARAM": "alias/example",
    "SECURITY_GROUP_ID": "sg-0123456789abcdef0",
    "VPC_SUBNET": "subnet-0123456789abcdef0",
}


@dataclass(frozen=True)
class Example:
    """A copy of the example, and an environment in which MODS is active."""

    folder: Path
    site: Path

    def run(self, *arguments: str, **parameters: str) -> subprocess.CompletedProcess[str]:
        given = [f"--param={name}={value}" for name, value in parameters.items()]
        return subprocess.run(
            [sys.executable, "-m", "dagcast.cli", "run", "pipeline.yaml", *given, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.site)},
            capture_output=True,
            text=True,
            timeout=600,
        )

    @property
    def runs(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob(".dagcast/runs/*/run.json"))

    def steps(self, run: Path) -> dict[str, Any]:
        return {step["name"]: step for step in json.loads((run / "run.json").read_text())["steps"]}


def below(run: Path, uri: str) -> Path:
    """Where an S3 URI lies in a run."""
    return run / "s3" / uri.removeprefix("s3://")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """The example after one run; to be read, or run again."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", ".dagcast"), dirs_exist_ok=True)
    example = Example(folder, build_site(tmp_path_factory.mktemp("site")))
    done = example.run(**MODS_PARAMETERS)
    assert done.returncode == 0, done.stderr
    return example


def test_every_step_runs_but_the_branch_that_is_not_taken(example: Example) -> None:
    statuses = {name: step["status"] for name, step in example.steps(example.runs[0]).items()}
    assert statuses.pop("too-weak") == "skipped"
    assert set(statuses.values()) == {"succeeded"}
    assert len(statuses) == 7


def test_the_registered_model_is_the_trained_one_and_predicts_what_the_transform_did(
    example: Example,
) -> None:
    run = example.runs[0]
    steps = example.steps(run)
    registered = example.folder / ".dagcast/runs/models/breast-cancer/1/model.tar.gz"
    (trained,) = steps["train"]["outputs"].values()
    assert registered.read_bytes() == below(run, trained).read_bytes()
    with tarfile.open(registered) as tar:
        member = tar.extractfile("model.joblib")
        assert member is not None
        model = joblib.load(io.BytesIO(member.read()))
    rows = np.loadtxt(below(run, steps["preprocess"]["outputs"]["batch"]) / "batch.csv", delimiter=",")
    (predicted,) = steps["predict"]["outputs"].values()
    scores = [float(line) for line in (below(run, predicted) / "batch.csv.out").read_text().split()]
    assert scores == pytest.approx(model.predict_proba(rows)[:, 1].tolist(), abs=1e-6)
    assert 0.9 < steps["train"]["metrics"]["validation:auc"] <= 1


def test_the_run_keeps_what_mods_gave_and_which_plugins_ran(example: Example) -> None:
    run = example.runs[0]
    parameters = json.loads((run / "parameters.json").read_text())
    assert {name: parameters[name] for name in MODS_PARAMETERS} == MODS_PARAMETERS
    lock = json.loads((run / "definition.plugins.json").read_text())
    assert [plugin["name"] for plugin in lock["plugins"]] == ["mods"]


def test_a_model_that_is_not_good_enough_ends_the_run_and_is_not_registered(example: Example) -> None:
    before = set(example.runs)
    done = example.run("--quiet", **MODS_PARAMETERS, MinAccuracy="1.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: breast-cancer: step 'too-weak' failed: accuracy is below 1.1\n"
    (run,) = set(example.runs) - before
    statuses = {name: step["status"] for name, step in example.steps(run).items()}
    assert statuses["preprocess"] == "cached"
    assert (statuses["train"], statuses["register"], statuses["too-weak"]) == (
        "succeeded",
        "skipped",
        "failed",
    )
    assert [path.name for path in example.folder.glob(".dagcast/runs/models/breast-cancer/*")] == ["1"]


def test_parameters_that_mods_adds_have_local_values(example: Example) -> None:
    done = example.run("--only", "preprocess")
    assert done.returncode == 0, done.stderr
    names = ", ".join(MODS_PARAMETERS)
    assert f"local values of plugin 'mods': {names}" in done.stderr
    assert "--param" not in done.stderr
