"""The process that stands over one job: it starts it, ends it in time, and leaves nothing of it behind.

It is a fork of the supervisor, and single-threaded. It runs on the standard library alone.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_LENGTH = struct.Struct("!Q")
_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)
"""What this process, or Python, handles or ignores; a job begins with the defaults."""

if _LINUX:
    _libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Set a property of this process, as Linux's ``prctl`` does; nothing on other systems.

    Raises:
        OSError: If the kernel refuses.
    """
    if _LINUX and _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one message: its length, then JSON."""
    content = json.dumps(message).encode("ascii")
    connection.sendall(_LENGTH.pack(len(content)) + content)


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Wait for one message; ``None`` if the other side is gone."""
    head = _exactly(connection, _LENGTH.size)
    content = head and _exactly(connection, _LENGTH.unpack(head)[0])
    return json.loads(content) if content else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    content = bytearray()
    while len(content) < size:
        try:
            piece = connection.recv(min(size - len(content), 1 << 20))
        except ConnectionError:
            return None
        if not piece:
            return None
        content += piece
    return bytes(content)


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


def kill(pid: int, number: int) -> None:
    """Send a signal, if the process is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_group(pid: int, number: int) -> None:
    """Send a signal to a job's process and to all of its process group."""
    kill(pid, number)
    # There may be no such group, yet or any more; of a group of zombies macOS says that it is not permitted.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def keep(job: socket.socket, stdout: int, stderr: int, runner: int | None) -> None:
    """Run one job to its end, and tell the runner how that was.

    Args:
        job: The connection to the runner: it gives the request, may ask for an end, and is told the outcome.
        stdout: The descriptor of the job's standard output.
        stderr: The descriptor of its standard error.
        runner: A descriptor that becomes readable when the runner ends, where the system has that.
    """
    request = receive(job)
    if request is None:
        return
    send(job, {"started": True})
    answer = _run(request, job, stdout, stderr, runner)
    with suppress(ConnectionError):  # the runner is gone, and nobody asks any more
        send(job, answer)


def _run(
    request: dict[str, Any], job: socket.socket, stdout: int, stderr: int, runner: int | None
) -> dict[str, Any]:
    wake = wake_on(signal.SIGCHLD, signal.SIGTERM)
    report, telling = os.pipe()
    adopt_orphans()
    begin = time.monotonic()
    pid = _fork(lambda: start(request, stdout, stderr, telling))
    os.close(telling)
    os.close(stdout)
    os.close(stderr)
    end = _Watch(pid, job, wake, runner, request["timeout"], request["grace"])
    status = end.wait()
    seconds = time.monotonic() - begin
    end_descendants(pid)
    problem = _read_all(report).decode("utf-8") or None
    code = os.waitstatus_to_exitcode(status)
    return {
        "code": code if code >= 0 and problem is None else None,
        "signal": -code if code < 0 else None,
        "timed_out": end.reason == "timeout",
        "stopped": end.reason == "stop",
        "seconds": seconds,
        "problem": problem,
    }


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as reader:
        return reader.read()


def _fork(child: Callable[[], NoReturn]) -> int:
    """Fork with all signals held back until the child has its own handling of them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        child()
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return pid


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
            left = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            ready = {
                descriptor for descriptor, _ in self._poll.poll(None if left is None else left * 1000 + 1)
            }
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
    kill_group(pid, signal.SIGKILL)
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        for child in children() if _LINUX else ():
            kill(child, signal.SIGKILL)
        os.waitpid(-1, 0)


def start(request: dict[str, Any], stdout: int, stderr: int, telling: int) -> NoReturn:
    """Become the job's process; if that cannot be, write why to ``telling`` and exit with 127."""
    try:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        telling = _only(stdout, stderr, telling)
        _change_folder(request["folder"])
        argv = request["argv"]
        os.execvpe(argv[0], argv, request["env"])
    except _CannotStartError as error:
        problem = str(error)
    except OSError as error:
        problem = _why(request["argv"][0], error)
    os.write(telling, problem.encode("utf-8", "replace"))
    os._exit(127)


class _CannotStartError(Exception):
    """Why a job cannot start."""


def _only(stdout: int, stderr: int, telling: int) -> int:
    """Have no descriptors but the standard ones, and one that exec closes."""
    null = os.open(os.devnull, os.O_RDONLY)
    high = [os.dup(descriptor) for descriptor in (null, stdout, stderr, telling)]
    spare = max(*high, 3) + 1
    for number, descriptor in enumerate(high):
        os.dup2(descriptor, spare + number)
    for number in range(3):
        os.dup2(spare + number, number)
    os.dup2(spare + 3, 3, inheritable=False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    return 3


def _change_folder(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise _CannotStartError(
            f"its working directory {folder} cannot be entered: {error.strerror}"
        ) from None


def _why(program: str, error: OSError) -> str:
    if error.errno == errno.ENOENT and "/" in program and Path(program).exists():
        return f"{program} cannot be started: the interpreter that its first line names does not exist"
    if error.errno == errno.ENOENT:
        where = "" if "/" in program else " in the folders of PATH"
        return f"{program} cannot be started: there is no such program{where}"
    if error.errno == errno.EACCES:
        return f"{program} cannot be started: it is not executable, or its file system is mounted so"
    if error.errno == errno.ENOEXEC:
        return (
            f"{program} cannot be started: it is neither a program for this kind of machine "
            "nor a script whose first line names its interpreter (#!)"
        )
    if error.errno == errno.E2BIG:
        return (
            f"{program} cannot be started: its arguments and environment are longer than this system allows"
        )
    return f"{program} cannot be started: {error.strerror}"
