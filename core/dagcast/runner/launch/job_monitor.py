"""The process that monitors one job: it starts the job, ends it in time, and leaves no process of it behind.

A monitor is a single-threaded fork of the supervisor, and imports the standard library only.
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
from dagcast.runner.launch.job_process import kill_group, kill_process
from dagcast.runner.launch.landlock import LandlockRules
from dagcast.runner.launch.socket_messages import receive_message, send_message

_LINUX = sys.platform == "linux"

_LONGEST_WAIT = 3600.0
"""Seconds. poll(2) takes at most 2**31 - 1 milliseconds, and a job can last 28 days."""

_MONITOR_ENDED = "the process that monitors the job received SIGTERM, so the job was ended"

_INIT_FAILED = "the init process of the job's namespaces failed; see the job's standard error"


def become_subreaper() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    if _LINUX:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)


def make_signal_pipe(*numbers: int) -> int:
    """Handle these signals by writing to a pipe, and return its read end.

    So one poll(2) waits for signals and for sockets, and no signal is lost between a check and the wait.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # Only signals that have a Python handler are written to the pipe.
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reader


def read_signals(reader: int) -> bytes:
    """Return the numbers of the signals received since the last call, one byte each."""
    try:
        return os.read(reader, 1 << 12)
    except BlockingIOError:
        return b""


def list_children() -> list[int]:
    """List the process IDs of this process's children (Linux)."""
    own = os.getpid()
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{own}/children").read_text("ascii").split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        found = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [int(pid) for pid in found if _read_parent(pid) == own]


def _read_parent(pid: str) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def monitor_job(
    job: socket.socket, stdout: int, stderr: int, runner_fd: int | None, landlock: LandlockRules | None
) -> None:
    """Run one job to its end, and report the outcome to the runner.

    Args:
        job: The connection to the runner. It brings the request and perhaps a request to stop, and takes the outcome.
        stdout: The descriptor of the job's standard output.
        stderr: The descriptor of the job's standard error.
        runner_fd: A descriptor that becomes readable when the runner ends; ``None`` where the system has none.
        landlock: The file access rules for a job without namespaces.
    """
    request = receive_message(job)
    if request is None:
        return
    with suppress(ConnectionError):  # the runner ended: _JobWait notices, and kills the job
        send_message(job, {"started": True, "monitor": os.getpid()})
    outcome = _run(request, job, stdout=stdout, stderr=stderr, runner_fd=runner_fd, landlock=landlock)
    with suppress(ConnectionError):
        send_message(job, outcome)


def _run(
    request: dict[str, Any],
    job: socket.socket,
    *,
    stdout: int,
    stderr: int,
    runner_fd: int | None,
    landlock: LandlockRules | None,
) -> dict[str, Any]:
    signal_fd = make_signal_pipe(signal.SIGCHLD, signal.SIGTERM)
    report_reader, report_writer = os.pipe()
    begin = time.monotonic()
    try:
        if request["view"] is None:
            become_subreaper()
            # The order matters: the subreaper flag must be set before the first process of the job can be orphaned,
            # and the rules must be enforced before the job starts, because it inherits them.
            if _LINUX:
                # Without this the job, which has the same user, could trace this process and act as it.
                linux.prctl(linux.PR_SET_DUMPABLE, 0)
            if landlock is not None:
                landlock.enforce(request["writable"], request["required"], (stdout, stderr))
            pid = job_process.spawn(request, stdout, stderr)
        else:
            namespace.unshare_for_child()
            pid = job_process.fork_child(lambda: job_process.run_init(request, stdout, stderr, report_writer))
    except job_process.CannotStartError as error:
        return {"problem": str(error)}
    except (OSError, linux.KernelError) as error:
        return {"problem": f"the job cannot be started: {error}"}
    # _read_report reads to the end of the pipe, and so would wait for ever for this process's own write end.
    for descriptor in (report_writer, stdout, stderr):
        os.close(descriptor)
    wait = _JobWait(
        pid,
        job=job,
        signal_fd=signal_fd,
        runner_fd=runner_fd,
        timeout=request["timeout"],
        grace=request["grace"],
    )
    status = wait.wait()
    seconds = time.monotonic() - begin
    end_descendants(pid)
    report = _read_report(report_reader)
    if request["view"] is not None and not report and os.WIFEXITED(status):
        report = {"problem": _INIT_FAILED}
    code = report.get("code", os.waitstatus_to_exitcode(status))
    lost = wait.reason == "gone" and code < 0
    if lost:
        report = {"problem": _MONITOR_ENDED}
    return {
        "code": code if code >= 0 and "problem" not in report else None,
        "signal": -code if code < 0 else None,
        "timed_out": wait.reason == "timeout",
        "stopped": wait.reason == "stop",
        "seconds": seconds,
        "problem": report.get("problem"),
        "lost": lost,
    }


def _read_report(report_reader: int) -> dict[str, Any]:
    """Read what the init process, or the job's process before exec, wrote to the pipe."""
    with open(report_reader, "rb") as reader:
        lines = reader.read().splitlines()
    return {name: value for line in lines for name, value in json.loads(line).items()}


class _JobWait:
    """Waits for a process. Ends it at its timeout, on request, or when the runner is gone.

    Attributes:
        reason: Why the process was ended: ``timeout``, ``stop`` or ``gone``; ``None`` if it ended by itself.
    """

    def __init__(
        self,
        pid: int,
        *,
        job: socket.socket,
        signal_fd: int,
        runner_fd: int | None,
        timeout: float | None,
        grace: float,
    ) -> None:
        self.reason: str | None = None
        self._pid = pid
        self._job = job
        self._signal_fd = signal_fd
        self._grace = grace
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._runner_fd = runner_fd
        self._poll = select.poll()
        for descriptor in (job.fileno(), signal_fd, runner_fd):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)

    def wait(self) -> int:
        """Wait until the process has ended, and return its wait status."""
        while (status := self._reap()) is None:
            left = _LONGEST_WAIT if self._deadline is None else self._deadline - time.monotonic()
            milliseconds = 1000 * min(max(left, 0), _LONGEST_WAIT) + 1
            ready = {descriptor for descriptor, _ in self._poll.poll(milliseconds)}
            must_kill = self._runner_fd in ready
            if self._signal_fd in ready:
                must_kill |= signal.SIGTERM in read_signals(self._signal_fd)
            if self._job.fileno() in ready:
                must_kill |= not self._read_stop_request()
            if must_kill:
                self._end_job("gone")
            elif self._deadline is not None and time.monotonic() >= self._deadline:
                self._end_job(self.reason or "timeout")
        return status

    def _reap(self) -> int | None:
        """Reap all children that ended. Return the wait status of the job's process if it is one of them."""
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

    def _read_stop_request(self) -> bool:
        """Receive a message. A message asks to stop; the end of the connection returns ``False``."""
        if receive_message(self._job) is None:
            return False
        if self.reason is None:
            self._end_job("stop")
        return True

    def _end_job(self, reason: str) -> None:
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
            self._poll.register(self._signal_fd, select.POLLIN)


def end_descendants(pid: int) -> None:
    """Kill every process that the ended job ``pid`` left behind, and wait until none is left."""
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
        # A killed process is a child until it is reaped, and hands its own children to this process when it dies.
        # So reaping and killing alternate until waitpid finds no child.
        for child in list_children():
            kill_process(child, signal.SIGKILL)
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
