"""Where events go, and that a compile never fails for them."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from tests.distributions.pipelines import STEPS, config
from tests.openlineage.receiver import receiving
from tests.openlineage.schema import problems

TRAIN = {"train": STEPS["Training"]}


def compile_with(**options: Any) -> Any:
    compiler = PipelineDAGCompiler(config(TRAIN, {"openlineage": options}), plugins=["openlineage"])
    return compiler.compile_definition()


def test_http_goes_to_the_endpoint_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_KEY", "very-secret")
    with receiving() as receiver:
        result = compile_with(
            transport="http", url=receiver.url, endpoint="lineage/v2", api_key_variable="LINEAGE_KEY"
        )
    assert [path for path, _ in receiver.requests] == ["/lineage/v2"] * 3
    assert {headers["Authorization"] for _, headers in receiver.requests} == {"Bearer very-secret"}
    assert "very-secret" not in json.dumps(result.report.as_dict())


def test_without_a_key_no_header_is_sent() -> None:
    with receiving() as receiver:
        compile_with(transport="http", url=receiver.url)
    assert all("Authorization" not in headers for _, headers in receiver.requests)
    assert [path for path, _ in receiver.requests] == ["/api/v1/lineage"] * 3


def test_a_missing_key_is_a_warning_and_no_event_is_sent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("LINEAGE_KEY", raising=False)
    with receiving() as receiver:
        assert compile_with(transport="http", url=receiver.url, api_key_variable="LINEAGE_KEY").definition
    assert receiver.events == []
    (record,) = warnings_in(caplog)
    assert "LINEAGE_KEY" in record.getMessage()


def test_an_unreachable_receiver_never_fails_a_compile(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    expected = PipelineDAGCompiler(config(TRAIN, {}), plugins=[]).compile_definition().definition
    assert compile_with(transport="http", url=url).definition == expected
    (record,) = warnings_in(caplog)
    assert record.name == "dagcast.openlineage"
    assert "127.0.0.1" in record.getMessage()


def test_a_receiver_that_refuses_receives_no_further_events(caplog: pytest.LogCaptureFixture) -> None:
    with receiving(status=403) as receiver:
        assert compile_with(transport="http", url=receiver.url).definition
    assert [event["eventType"] for event in receiver.events] == ["START"]
    assert len(warnings_in(caplog)) == 1


def test_a_server_error_is_retried_once(caplog: pytest.LogCaptureFixture) -> None:
    with receiving(status=503) as receiver:
        assert compile_with(transport="http", url=receiver.url).definition
    assert [event["eventType"] for event in receiver.events] == ["START", "START"]
    assert len(warnings_in(caplog)) == 1


def test_a_receiver_that_does_not_answer_times_out(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert compile_with(transport="http", url=url, timeout_in_seconds=0.05).definition
    assert len(warnings_in(caplog)) == 1


def test_a_file_next_to_the_config_gets_one_line_for_each_event(tmp_path: Path) -> None:
    options = {"openlineage": {"transport": "file", "path": "lineage.jsonl"}}
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(config(TRAIN, options)))
    PipelineDAGCompiler(path, plugins=["openlineage"]).compile_definition()
    PipelineDAGCompiler(path, plugins=["openlineage"]).compile_definition()
    events = [json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text().splitlines()]
    assert [event.get("eventType", "JOB") for event in events] == ["START", "JOB", "COMPLETE"] * 2
    assert [problem for event in events for problem in problems(event)] == []


def test_a_file_that_cannot_be_written_never_fails_a_compile(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert compile_with(transport="file", path=str(tmp_path / "missing" / "lineage.jsonl")).definition
    assert len(warnings_in(caplog)) == 1


def test_the_console_transport_writes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="dagcast.openlineage")
    compile_with()
    events = [
        json.loads(record.getMessage()) for record in caplog.records if record.name == "dagcast.openlineage"
    ]
    assert [event.get("eventType", "JOB") for event in events] == ["START", "JOB", "COMPLETE"]
    assert [problem for event in events for problem in problems(event)] == []


def test_the_command_line_prints_no_events_by_default(tmp_path: Path) -> None:
    (tmp_path / "pipeline.json").write_text(json.dumps(config(TRAIN, {})))
    command = ["compile", "pipeline.json", "--plugin", "openlineage", "-o", "definition.json"]
    quiet = run([sys.executable, "-m", "dagcast.cli", *command], tmp_path)
    assert "eventType" not in quiet.stdout + quiet.stderr
    loud = run([sys.executable, "-m", "dagcast.cli", "--verbose", *command], tmp_path)
    assert loud.stderr.count('"eventType"') == 2
    assert loud.stdout == ""


AUDITED = """
import json, logging, sys
logging.getLogger("dagcast.openlineage").setLevel(sys.argv[2])
sys.addaudithook(lambda event, args: event.startswith("socket.") and touched.append(event))
touched = []
from dagcast import PipelineDAGCompiler
import dagcast_openlineage.hooks
client_at_import = "openlineage.client" in sys.modules
PipelineDAGCompiler(json.loads(sys.argv[1]), plugins=["openlineage"]).compile_definition()
connected = [event for event in touched if event in ("socket.connect", "socket.getaddrinfo")]
print(json.dumps([client_at_import, "openlineage.client" in sys.modules, connected]))
"""


@pytest.mark.parametrize(
    ("options", "level", "client_is_used"),
    [({}, "INFO", True), ({}, "WARNING", False), ({"transport": "file", "path": "x.jsonl"}, "WARNING", True)],
    ids=["console", "console that nobody reads", "file"],
)
def test_the_client_is_imported_with_the_first_event_and_uses_no_network(
    options: dict[str, Any], level: str, client_is_used: bool, tmp_path: Path
) -> None:
    data = json.dumps(config(TRAIN, {"openlineage": options}))
    done = run([sys.executable, "-c", AUDITED, data, level], tmp_path)
    assert json.loads(done.stdout.splitlines()[-1]) == [False, client_is_used, []]


def test_the_clients_own_variable_disables_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    compile_with(transport="file", path=str(tmp_path / "lineage.jsonl"))
    assert not (tmp_path / "lineage.jsonl").exists()


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("dagcast")
    ]
