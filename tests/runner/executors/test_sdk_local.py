"""Conditions, failures, models and JsonGet come to what the installed SDK's own local mode makes of them.

Where the two differ, the test says which of them does as SageMaker's documentation says.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from dagcast.runner.options import RunOptions
from dagcast.runner.records.outcome import RunOutcome
from dagcast.runner.runner import Runner
from tests.by_hand.inputs import MODEL_DATA
from tests.runner.executors.sdk_local import DATA, REPORT, STRANGE_PATHS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """By name of the pipeline: its definition, and how it ended in the SDK's local mode."""
    file = tmp_path_factory.mktemp("sdk") / "results.json"
    command = [sys.executable, "-W", "ignore", "-m", "tests.runner.executors.sdk_local", str(file)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    results: Mapping[str, Any] = json.loads(file.read_text())
    return results


def _run(folder: Path, definition: str) -> RunOutcome:
    (folder / "report.json").write_text(json.dumps(DATA))
    (folder / "model.tar.gz").write_bytes(b"")
    inputs = {REPORT: folder / "report.json", MODEL_DATA: folder / "model.tar.gz"}
    return Runner(definition, "local", options=RunOptions(runs=folder / "runs", inputs=inputs)).run()


def _reason(outcome: RunOutcome) -> str:
    (failed,) = (step for step in outcome.steps if step.status == "failed")
    assert failed.reason is not None
    return failed.reason


def test_conditions_hold_where_they_hold_there(local: Mapping[str, Any], tmp_path: Path) -> None:
    theirs = local["conditions"]
    assert theirs["status"] == "Succeeded"
    outcome = _run(tmp_path, theirs["definition"])
    assert outcome.status == "Succeeded"
    ours = {
        path.parent.name: json.loads(path.read_text())["result"]["properties"]["Outcome"]
        for path in outcome.folder.glob("steps/*/result.json")
    }
    assert ours == theirs["outcomes"]
    assert set(ours.values()) == {True, False}


REFUSED = {
    "equal 1 '1'": "Equals never holds: 1 is a number, and '1' is a text",
    "equal 1 1.0": "Equals cannot compare 1 (int) with 1.0 (float): both must have the same type",
    "equal 'a' True": "Equals never holds: 'a' is a text, and true is a boolean",
    "equal 0.5 'a'": "Equals never holds: 0.5 is a number, and 'a' is a text",
    "order": "GreaterThan compares numbers, and 'a' is a text",
}
ONLY_REFUSED_HERE = {
    "python ['Equals', True, 1]": "Equals never holds: true is a boolean, and 1 is a number",
    "python ['GreaterThan', True, 0.5]": "GreaterThan compares numbers, and true is a boolean",
    "python ['In', True, [1, 2]]": "In cannot compare True (bool) with 1 (int): both must have the same type",
    "python ['In', '1', [1, 2]]": "In cannot compare '1' (str) with 1 (int): both must have the same type",
}


def test_each_condition_of_unlike_values_has_an_expectation(local: Mapping[str, Any]) -> None:
    found = {name for name in local if name.startswith(("equal ", "order", "python "))}
    assert found == REFUSED.keys() | ONLY_REFUSED_HERE.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_values_that_cannot_be_compared_fail_the_step_there_and_are_refused_here(
    local: Mapping[str, Any], tmp_path: Path, name: str
) -> None:
    assert local[name]["status"] == "Failed"
    with pytest.raises(InvalidInputError, match=re.escape(f"step 'check': {REFUSED[name]}")):
        _run(tmp_path, local[name]["definition"])


@pytest.mark.parametrize("name", ONLY_REFUSED_HERE)
def test_values_that_only_python_compares_are_refused_here(
    local: Mapping[str, Any], tmp_path: Path, name: str
) -> None:
    # The local mode compares as Python does. In the JSON of a definition, true is not a number.
    assert local[name]["status"] == "Succeeded"
    with pytest.raises(InvalidInputError, match=re.escape(f"step 'check': {ONLY_REFUSED_HERE[name]}")):
        _run(tmp_path, local[name]["definition"])


@pytest.mark.parametrize("name", ["paths", "message"])
def test_messages_of_failures_are_the_same(local: Mapping[str, Any], tmp_path: Path, name: str) -> None:
    outcome = _run(tmp_path, local[name]["definition"])
    assert local[name]["reason"] == f"Step 'tell' failed with message: {_reason(outcome)}"


@pytest.mark.parametrize("path", STRANGE_PATHS)
def test_a_path_that_leads_nowhere_there_leads_nowhere_here(
    local: Mapping[str, Any], tmp_path: Path, path: str
) -> None:
    theirs = local[f"path {path}"]
    ours = _reason(_run(tmp_path, theirs["definition"]))
    if path == 'a.b[0]["with.dot"]':
        # The local mode splits at every dot. SageMaker documents paths as JsonPath, where quotes keep a key whole.
        assert "Invalid json path" in theirs["reason"]
        assert ours == "found 1.5"
    elif path == "list[-1]":
        assert theirs["reason"].endswith(f": {ours}")
    else:
        assert "found" not in theirs["reason"]
        # A path that leads to null, or to the whole object, is one that exists and gives no value.
        assert any(text in ours for text in ("unknown path", "invalid path", "has no value"))


def test_a_branch_that_is_not_taken_fails_nothing(local: Mapping[str, Any], tmp_path: Path) -> None:
    theirs = local["a branch that is not taken"]
    outcome = _run(tmp_path, theirs["definition"])
    assert theirs["status"] == outcome.status == "Succeeded"


def test_a_models_properties_are_the_same(local: Mapping[str, Any], tmp_path: Path) -> None:
    if "model" not in local:
        pytest.skip("SDK 3 makes no model in its local mode without Docker")
    outcome = _run(tmp_path, local["model"]["definition"])
    assert local["model"]["reason"] == f"Step 'tell' failed with message: {_reason(outcome)}"


def test_a_model_without_data_is_made_there_and_not_here(local: Mapping[str, Any], tmp_path: Path) -> None:
    if "model" not in local:
        pytest.skip("SDK 3 makes no model in its local mode without Docker")
    # SageMaker's CreateModel does not look for the data either; here it is looked for, so that a wrong URI is found.
    outcome = Runner(local["model"]["definition"], "local", options=RunOptions(runs=tmp_path))
    with pytest.raises(InvalidInputError, match="which does not exist"):
        outcome.run()
