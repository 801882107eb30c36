"""The process that stands over one job: it starts it, ends it in time, and leaves nothing of it behind.

It is a fork of the supervisor, and single-threaded. It runs on the standard library alone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from dagcast.runner.launch import job_process, linux, namespace
from dagcast.runner.launch.confine import Confinement
from dagcast.runner.launch.job_process import kill, kill_group
from dagcast.runner.launch.messages import receive, send

_LINUX = sys.platform == "linux"

_LONGEST_WAIT = 3600.0
"""Seconds: poll takes no number of milliseconds beyond 31 bits, and jobs may have 28 days."""

_GONE = "the process that stands over the job was told to end, and so the job was ended"

_BROKEN = "the first process of the job's namespaces failed; the job's standard error says more"


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    if _LINUX:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)


def wake_on(*numbers: int) -> int:
    """Have these signals do nothing but make a descriptor readable; that descriptor."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reader


def woken(reader: int) -> bytes:
    """The numbers of the signals that came, one byte each."""
    try:
        return os.read(reader, 1 << 12)
    except BlockingIOError:
        return b""


def children() -> list[int]:
    """The processes whose parent this one is (Linux)."""
    own = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{own}/children").read_text("ascii").split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        found = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [int(pid) for pid in found if _parent(pid) == own]


def _parent(pid: str) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def keep(
    job: socket.socket, stdout: int, stderr: int, runner: int | None, confined: Confinement | None
) -> None:
    """Run one job to its end, and tell the runner how that was.

    Args:
        job: The connection to the runner: it gives the request, may ask for an end, and is told the outcome.
        stdout: The descriptor of the job's standard output.
        stderr: The descriptor of its standard error.
        runner: A descriptor that becomes readable when the runner ends, where the system has that.
        confined: What jobs without a view of their own may use.
    """
    request = receive(job)
    if request is None:
        return
    with suppress(ConnectionError):  # the runner is gone: nobody asks any more, and the job is ended
        send(job, {"started": True, "keeper": os.getpid()})
    answer = _run(request, job, stdout, stderr, runner, confined)
    with suppress(ConnectionError):
        send(job, answer)


def _run(
    request: dict[str, Any],
    job: socket.socket,
    stdout: int,
    stderr: int,
    runner: int | None,
    confined: Confinement | None,
) -> dict[str, Any]:
    wake = wake_on(signal.SIGCHLD, signal.SIGTERM)
    report, telling = os.pipe()
    begin = time.monotonic()
    try:
        if request["view"] is None:
            adopt_orphans()
            if _LINUX:
                linux.prctl(
                    linux.PR_SET_DUMPABLE, 0
                )  # or the job could look into this process, and act as it
            if confined is not None:
                confined.enforce(request["own"], request["needed"], (stdout, stderr))
            pid = job_process.spawn(request, stdout, stderr)
        else:
            namespace.leave()
            pid = job_process.fork(lambda: job_process.lead(request, stdout, stderr, telling))
    except job_process.CannotStartError as error:
        return {"problem": str(error)}
    except (OSError, linux.KernelError) as error:
        return {"problem": f"the job cannot be started: {error}"}
    for descriptor in (telling, stdout, stderr):
        os.close(descriptor)
    watch = _Watch(pid, job, wake, runner, request["timeout"], request["grace"])
    status = watch.wait()
    seconds = time.monotonic() - begin
    end_descendants(pid)
    told = _told(report)
    if request["view"] is not None and not told and os.WIFEXITED(status):
        told = {"problem": _BROKEN}
    code = told.get("code", os.waitstatus_to_exitcode(status))
    lost = watch.reason == "gone" and code < 0
    if lost:
        told = {"problem": _GONE}
    return {
        "code": code if code >= 0 and "problem" not in told else None,
        "signal": -code if code < 0 else None,
        "timed_out": watch.reason == "timeout",
        "stopped": watch.reason == "stop",
        "seconds": seconds,
        "problem": told.get("problem"),
        "lost": lost,
    }


def _told(report: int) -> dict[str, Any]:
    """What a job's first process, or the first of its namespace, wrote at its end."""
    with open(report, "rb") as reader:
        lines = reader.read().splitlines()
    return {name: value for line in lines for name, value in json.loads(line).items()}


class _Watch:
    """Waits for a process, and ends it when its time is over, when asked, or when the runner is gone.

    Attributes:
        reason: Why it was ended: ``timeout``, ``stop``, ``gone``; ``None`` if it was not.
    """

    def __init__(
        self,
        pid: int,
        job: socket.socket,
        wake: int,
        runner: int | None,
        timeout: float | None,
        grace: float,
    ) -> None:
        self.reason: str | None = None
        self._pid = pid
        self._job = job
        self._wake = wake
        self._grace = grace
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._runner = runner
        self._poll = select.poll()
        for descriptor in (job.fileno(), wake, runner):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)

    def wait(self) -> int:
        """Wait for the end of the process: its status."""
        while (status := self._reap()) is None:
            left = _LONGEST_WAIT if self._deadline is None else self._deadline - time.monotonic()
            milliseconds = 1000 * min(max(left, 0), _LONGEST_WAIT) + 1
            ready = {descriptor for descriptor, _ in self._poll.poll(milliseconds)}
            gone = self._runner in ready
            if self._wake in ready:
                gone |= signal.SIGTERM in woken(self._wake)
            if self._job.fileno() in ready:
                gone |= not self._asked_to_stop()
            if gone:
                self._end("gone")
            elif self._deadline is not None and time.monotonic() >= self._deadline:
                self._end(self.reason or "timeout")
        return status

    def _reap(self) -> int | None:
        found = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return found
            if pid == 0:
                return found
            if pid == self._pid:
                found = status

    def _asked_to_stop(self) -> bool:
        """Take a message: a request to stop, or the end of the connection, which is ``False``."""
        if receive(self._job) is None:
            return False
        if self.reason is None:
            self._end("stop")
        return True

    def _end(self, reason: str) -> None:
        first = self.reason is None
        self.reason = reason if first or reason == "gone" else self.reason
        if first and reason != "gone":
            kill_group(self._pid, signal.SIGTERM)
            self._deadline = time.monotonic() + self._grace
            return
        kill_group(self._pid, signal.SIGKILL)
        self._deadline = None
        if reason == "gone":  # what says so stays readable
            self._poll = select.poll()
            self._poll.register(self._wake, select.POLLIN)


def end_descendants(pid: int) -> None:
    """Kill all that a job whose process ``pid`` has ended left behind, and wait until it is gone."""
    if not _LINUX:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        return
    pause = 0.001
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        for child in children():
            kill(child, signal.SIGKILL)
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
