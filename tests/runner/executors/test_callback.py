"""Callback steps: who answers, and what the answer has to be."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagcast.runner.executors import callback
from dagcast.runner.executors.executor import StepFailedError, StepStoppedError
from tests.runner.executors.support import step_run

OUTPUTS = [{"OutputName": "who", "OutputType": "String"}, {"OutputName": "votes", "OutputType": "Integer"}]


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a real terminal, which is the standard input."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


def _run(folder: Path, arguments: Any = None, **more: Any) -> Any:
    return step_run(folder, "ask", "Callback", arguments or {}, {"OutputParameters": OUTPUTS}, **more)


def test_a_file_or_a_command_answers(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text('{"who": "Ada", "votes": 3, "more": 1}')
    program = "import json,sys; m=json.load(sys.stdin); print(json.dumps(m['arguments']))"
    for number, given in enumerate((str(tmp_path / "answer.json"), f'{sys.executable} -c "{program}"')):
        run = _run(tmp_path / str(number), {"who": "Ada", "votes": 3}, callbacks={"ask": given})
        assert callback.run(run).properties == {"OutputParameters": {"who": "Ada", "votes": 3}}


def test_the_message_is_the_one_that_a_queue_would_get(tmp_path: Path) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/e"
    run = _run(tmp_path, {"a": 1}, callbacks={"ask": "cat"}, execution_arn=arn)
    with pytest.raises(StepFailedError):
        callback.run(run)  # what cat prints has no "who"
    message = json.loads((run.folder / "message.json").read_text())
    assert re.fullmatch("[a-zA-Z0-9]{10}", message.pop("token"))
    assert message == {"pipelineExecutionArn": arn, "arguments": {"a": 1}, "status": "Executing"}


@pytest.mark.parametrize("content", [b"{", b'{"who": "\xff"}', b"[" * 100_000])
def test_an_answer_that_is_invalid_json_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "answer.json").write_bytes(content)
    for number, given in enumerate((str(tmp_path / "answer.json"), f"cat {tmp_path}/answer.json")):
        with pytest.raises(StepFailedError, match="is invalid JSON"):
            callback.run(_run(tmp_path / str(number), callbacks={"ask": given}))


def test_all_that_is_wrong_with_an_answer_is_said(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text('{"votes": true}')
    run = _run(tmp_path, callbacks={"ask": str(tmp_path / "answer.json")})
    with pytest.raises(StepFailedError, match="no 'who', 'votes' is True, but Integer is declared"):
        callback.run(run)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("false", "ended with exit code 1"),
        ("echo no", "is invalid JSON"),
        ("./no-such-program", "cannot be started"),
    ],
)
def test_a_command_that_fails_says_how(tmp_path: Path, command: str, reason: str) -> None:
    with pytest.raises(StepFailedError, match=reason):
        callback.run(_run(tmp_path, callbacks={"ask": command}))


def test_a_command_that_does_not_answer_ends_with_the_run(tmp_path: Path) -> None:
    run = _run(tmp_path, callbacks={"ask": "sleep 600"})
    run.stop.set()
    with pytest.raises(StepStoppedError):
        callback.run(run)


def test_a_person_is_asked_until_the_answer_fits(
    tmp_path: Path, keyboard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keyboard, b"Ada\nmany\n3.5\n3\n")
    result = callback.run(_run(tmp_path, {"question": "who?"}))
    assert result.properties == {"OutputParameters": {"who": "Ada", "votes": 3}}
    asked = capsys.readouterr().err
    assert 'ask asks: {"question": "who?"}' in asked
    assert asked.count("votes (Integer): ") == 3


@pytest.mark.usefixtures("keyboard")
def test_a_person_who_does_not_answer_is_not_waited_for_when_the_run_stops(tmp_path: Path) -> None:
    runs = [_run(tmp_path / name) for name in ("a", "b")]  # the second waits for the first
    ended: list[bool] = []

    def wait(run: Any) -> None:
        with pytest.raises(StepStoppedError):
            callback.run(run)
        ended.append(True)

    threads = [threading.Thread(target=wait, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for run in runs:
        run.stop.set()
    for thread in threads:
        thread.join()
    assert ended == [True, True]


def test_a_terminal_that_closes_is_an_error(tmp_path: Path, keyboard: int) -> None:
    os.write(keyboard, b"\x04")  # the end of input, as Ctrl-D gives it
    with pytest.raises(StepFailedError, match="the terminal was closed"):
        callback.run(_run(tmp_path))


def test_nobody_to_answer_is_reported_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(tmp_path)
    with (tmp_path / "empty").open("w+") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert [found.code for found in callback.check(run.step, run.options)] == ["run.missing-callback"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("answer.json", None),
        ("cat", None),
        ("sh -c 'echo 1'", None),
        ("none.json", "run.missing-file"),
        ("broken.json", "run.invalid-json"),
        ("no-such-program --really", "run.missing-program"),
        ("sh -c 'no end", "run.invalid-callback"),
        ("", "run.missing-program"),
    ],
)
def test_an_answer_that_cannot_come_is_reported_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, code: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer.json").write_text("{}")
    (tmp_path / "broken.json").write_text("{")
    run = _run(tmp_path, callbacks={"ask": given})
    assert [found.code for found in callback.check(run.step, run.options)] == ([code] if code else [])


def test_an_answer_whose_file_is_gone_fails_the_step(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="cannot be read"):
        callback.run(_run(tmp_path, callbacks={"ask": str(tmp_path / "gone.json")}))
