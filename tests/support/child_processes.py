"""Child processes that end with the test, or the block, that started them, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60
"""Seconds to wait for a process that was killed; only a process in the kernel's hands takes long."""


@contextmanager
def child_process(command: Sequence[Any], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process in a session of its own, and end it and its process group with the block.

    Args:
        command: The program and its arguments.
        **options: Further arguments of ``subprocess.Popen``.
    """
    process = subprocess.Popen(command, **{"start_new_session": True, **options})
    try:
        yield process
    finally:
        end_process(process)


def end_process(process: subprocess.Popen[Any]) -> None:
    """Kill a child and its process group, unless it has ended and was waited for, and close its pipes."""
    # Until somebody waits for the child, its id stays its own; later the system may give it to another process.
    if process.returncode is None:
        try:
            leads_a_group = os.getpgid(process.pid) == process.pid
        except ProcessLookupError:  # macOS: it has ended, and nobody waited for it
            leads_a_group = False
        if leads_a_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(PATIENCE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:  # what was written and not yet flushed has no reader
                continue


def is_gone(pid: int, seconds: float = 30) -> bool:
    """Whether a process has ended; one that was killed takes a moment, and may wait for its new parent.

    Args:
        pid: The id of the process.
        seconds: How long to wait for its end.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)


class ProcessStarter:
    """Starts processes, and ends all of them when it is closed.

    Example:
        >>> starter = ProcessStarter()
        >>> process = starter(["sleep", "600"])
        >>> starter.close()
        >>> process.returncode
        -9
    """

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __call__(self, command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
        """Start a process, as :func:`child_process` does."""
        return self._stack.enter_context(child_process(command, **options))

    def close(self) -> None:
        """End all processes, the last one first, even if one does not end."""
        self._stack.close()
