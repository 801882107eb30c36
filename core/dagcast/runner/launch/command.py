"""What is to be started, and how it ended: the contract between the executors and the launchers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

ML = "/opt/ml"
"""Where a container finds its folders. Source: SageMaker Developer Guide, "Use Your Own Training Algorithms"."""


@dataclass(frozen=True)
class Command:
    """One process of a job.

    Attributes:
        argv: The program and its arguments, as the container would get them. ``python`` and ``python3`` mean
            ``python``.
        environment: The whole environment, as the container would get it.
        ml: The folder that is the job's :data:`ML`.
        folder: The working directory, in the container's terms: absolute, such as ``/opt/ml/code``.
        stdout: The file that gets its standard output.
        stderr: The file that gets its standard error.
        timeout: Seconds until it is ended; ``None`` for no limit.
        python: The interpreter that ``python`` means, with its environment.
        image: The image of the container, for launchers that have an engine.
        network: Whether it may use the network.
        program: Whether ``argv`` begins with the program; if not, it holds the arguments of the image's own program,
            and only launchers that have an engine can run it.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    ml: Path
    folder: str
    stdout: Path
    stderr: Path
    timeout: float | None = None
    python: Path | None = None
    image: str | None = None
    network: bool = True
    program: bool = True


@dataclass(frozen=True)
class Exit:
    """How a process ended.

    Attributes:
        code: Its exit code; ``None`` if a signal ended it, or it never started.
        signal: The signal that ended it.
        timed_out: Whether it was ended since its time was over.
        stopped: Whether it was ended since the run is being stopped.
        seconds: How long it ran.
        problem: Why it could not be started, or was lost.
        lost: Whether it ended since the process that stood over it did.
    """

    code: int | None
    signal: int | None = None
    timed_out: bool = False
    stopped: bool = False
    seconds: float = 0.0
    problem: str | None = None
    lost: bool = False


class Launcher(Protocol):
    """What starts processes; many threads use one at once.

    Attributes:
        isolation: How a job finds :data:`ML`.
    """

    isolation: Literal["namespace", "paths", "docker"]

    def run(self, command: Command, stop: threading.Event) -> Exit:
        """Start the process, wait for it, and end whatever it left behind."""

    def close(self) -> None:
        """End all that is still there."""
