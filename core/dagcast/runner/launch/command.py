"""The process of a job as data: the command to start, and how the process ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagcast.frozen_dataclass import dataclass

ML_PATH = "/opt/ml"
"""The folder of a job inside its container. Source: SageMaker Developer Guide, "Use Your Own Training Algorithms"."""


DONT_WRITE_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""The variable by which Python writes no bytecode. Source: Python's manual."""

HOST = "algo-1"
"""The name of the only host of a local job. Source: SageMaker Developer Guide, "Distributed Training Configuration"."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """The command of a job's process, and the limits it runs under.

    Attributes:
        argv: The program and its arguments, as the container would get them. ``python`` and ``python3`` stand for
            the interpreter in ``python``.
        environment: All environment variables, as the container would get them.
        ml_folder: The folder of this machine that the job sees as :data:`ML_PATH`.
        working_directory: An absolute path inside the container, such as ``/opt/ml/code``; ``None`` means that of the
            image. Without a container that is ``/``, as in images that set none, or :data:`ML_PATH` if the job cannot
            write to ``/``.
        stdout: The file that receives the standard output.
        stderr: The file that receives the standard error.
        timeout: Seconds until the process is ended; ``None`` means no limit.
        python: The interpreter of the step's Python environment.
        image: The container image, for launchers that use a container engine.
        has_network: Whether the process can use the network.
        has_program: Whether ``argv`` starts with the program. If not, ``argv`` holds the arguments of the image's own
            entrypoint, and only launchers that use a container engine can run it.
        has_terminal: Whether the process gets the user's terminal. What it prints is in ``stdout`` as well.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    ml_folder: Path
    working_directory: str | None
    stdout: Path
    stderr: Path
    timeout: float | None = None
    python: Path | None = None
    image: str | None = None
    has_network: bool = True
    has_program: bool = True
    has_terminal: bool = False


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a process ended.

    Attributes:
        code: Its exit code; ``None`` if a signal ended it or it never started.
        signal: The number of the signal that ended it.
        timed_out: Whether it was ended because it exceeded its timeout.
        stopped: Whether it was ended because the run is stopping.
        seconds: How long it ran.
        problem: Why it did not start, or why its outcome is unknown.
        lost: Whether it was ended because the process that monitors it ended.
    """

    code: int | None
    signal: int | None = None
    timed_out: bool = False
    stopped: bool = False
    seconds: float = 0.0
    problem: str | None = None
    lost: bool = False
