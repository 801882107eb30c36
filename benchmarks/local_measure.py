"""Measure one local run in a separate process: ``python -m benchmarks.local_measure ...`` prints JSON."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import local_pipelines
from dagcast.runner.options import Isolation, RunOptions
from dagcast.runner.records.events import Event
from dagcast.runner.runner import Runner

PRINT = (
    "import sys; write = sys.stdout.buffer.write; piece = b'x' * 1023 + bytes([10]); "
    "[None for _ in range({kibibytes}) if not write(piece)]"
)

SCRIPTS = {
    "request.length": "scripts of the benchmark are long",
    "request.pattern": "scripts of the benchmark have several lines",
}
"""The rules that the measured definitions break, with the reasons."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["steps", "run", "plan", "log"])
    parser.add_argument("--isolation", choices=["namespace", "paths"], default="paths")
    parser.add_argument("--work", choices=["python", "shell", "counting"], default="shell")
    parser.add_argument("--shape", choices=["chain", "diamond"], default="chain")
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--within", type=Path, help="where the folder of runs is made")
    arguments = parser.parse_args()
    measure = {"steps": beside_hand, "run": whole_run, "plan": planned, "log": logged}[arguments.what]
    with tempfile.TemporaryDirectory(prefix="dagcast-bench-", dir=arguments.within) as folder:
        print(json.dumps(measure(arguments, Path(folder))))


def beside_hand(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the seconds of each step in a chain, between the ends of two steps, and of each process by hand.

    Runs and processes by hand alternate. The first turn, which loads imports, does not count. The result also has the
    seconds that an empty file in a new folder takes.
    """
    argv = _argv(arguments.work)
    steps: list[float] = []
    hand: list[float] = []
    files: list[float] = []
    for turn in range(arguments.rounds + 1):
        ends, _ = _run(_definition(arguments), folder, arguments.isolation, 1)
        started = [_by_hand(argv, folder) for _ in range(arguments.size)]
        if turn:
            steps += [after - before for before, after in pairwise(ends)]
            hand += started
            files += [_new_file(folder / f"new-{turn}-{number}") for number in range(arguments.size)]
    return {"steps": steps, "hand": hand, "files": files}


def whole_run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the seconds of a run and of the same processes by hand, in sequence; the ends of steps; peak memory."""
    begin = time.perf_counter()
    ends, started = _run(_definition(arguments), folder, arguments.isolation, arguments.jobs)
    seconds = time.perf_counter() - begin
    peak = _peak()
    if arguments.work == "counting":
        _check_number(folder, arguments.size)
    argv = _argv(arguments.work)
    hand = [_by_hand(argv, folder) for _ in range(arguments.size if arguments.rounds else 0)]
    return {
        "seconds": seconds,
        "first": started - begin,
        "ends": [end - begin for end in ends],
        "hand": hand,
        "peak": peak,
    }


def _check_number(folder: Path, size: int) -> None:
    (file,) = folder.glob(f"runs/*/s3/bench/*/{local_pipelines.name(size - 1)}/number")
    if file.read_text() != str(size):
        raise SystemExit(f"the last step left {file.read_text()}, not {size}")


def planned(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the seconds until a run is planned and has its folder; the run is stopped when it starts."""
    text = _definition(arguments)
    options = RunOptions(runs=folder / "runs", isolation=arguments.isolation, ignore_rules=SCRIPTS)
    return {"seconds": [_until_started(text, options) for _ in range(arguments.rounds)], "peak": _peak()}


def _until_started(text: str, options: RunOptions) -> float:
    ends: list[float] = []

    def listen(event: Event) -> None:
        if event.kind == "run-started":
            ends.append(time.perf_counter())
            runner.stop()

    runner = Runner(text, "bench", options=options, listener=listen)
    begin = time.perf_counter()
    runner.run()
    return ends[0] - begin


def logged(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return the peak memory of a run whose step prints ``size`` KiB."""
    script = PRINT.format(kibibytes=arguments.size)
    text = local_pipelines.chain(1, ("python3", "-c", script))
    _run(text, folder, arguments.isolation, 1)
    return {"peak": _peak()}


def _definition(arguments: argparse.Namespace) -> str:
    if arguments.work == "counting":
        return local_pipelines.counting(arguments.size)
    argv = _argv(arguments.work)
    if arguments.shape == "diamond":
        return local_pipelines.diamond(arguments.size, argv)
    return local_pipelines.chain(arguments.size, argv)


def _argv(work: str) -> Sequence[str]:
    """Return the command of a step by hand."""
    if work == "counting":
        return ("python3", "-c", local_pipelines.COUNT, "", ".")
    return local_pipelines.INTERPRETER if work == "python" else local_pipelines.SHELL


def _run(text: str, folder: Path, isolation: Isolation, jobs: int) -> tuple[list[float], float]:
    """Return the times when the first step started and when each step ended."""
    ends: list[float] = []
    starts: list[float] = []

    def listen(event: Event) -> None:
        if event.kind == "step-started" and not starts:
            starts.append(time.perf_counter())
        elif event.kind == "step-succeeded":
            ends.append(time.perf_counter())

    options = RunOptions(
        runs=folder / "runs", isolation=isolation, jobs=jobs, cache=False, ignore_rules=SCRIPTS
    )
    outcome = Runner(text, "bench", options=options, listener=listen).run()
    if outcome.status != "Succeeded":
        raise SystemExit(f"the run that is measured did not succeed: {outcome.reason}")
    return ends, starts[0]


def _new_file(folder: Path) -> float:
    """Return the seconds that creating an empty file in a new folder takes."""
    folder.mkdir()
    begin = time.perf_counter()
    (folder / "empty").touch()
    return time.perf_counter() - begin


def _by_hand(argv: Sequence[str], folder: Path) -> float:
    """Return the seconds of one process without a runner: with its output in files, from its start to its end."""
    program = sys.executable if argv[0] == "python3" else argv[0]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    begin = time.perf_counter()
    with (folder / "stdout.log").open("wb") as stdout, (folder / "stderr.log").open("wb") as stderr:
        subprocess.run(
            [program, *argv[1:]],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            check=True,
        )
    return time.perf_counter() - begin


def _peak() -> float:
    """Return the peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
