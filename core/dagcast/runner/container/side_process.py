"""Programs that run beside a job, such as pip, or a command that answers a callback: they end with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from dagcast.runner.executor import StepRun, StepStoppedError

LOOK = 0.05
"""Seconds between two looks at whether the run is being stopped."""


def call(
    run: StepRun,
    argv: Sequence[str],
    output: Path,
    *,
    folder: Path | None = None,
    errors: Path | None = None,
    given: Path = Path(os.devnull),
    timeout: float | None = None,
    keeps: Sequence[int] = (),
) -> int | None:
    """Run a program in this process's own environment, and wait for it.

    Args:
        run: The attempt at a step that needs it.
        argv: The program and its arguments.
        output: The file that its output is added to.
        folder: Its working directory; the current one if left out.
        errors: The file that its standard error is added to; ``output`` if left out.
        given: The file that is its standard input.
        timeout: Seconds until it is killed.
        keeps: Descriptors that it has open too, such as that of a lock: which is then held as long as it is there,
            even if this process is killed.

    Returns:
        Its exit code; ``None`` if its time was over.

    Raises:
        OSError: If it cannot be started.
        StepStoppedError: If the run is being stopped.
    """
    end = None if timeout is None else time.monotonic() + timeout
    with given.open("rb") as stdin, output.open("ab") as stdout, (errors or output).open("ab") as stderr:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=keeps,
        )
        try:
            while True:
                try:
                    return process.wait(LOOK)
                except subprocess.TimeoutExpired:
                    if run.stop.is_set():
                        raise StepStoppedError(f"step {run.step.name} was stopped") from None
                    if end is not None and time.monotonic() > end:
                        return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
