"""The runner's own process is killed, at any moment: a resume ends in the result of an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dagsmith_runner.options import RunOptions
from dagsmith_runner.run_folder import RunFolder, runs_in
from dagsmith_runner.runner import Runner
from tests.runner.engine.pipelines import (
    condition,
    contents,
    definition,
    fail,
    get,
    job,
    output_of,
    run,
    statuses,
)

RUN = """
import sys
from pathlib import Path
from dagsmith_runner.options import RunOptions
from dagsmith_runner.runner import Runner
Runner(Path(sys.argv[1]).read_text(), "tiny", RunOptions(runs=Path(sys.argv[2]), jobs=2)).run()
"""
RESUME = """
import sys
from pathlib import Path
from dagsmith_runner.options import RunOptions
from dagsmith_runner.runner import Runner
Runner.resume(sys.argv[1], RunOptions(runs=Path(sys.argv[2]))).run()
"""
WRITE = "for n in 1 2 3 4 5 6 7 8; do echo $n > $OUT/$n; done; head -c 300000 /dev/zero > $OUT/big"
STEPS: list[dict[str, Any]] = [
    job("a", WRITE),
    job("b", f"{WRITE}; cat $IN0/* | wc -c > $OUT/size", output_of("a")),
    job("c", "cat $IN0/8 $IN1/size > $OUT/x", output_of("a"), output_of("b")),
    condition(
        "if",
        get("Steps.c.ProcessingJobStatus"),
        "Completed",
        [job("then", "cat $IN0/x > $OUT/x", output_of("c"))],
        [fail("no")],
    ),
    job("d", WRITE),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nobody disturbs."""
    outcome = run(definition(STEPS), tmp_path_factory.mktemp("whole"))
    assert outcome.status == "Succeeded"
    return contents(outcome)


def _killed(folder: Path, after_lines: int, delay: float) -> RunFolder | None:
    """A run whose process was killed once its events had so many lines, and a bit later."""
    (folder / "definition.json").write_text(definition(STEPS))
    command = [sys.executable, "-c", RUN, str(folder / "definition.json"), str(folder / "runs")]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        while process.poll() is None:
            events = next(iter((folder / "runs").glob("*/events.jsonl")), None)
            if after_lines == 0 or (events is not None and events.read_bytes().count(b"\n") >= after_lines):
                time.sleep(delay)
                break
            time.sleep(0.001)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return next(iter(runs_in(folder / "runs")), None)


@pytest.mark.parametrize("after_lines", range(1, 14))
def test_a_killed_run_is_resumed_to_the_same_result(
    tmp_path: Path, undisturbed: dict[str, bytes], after_lines: int
) -> None:
    folder = _killed(tmp_path, after_lines, delay=(after_lines % 4) * 0.004)
    assert folder is not None
    assert not folder.is_running()
    stands = folder.outcome()
    assert stands.status == "Stopped" or folder.record().status == "Succeeded"
    outcome = Runner.resume(folder.id, RunOptions(runs=tmp_path / "runs", jobs=2)).run()
    assert outcome.status == "Succeeded", outcome.reason
    assert contents(outcome) == undisturbed
    assert set(statuses(outcome).values()) <= {"kept", "succeeded", "skipped"}
    assert not list((folder.store / ".staging").glob("*")), "what a killed process had half done is swept"


def test_one_that_is_killed_before_it_has_a_run_leaves_nothing_that_looks_like_one(tmp_path: Path) -> None:
    folder = _killed(tmp_path, 0, delay=0.05)
    assert folder is None or folder.outcome().status in ("Stopped", "Succeeded")


def test_a_run_that_is_killed_twice_is_resumed(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    folder = _killed(tmp_path, 3, delay=0)
    assert folder is not None
    lines = (folder.path / "events.jsonl").read_bytes()
    (folder.path / "events.jsonl").write_bytes(lines + b'{"time": "2026')
    process = subprocess.Popen([sys.executable, "-c", RESUME, folder.id, str(tmp_path / "runs")])
    while (folder.path / "events.jsonl").read_bytes().count(b"\n") < 6 and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait()
    outcome = Runner.resume(folder.id, RunOptions(runs=tmp_path / "runs")).run()
    assert outcome.status == "Succeeded"
    assert contents(outcome) == undisturbed
    assert all(set(event) >= {"time", "event"} for event in folder.events())
