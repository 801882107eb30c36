"""What the installed SDK's own classes emit and upload runs as it is: a FrameworkProcessor, and script mode."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import RunOptions
from dagcast.runner.records.outcome import RunOutcome
from dagcast.runner.runner import Runner

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The definition, and the objects that were uploaded."""
    folder = tmp_path_factory.mktemp("sdk")
    command = [sys.executable, "-m", "tests.runner.container.sdk_pipeline", str(folder)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    return folder


def run(emitted: Path, launcher: Launcher, folder: Path, criterion: str = "gini") -> RunOutcome:
    text = (emitted / "definition.json").read_text("utf-8").replace("gini", criterion)
    store = emitted / "s3"
    objects = {f"s3://{path.relative_to(store)}": path for path in store.rglob("*") if path.is_file()}
    options = RunOptions(runs=folder / "runs", isolation=launcher.isolation)
    return Runner(text, "both", options=options, objects=objects).run()


def test_the_sdks_own_script_modes_run_as_they_are(
    emitted: Path, any_launcher: Launcher, tmp_path: Path
) -> None:
    outcome = run(emitted, any_launcher, tmp_path)
    logs = {path: path.read_text() for path in outcome.folder.glob("steps/*/*/std*.log")}
    assert outcome.status == "Succeeded", (outcome.reason, logs)
    train = {step.name: step for step in outcome.steps}["train"]
    assert train.metrics == {"loss": 0.25}
    bucket, _, key = train.outputs["model"].removeprefix("s3://").partition("/")
    with tarfile.open(outcome.folder / "s3" / bucket / key) as tar:
        member = tar.extractfile("model.json")
        assert member is not None
        model = json.loads(member.read())
    assert model == {
        "data": "HELLO YOU",
        "max_depth": 5,
        "criterion": "gini",
        "hps": {"max_depth": 5, "criterion": "gini"},
    }


def test_a_script_that_fails_below_the_sdks_drivers_has_the_last_word(
    emitted: Path, paths_launcher: Launcher, tmp_path: Path
) -> None:
    outcome = run(emitted, paths_launcher, tmp_path, "luck")
    reason = {step.name: step for step in outcome.steps}["train"].reason
    assert reason is not None
    assert reason.endswith("ValueError: unknown criterion luck, exit code: 1")
