"""The process that stands over one job: it starts it, ends it in time, and leaves nothing of it behind.

It is a fork of the supervisor, and single-threaded. It runs on the standard library alone.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from dagsmith_runner.launch import linux, namespace

_LINUX = sys.platform == "linux"

_LENGTH = struct.Struct("!Q")
_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)
"""What this process, or Python, handles or ignores; a job begins with the defaults."""


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    if _LINUX:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)


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
    begin = time.monotonic()
    try:
        if request["view"] is None:
            adopt_orphans()
            pid = _fork(lambda: start(request, stdout, stderr, telling))
        else:
            namespace.leave()
            pid = _fork(lambda: _lead(request, stdout, stderr, telling))
    except (OSError, linux.KernelError) as error:
        return {"problem": f"no process can be started for it: {error}"}
    for descriptor in (telling, stdout, stderr):
        os.close(descriptor)
    watch = _Watch(pid, job, wake, runner, request["timeout"], request["grace"])
    code = os.waitstatus_to_exitcode(watch.wait())
    seconds = time.monotonic() - begin
    end_descendants(pid)
    told = _told(report)
    code = told.get("code", code)
    return {
        "code": code if code >= 0 and "problem" not in told else None,
        "signal": -code if code < 0 else None,
        "timed_out": watch.reason == "timeout",
        "stopped": watch.reason in ("stop", "gone"),
        "seconds": seconds,
        "problem": told.get("problem"),
    }


def _told(report: int) -> dict[str, Any]:
    """What a job's first process, or the first of its namespace, wrote at its end."""
    with open(report, "rb") as reader:
        lines = reader.read().splitlines()
    return {name: value for line in lines for name, value in json.loads(line).items()}


def _tell(telling: int, **message: Any) -> None:
    os.write(telling, json.dumps(message).encode("ascii") + b"\n")


def _lead(request: dict[str, Any], stdout: int, stderr: int, telling: int) -> NoReturn:
    """Be the first process of a PID namespace: make the job's view, start it, and reap what ends until it does.

    The kernel kills all that is left in the namespace when this process ends.
    """
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    telling = _standard(stdout, stderr, telling)
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) > 2 and int(path.name) != telling:
            with suppress(OSError):  # the one that listed the folder
                os.close(int(path.name))
    if _is_broken(telling):
        os._exit(1)  # the keeper ended before that was to end this process
    try:
        namespace.enter(request["view"])
    except (OSError, linux.KernelError) as error:
        _tell(telling, problem=f"its view of this machine cannot be made: {error}")
        os._exit(1)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    if request["argv"] is None:
        os._exit(0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, lambda *_: kill_group(pid, signal.SIGTERM))
    pid = _fork(lambda: start(request, 1, 2, telling))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            break
    _tell(telling, code=os.waitstatus_to_exitcode(status))
    os._exit(0)


def _is_broken(telling: int) -> bool:
    """Whether nobody reads any more what is written to a pipe."""
    poll = select.poll()
    poll.register(telling, 0)
    return bool(poll.poll(0))


def _fork(child: Callable[[], NoReturn]) -> int:
    """Fork with all signals held back until the child has its own handling of them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException:  # whatever it is, the fork must not go on as a second keeper
            traceback.print_exc()
        finally:
            os._exit(1)
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
        os.setsid()
        if _LINUX:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            if request["view"] is not None:
                namespace.drop_privileges()
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        telling = _standard(stdout, stderr, telling)
        _change_folder(request["folder"])
        argv = request["argv"]
        os.execvpe(argv[0], argv, request["env"])
    except (_CannotStartError, linux.KernelError) as error:
        problem = f"{request['argv'][0]} cannot be started: {error}"
    except OSError as error:
        problem = _why(request["argv"][0], error)
    _tell(telling, problem=problem)
    os._exit(127)


class _CannotStartError(Exception):
    """Why a job cannot start."""


def _standard(stdout: int, stderr: int, telling: int) -> int:
    """Have an empty standard input, and these as outputs: ``telling`` under a number that is none of theirs.

    Every other descriptor closes on exec, as Python and the supervisor have opened it so.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3) for number in (null, stdout, stderr, telling)]
    for number in range(3):
        os.dup2(high[number], number)
    return high[3]


def _change_folder(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise _CannotStartError(
            f"its working directory {folder} cannot be entered: {error.strerror}"
        ) from None


def _why(program: str, error: OSError) -> str:
    if error.errno == errno.ENOENT and "/" in program and os.access(program, os.F_OK):
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
