"""What is shown of a run: plain lines, JSON, and the last line of a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.display.progress import last_line, progress
from dagcast.runner.records.events import Event

EVENTS = [
    Event("run-started", details={"run": "one", "steps": {"load": "Processing", "train": "Training"}}),
    Event("step-started", "load", details={"attempt": 1}),
    Event("step-succeeded", "load", details={"seconds": 1.25}),
    Event("step-failed", "train", "exit code: 1"),
]


def test_without_a_terminal_each_event_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False, as_json=False) as listener:
        for event in EVENTS:
            listener(event)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line[9:] for line in shown.err.splitlines()] == [
        "started one",
        "running load",
        "done load (1.2 s)",
        "failed train: exit code: 1",
    ]


def test_a_message_is_shown_without_colors_and_without_what_was_written_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reason = "AlgorithmError: 10%\r\x1b[31mtoo large\x1b[0m\x1b]0;title\x07, exit code: 1"
    with progress(quiet=False, as_json=False) as listener:
        listener(Event("step-failed", "train", reason))
    assert [line[9:] for line in capsys.readouterr().err.splitlines()] == [
        "failed train: AlgorithmError: ... too large, exit code: 1",
    ]


def test_as_json_each_event_is_a_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False, as_json=True) as listener:
        for event in EVENTS:
            listener(event)
    shown = capsys.readouterr()
    assert [json.loads(line) for line in shown.out.splitlines()] == [event.as_dict() for event in EVENTS]
    assert shown.err == ""


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True, as_json=False) as listener:
        for event in EVENTS:
            listener(event)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\n\n  \n", "one"),
        (b"10%\r20%\r30%\n", "30%"),
        (b"one\r\ntwo\r\n", "two"),
        (b"\r10%\r20%\r", "20%"),
        (b"done\n\r50%\r    \r", "done"),
        (b"a\tb", "a b"),
        (b"\x1b[31mred\x1b[0m\n", "red"),
        (b"\x1b[38:2:1:2:3mc\x1b[>4;1m\x1b[2Kd\x1b(Be", "cde"),
        (b"\x1b]0;title\x07one \x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\ two\n", "one link two"),
        (b"one\x1b[31", "one"),
        (b"one\x1b", "one"),
        (b"\x1b]0;one", "0;one"),
        (b"\xff\xfe\n", "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
        (b"x" * 10_000, "x" * 2000),
    ],
)
def test_the_last_line_of_a_log_is_its_last_one_with_text(tmp_path: Path, text: bytes, shown: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(text)
    assert last_line(log) == shown


def test_a_log_that_is_not_there_has_no_last_line(tmp_path: Path) -> None:
    assert last_line(tmp_path / "log") == ""


@given(content=st.binary(max_size=6000))
def test_no_log_can_send_control_characters_to_the_terminal(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    log = tmp_path_factory.getbasetemp() / "log"
    log.write_bytes(content)
    assert last_line(log).isprintable()
