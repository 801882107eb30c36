"""``dagcast.run``: the same choices and answers as ``dagcast run``, as a function and in a notebook."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from dagcast import DagcastError, run
from dagcast.errors import InvalidInputError
from tests.support.child_processes import ProcessStarter

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
SCRIPT = """\
import json, sys
from pathlib import Path
print("scored")
Path("/opt/ml/processing/report/report.json").write_text(json.dumps({"score": float(sys.argv[1])}))
"""


def config(**changes: Any) -> dict[str, Any]:
    return {
        "pipeline": {"name": "scores", "role": "arn:aws:iam::123456789012:role/R", "bucket": "my-bucket"},
        "parameters": {"Score": 0.7},
        "defaults": {"Processing": {"image_uri": IMAGE, "instance_type": "ml.m5.large"}},
        "steps": {
            "measure": {
                "type": "Processing",
                "entry_point": "measure.py",
                "arguments": ["${param.Score}"],
                "outputs": {"report": "/opt/ml/processing/report"},
                "property_files": {"Report": {"output": "report", "path": "report.json"}},
            },
            "good": {
                "type": "Condition",
                "conditions": [{"left": "${json.measure.Report.score}", "op": ">=", "right": 0.5}],
                "else_steps": ["low"],
            },
            "low": {"type": "Fail", "error_message": "too low"},
        },
        "edges": ["measure -> good"],
        **changes,
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "measure.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_result_has_steps_outputs_values_and_logs(project: Path) -> None:
    events: list[dict[str, Any]] = []
    result = run(config(), plugins=[], listener=lambda event: events.append(dict(event)))
    assert (result.status, result.succeeded, result.reason) == ("Succeeded", True, None)
    assert list(result.steps) == ["measure", "good", "low"]
    assert json.loads((result.steps["measure"].outputs["report"] / "report.json").read_text()) == {
        "score": 0.7
    }
    assert result.steps["measure"].log == "scored\n"
    assert result.steps["good"].reason == "true: 0.7 >= 0.5"
    assert (result.steps["low"].status, result.steps["low"].log) == ("skipped", "")
    assert dict(result.parameters) == {"Score": 0.7}
    assert result.folder.name == result.id
    assert [event["event"] for event in events][:: len(events) - 1] == ["run-started", "run-ended"]
    assert repr(result).startswith(f"<RunResult {result.id} Succeeded in ")
    assert repr(result.steps["good"]) == "<RunStep good succeeded: true: 0.7 >= 0.5>"


def test_a_step_that_fails_is_no_exception_and_the_run_can_be_resumed(project: Path) -> None:
    (project / "measure.py").write_text("raise SystemExit('no data')")
    first = run(config(), plugins=[])
    assert (first.status, first.succeeded) == ("Failed", False)
    assert "no data" in str(first.reason)
    assert {name: step.status for name, step in first.steps.items()} == {
        "measure": "failed", "good": "not-started", "low": "not-started",
    }  # fmt: skip
    again = run(resume="last")
    assert (again.id, again.status) == (first.id, "Failed")
    (project / "measure.py").write_text(SCRIPT)
    other = run(config(), plugins=[], only=["measure"], parameters={"Score": "0.1"})
    assert other.steps["measure"].status == "succeeded"
    last = run(config(), plugins=[], start=["good"], from_run=["last"], parameters={"Score": 0.1})
    assert last.reason == "step 'low' failed: too low"
    assert last.steps["good"].reason == "false: 0.1 >= 0.5"


def test_a_config_file_and_both_forms_of_a_definition_run(project: Path) -> None:
    (project / "pipeline.json").write_text(json.dumps(config()))
    assert run("pipeline.json", plugins=[]).succeeded
    assert run(project / "pipeline.json", plugins=[], parameters={"Score": 0.2}).status == "Failed"
    definition = {
        "Version": "2020-12-01",
        "Steps": [{"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "stopped"}}],
    }
    (project / "my definition.json").write_text(json.dumps(definition))
    result = run("my definition.json")
    assert (result.pipeline, result.reason) == ("my-definition", "step 'stop' failed: stopped")
    assert run(definition).reason == result.reason


def test_warnings_of_the_compile_and_of_the_run_are_in_the_result(project: Path) -> None:
    (project / "extra.py").write_text("")
    result = run(config(), plugins=[], inputs={"s3://my-bucket/unread": "extra.py"})
    assert [text for text in result.warnings if "s3://my-bucket/unread" in text]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either a config or resume=RUN"),
        ({"config": {}, "resume": "last"}, "give either a config or resume=RUN"),
        ({"config": "pipeline.json", "only": "measure"}, r"only is a list of names: write \['measure'\]"),
        ({"config": "pipeline.json", "from_run": "last"}, r"from_run is a list of names: write \['last'\]"),
        ({"config": "pipeline.json", "parameters": ["Score"]}, "parameters is a mapping with names as keys"),
        ({"config": "pipeline.json", "ignore_rules": {"a.b": ""}}, "ignore_rules is for definitions"),
        ({"config": {"Steps": []}, "env": "prod"}, "dag, env and plugins are for configs"),
        ({"config": "pipeline.json", "onlly": []}, "unexpected keyword argument 'onlly'"),
        ({"config": "pipeline.json", "plugins": "mods"}, r"plugins is a list .*: write \['mods'\]"),
        ({"config": "pipeline.json", "jobs": 0}, "jobs is a number of at least 1, and not 0"),
        ({"config": "pipeline.json", "runner": "dockr"}, "runner is one of auto, namespace, paths, docker"),
    ],
)
def test_a_wrong_argument_is_a_type_error_that_says_what_is_expected(
    project: Path, arguments: dict[str, Any], message: str
) -> None:
    (project / "pipeline.json").write_text(json.dumps(config()))
    with pytest.raises(TypeError, match=message):
        run(**arguments)
    assert not (project / ".dagcast").exists()


def test_mistakes_are_reported_together_before_anything_starts(project: Path) -> None:
    with pytest.raises(InvalidInputError) as raised:
        run(config(), plugins=[], parameters={"Scor": 1}, only=["mesure"], from_run=["none"])
    assert len(raised.value.diagnostics) == 3
    with pytest.raises(DagcastError, match="unknown run 'none'"):
        run(resume="none")
    assert not (project / ".dagcast").exists()


def test_nothing_is_shown_where_no_person_waits(project: Path) -> None:
    (project / "pipeline.json").write_text(json.dumps(config()))
    program = "from dagcast import run; run('pipeline.json', plugins=[])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, timeout=120, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.fixture
def kernel(project: Path) -> Iterator[Any]:
    """A client of a real kernel that runs in the project's folder."""
    manager, client = start_new_kernel(cwd=str(project), startup_timeout=120)
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_notebook_shows_progress_in_place_and_the_result_as_a_table(project: Path, kernel: Any) -> None:
    hostile = config()
    hostile["steps"]["low"]["error_message"] = "<script>alert(1)</script>"
    (project / "pipeline.json").write_text(json.dumps(hostile))
    messages: list[dict[str, Any]] = []
    code = "from dagcast import run\nrun('pipeline.json', plugins=[], parameters={'Score': 0.25})"
    reply = kernel.execute_interactive(code, timeout=120, output_hook=messages.append)
    assert reply["content"]["status"] == "ok", reply
    shown = [
        message for message in messages if message["msg_type"] in ("display_data", "update_display_data")
    ]
    kinds = [message["msg_type"] for message in shown]
    assert kinds[0] == "display_data"
    assert set(kinds[1:]) == {"update_display_data"}
    assert len({message["content"]["transient"]["display_id"] for message in shown}) == 1
    assert "running" in shown[1]["content"]["data"]["text/html"]
    (result,) = [
        message["content"]["data"] for message in messages if message["msg_type"] == "execute_result"
    ]
    assert "scores Failed in" in result["text/html"]
    assert "false: 0.25 &gt;= 0.5" in result["text/html"]
    assert "<script>" not in result["text/html"]
    assert "&lt;script&gt;" in result["text/html"]
    assert result["text/plain"].startswith("<RunResult ")


def test_an_interrupted_run_is_stopped_and_can_be_resumed(
    project: Path, start_process: ProcessStarter
) -> None:
    (project / "measure.py").write_text("import time; print('waits', flush=True); time.sleep(600)")
    (project / "pipeline.json").write_text(json.dumps(config()))
    program = "from dagcast import run; run('pipeline.json', plugins=[])"
    command = [sys.executable, "-c", program]
    process = start_process(command, cwd=project, stderr=subprocess.PIPE, text=True)
    while not any(log.read_text() for log in project.glob(".dagcast/runs/*/steps/measure/*/stdout.log")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, shown = process.communicate(timeout=300)
    assert shown.rstrip().endswith("KeyboardInterrupt")
    (folder,) = project.glob(".dagcast/runs/2*")
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["reason"]) == ("Stopped", "interrupted")
    assert [step["status"] for step in record["steps"]] == ["stopped", "not-started", "not-started"]
