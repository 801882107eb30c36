"""Starting jobs in a folder of runs, and looking at what they leave."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from dagcast.runner.launch.command import Command, Exit
from dagcast.runner.launch.launcher import Launcher

PROGRAM = Path(__file__).parent / "runner_program.py"


@dataclass(frozen=True)
class Bench:
    """A launcher, and the folders of one job of a run.

    Attributes:
        launcher: What starts the jobs.
        folder: The user's folder, with ``runs`` in it.
        stop: What stops them.
    """

    launcher: Launcher
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def ml(self) -> Path:
        return self.attempt("step") / "ml"

    @property
    def output(self) -> str:
        return (self.attempt("step") / "stdout.log").read_text()

    @property
    def errors(self) -> str:
        return (self.attempt("step") / "stderr.log").read_text()

    def attempt(self, step: str) -> Path:
        """The folder of a step's attempt, with an ``ml`` in it."""
        folder = self.runs / "one" / "steps" / step / "attempt-1"
        (folder / "ml").mkdir(parents=True, exist_ok=True)
        return folder

    def command(
        self,
        *argv: str,
        step: str = "step",
        environment: Mapping[str, str] | None = None,
        folder: str = "/opt/ml",
        timeout: float | None = 60,
        network: bool = True,
    ) -> Command:
        attempt = self.attempt(step)
        return Command(
            argv=argv,
            environment={"PATH": os.environ["PATH"]} if environment is None else environment,
            ml_folder=attempt / "ml",
            working_directory=folder,
            stdout=attempt / "stdout.log",
            stderr=attempt / "stderr.log",
            timeout=timeout,
            has_network=network,
        )

    def run(self, *argv: str, **options: object) -> Exit:
        """Run a program, and wait for its end."""
        return self.launcher.run(self.command(*argv, **options), self.stop)  # type: ignore[arg-type]

    def python(self, code: str, *arguments: str, **options: object) -> Exit:
        """Run Python code, and wait for its end."""
        return self.run("python", "-c", code, *arguments, **options)

    @contextmanager
    def running(self, *argv: str, **options: object) -> Iterator[Future[Exit]]:
        """Have a program run that makes the file ``there`` in its folder; it is stopped at the end."""
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(self.run, *argv, **options)
            try:
                until_there(self.attempt(str(options.get("step", "step"))) / "ml" / "there")
                yield future
            finally:
                self.stop.set()


def marker() -> str:
    """An argument for ``sleep`` that no other process has: some weeks."""
    return f"{10**6 + uuid4().int % 10**6}.{uuid4().int % 10**9}"


def alive(argument: str) -> list[int]:
    """The processes that have such an argument."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                arguments = (path / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if argument.encode() in arguments:
                found.append(int(path.name))
    return found


_PATIENCE = 60.0
"""Seconds after which what a test waits for does not come any more."""


def until(there: Callable[[], bool], what: str = "it does not come") -> None:
    """Wait until something is so."""
    end = time.monotonic() + _PATIENCE
    while not there():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def until_gone(argument: str) -> None:
    """Wait until no process has such an argument."""
    until(lambda: not alive(argument), f"{argument} is still there")


def until_alive(argument: str, count: int) -> None:
    """Wait until so many processes have such an argument."""
    until(lambda: len(alive(argument)) == count, f"there are not {count} of {argument}")


def until_there(*paths: Path) -> None:
    """Wait until files are there."""
    until(lambda: all(path.exists() for path in paths), f"{paths} are not there")


def runner_program(isolation: str, folder: Path, *argv: str) -> list[str]:
    """The command of a runner, in a process of its own, that runs one job."""
    return [sys.executable, str(PROGRAM), isolation, str(folder), *argv]
