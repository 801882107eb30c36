"""What a keeper starts: the job's process, or before it the first process of its namespaces.

A fork never returns here. What keeps it from starting the job it writes as JSON to a pipe, which exec closes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from dagcast.runner.launch import linux, namespace

_RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ)
"""What this process, or Python, handles or ignores; a job begins with the defaults."""


def kill(pid: int, number: int) -> None:
    """Send a signal, if the process is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_group(pid: int, number: int) -> None:
    """Send a signal to a job's process and to all of its process group: once to each, as each may handle it."""
    # There may be no such group, yet or any more; of a group of zombies macOS says that it is not permitted.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    with suppress(ProcessLookupError):
        if os.getpgid(pid) != pid:
            os.kill(pid, number)


def fork(child: Callable[[], NoReturn]) -> int:
    """Fork with all signals held back until the child has its own handling of them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _never_return(child)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    return pid


def _never_return(child: Callable[[], NoReturn]) -> NoReturn:
    try:
        child()
    except BaseException:  # whatever it is, the fork must not go on as a second keeper
        traceback.print_exc()
    finally:
        os._exit(1)


class CannotStartError(Exception):
    """Why a job cannot start."""


def spawn(request: dict[str, Any], stdout: int, stderr: int) -> int:
    """Start a job that sees this machine as it is, and enter its working directory: its process.

    The system makes the process without copying this one, which takes less than half of the time of a fork.

    Raises:
        CannotStartError: If it cannot be started.
    """
    argv, environment = request["argv"], request["env"]
    try:
        with _high(stdout, stderr) as descriptors:
            _change_folder(request["folder"])
            return os.posix_spawn(
                _found(argv[0], environment["PATH"]),
                argv,
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, number, place) for place, number in enumerate(descriptors)
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_RESET,
            )
    except (CannotStartError, OSError) as error:
        raise CannotStartError(_why(argv[0], error)) from error


def start(request: dict[str, Any], stdout: int, stderr: int, telling: int) -> NoReturn:
    """Become the process of a job that has a view of its own; if that cannot be, write why to ``telling``."""
    try:
        os.setsid()
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        namespace.drop_privileges()
        signal.set_wakeup_fd(-1)
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        telling = _standard(stdout, stderr, telling)
        _change_folder(request["folder"])
        argv, environment = request["argv"], request["env"]
        os.execve(_found(argv[0], environment["PATH"]), argv, environment)
    except (CannotStartError, linux.KernelError, OSError) as error:
        _tell(telling, problem=_why(request["argv"][0], error))
    os._exit(127)


@contextmanager
def _high(*outputs: int) -> Iterator[list[int]]:
    """An empty standard input and these, each under a number that is none of the standard ones."""
    with Path(os.devnull).open("rb") as null:
        descriptors = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3) for number in (null.fileno(), *outputs)]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _standard(stdout: int, stderr: int, telling: int) -> int:
    """Have an empty standard input, and these as outputs: ``telling`` under a number that is none of theirs.

    Every other descriptor closes on exec, as Python and the supervisor have opened it so.
    """
    with _high(stdout, stderr, telling) as descriptors:
        for number in range(3):
            os.dup2(descriptors[number], number)
        return fcntl.fcntl(descriptors[3], fcntl.F_DUPFD_CLOEXEC, 3)


def _change_folder(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise CannotStartError(
            f"its working directory {folder} cannot be entered: {error.strerror}"
        ) from None


def _found(program: str, path: str) -> str:
    """The program itself; a name without a slash is looked for in the folders of ``PATH``.

    Unlike :func:`os.execvpe` it passes over folders that the user may not enter, as shells do.
    """
    if "/" in program:
        return program
    found = [f"{folder or '.'}/{program}" for folder in path.split(os.pathsep)]
    there = [each for each in found if os.access(each, os.F_OK) and not Path(each).is_dir()]
    executable = [each for each in there if os.access(each, os.X_OK)]
    if not there:
        raise CannotStartError("there is no such program in the folders of PATH")
    return (executable or there)[0]


def _why(program: str, error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"{program} cannot be started: {error}"
    if error.errno == errno.ENOENT and "/" in program and os.access(program, os.F_OK):
        return f"{program} cannot be started: the interpreter that its first line names does not exist"
    if error.errno == errno.ENOENT:
        return f"{program} cannot be started: there is no such program"
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


def _tell(telling: int, **message: Any) -> None:
    os.write(telling, json.dumps(message).encode("ascii") + b"\n")


def lead(request: dict[str, Any], stdout: int, stderr: int, telling: int) -> NoReturn:
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
        _tell(telling, problem=f"the job's view of this machine cannot be made: {error}")
        os._exit(1)
    if request["argv"] is None:
        _tell(telling, code=0)
        os._exit(0)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, lambda *_: kill_group(pid, signal.SIGTERM))
    try:
        pid = fork(lambda: start(request, 1, 2, telling))
    except OSError as error:
        _tell(telling, problem=f"the job cannot be started: {error.strerror}")
        os._exit(1)
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
