"""Events of a run on this machine: a real run, and a real receiver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.distributions.pipelines import MACHINE, ROLE
from tests.openlineage.receiver import receiving
from tests.openlineage.schema import problems

SPLIT = """
import pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
(target / "train.csv").write_text((source / "raw.csv").read_text())
"""
STEPS = {
    "split": {
        "type": "Processing",
        **MACHINE,
        "entry_point": "split.py",
        "inputs": {"raw": "s3://my-bucket/raw"},
        "arguments": ["/opt/ml/processing/input/raw", "/opt/ml/processing/train"],
        "outputs": {"train": {"path": "/opt/ml/processing/train", "destination": "s3://my-bucket/train"}},
    },
    "measure": {
        "type": "Processing",
        **MACHINE,
        "entry_point": "measure.py",
        "inputs": {"train": "s3://my-bucket/train"},
        "depends_on": ["split"],
    },
    "never": {"type": "Fail", "error_message": "no", "depends_on": ["measure"]},
}


def execute(folder: Path, measure: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """``dagcast run`` of the pipeline above, whose second step runs this code."""
    pipeline = {"name": "demo", "role": ROLE, "bucket": "my-bucket", "author": "risk", "region": "us-east-1"}
    config = {
        "pipeline": pipeline,
        "steps": STEPS,
        "plugins": {"enable": ["openlineage"], "options": {"openlineage": {"namespace": "risk", **options}}},
    }
    (folder / "pipeline.json").write_text(json.dumps(config))
    (folder / "split.py").write_text(SPLIT)
    (folder / "measure.py").write_text(measure)
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "raw.csv").write_text("1,2\n")
    command = [sys.executable, "-m", "dagcast.cli", "run", "pipeline.json", "--quiet", *arguments]
    command += ["--input", "s3://my-bucket/raw=data"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def of_the_run(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events behind those of the compile, which ends with the first COMPLETE."""
    ends = [index for index, event in enumerate(events) if event.get("eventType") == "COMPLETE"]
    return events[ends[0] + 1 :]


def names(datasets: list[dict[str, Any]]) -> list[str]:
    """The datasets, as URIs."""
    return [f"{dataset['namespace']}/{dataset['name']}" for dataset in datasets]


def test_a_run_emits_events_of_its_steps(tmp_path: Path) -> None:
    with receiving() as receiver:
        done = execute(
            tmp_path,
            "print('fine')",
            "--only",
            "split",
            "--only",
            "measure",
            transport="http",
            url=receiver.url,
        )
    assert done.returncode == 0, done.stderr
    events = of_the_run(receiver.events)
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "demo"),
        ("START", "demo.split"),
        ("COMPLETE", "demo.split"),
        ("START", "demo.measure"),
        ("COMPLETE", "demo.measure"),
        ("COMPLETE", "demo"),
    ]
    assert [problem for event in events for problem in problems(event)] == []
    whole, split, measure = (events[index]["run"]["runId"] for index in (0, 1, 3))
    assert [event["run"]["runId"] for event in events] == [whole, split, split, measure, measure, whole]
    assert whole not in {
        event["run"]["runId"] for event in receiver.events if event not in events and "run" in event
    }
    for event in events[1:-1]:
        parent = event["run"]["facets"]["parent"]
        assert parent["run"]["runId"] == whole
        assert (parent["job"]["namespace"], parent["job"]["name"]) == ("risk", "demo")
    assert names(events[2]["inputs"]) == ["s3://my-bucket/raw"]
    assert names(events[2]["outputs"]) == names(events[3]["inputs"]) == ["s3://my-bucket/train"]
    assert {event["job"]["facets"]["ownership"]["owners"][0]["name"] for event in events} == {"risk"}


def test_a_step_that_fails_ends_its_run_and_that_of_the_pipeline(tmp_path: Path) -> None:
    with receiving() as receiver:
        done = execute(tmp_path, "raise SystemExit('too few')", transport="http", url=receiver.url)
    assert done.returncode == 1
    events = of_the_run(receiver.events)
    assert [problem for event in events for problem in problems(event)] == []
    assert [(event["eventType"], event["job"]["name"]) for event in events[-2:]] == [
        ("FAIL", "demo.measure"),
        ("FAIL", "demo"),
    ]
    for event in events[-2:]:
        assert "too few" in event["run"]["facets"]["errorMessage"]["message"]
    assert "demo.never" not in {event["job"]["name"] for event in events}


def test_a_receiver_that_disappears_never_fails_a_run(tmp_path: Path) -> None:
    with receiving(status=403) as receiver:
        done = execute(tmp_path, "print('fine')", "--only", "split", transport="http", url=receiver.url)
    assert done.returncode == 0, done.stderr
    assert [event["eventType"] for event in receiver.events] == ["START", "START"]
    assert done.stderr.count("cannot send lineage events") == 2


def test_the_run_of_an_orchestrator_is_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/daily/{run_id}")
    assert execute(tmp_path, "", "--only", "split", transport="file", path="lineage.jsonl").returncode == 0
    events = of_the_run([json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text().splitlines()])
    assert events[0]["run"]["facets"]["parent"]["run"]["runId"] == run_id
    assert events[1]["run"]["facets"]["parent"]["run"]["runId"] == events[0]["run"]["runId"]
