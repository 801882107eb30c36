"""Runs helper programs of a step, such as pip or a callback's command. They end with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from dagcast.runner.executors.executor import StepAttempt, StepStoppedError

POLL_SECONDS = 0.05
"""Seconds between two checks whether the run is stopping."""


def run_program(
    attempt: StepAttempt,
    argv: Sequence[str],
    output: Path,
    *,
    folder: Path | None = None,
    errors: Path | None = None,
    stdin_file: Path = Path(os.devnull),
    timeout: float | None = None,
    inherited_fds: Sequence[int] = (),
) -> int | None:
    """Run a program in this process's environment, and wait for it.

    Args:
        attempt: The attempt at the step that needs it.
        argv: The program and its arguments.
        output: The file to which its standard output is appended.
        folder: Its working directory; the current one by default.
        errors: The file to which its standard error is appended; ``output`` by default.
        stdin_file: The file that is its standard input.
        timeout: Seconds until it is killed.
        inherited_fds: Descriptors that it inherits. If one has a lock, the lock is held until the program ends, even
            if this process is killed.

    Returns:
        Its exit code; ``None`` if the timeout was exceeded.

    Raises:
        OSError: If it cannot start.
        StepStoppedError: If the run is stopping.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with stdin_file.open("rb") as stdin, output.open("ab") as stdout, (errors or output).open("ab") as stderr:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # so that killpg below reaches its children too, and Ctrl-C does not
            pass_fds=inherited_fds,
        )
        try:
            while True:
                try:
                    return process.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    if attempt.stop.is_set():
                        raise StepStoppedError(f"step {attempt.step.name} was stopped") from None
                    if deadline is not None and time.monotonic() > deadline:
                        return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
