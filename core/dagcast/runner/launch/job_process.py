"""Starts a job's process, and for a job with namespaces the init process that runs before it.

A forked child never returns from these functions. It reports errors as JSON on a pipe that exec closes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import termios
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from dagcast.runner.launch import linux, namespace

_DEFAULT_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGPIPE,
    signal.SIGXFSZ,
)
"""Signals that this process or Python handles or ignores. A job starts with their default actions."""


def kill_process(pid: int, signal_number: int) -> None:
    """Send a signal to a process, if it still exists."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def kill_group(pid: int, signal_number: int) -> None:
    """Send a signal once to a job's process and once to each other process of its group."""
    # The group does not exist before setsid and after its last member ended; macOS denies signals to zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)
    # A process that has not called setsid yet is still in the caller's group, so killpg did not reach it.
    with suppress(ProcessLookupError):
        if os.getpgid(pid) != pid:
            os.kill(pid, signal_number)


def fork_child(child: Callable[[], NoReturn]) -> int:
    """Fork, call ``child`` in the new process, and return its process ID.

    ``child`` starts with all signals blocked, unblocks them when its handlers are set, and never returns.
    """
    # All signals are blocked around the fork: one that arrives in between would run this process's handler in the
    # child, and the write to the wakeup pipe, which both share, would wake the wrong process.
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _never_return(child)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
    return pid


def _never_return(child: Callable[[], NoReturn]) -> NoReturn:
    try:
        child()
    except BaseException:  # the child must not continue as a second monitor, whatever happens
        traceback.print_exc()
    finally:
        os._exit(1)  # without the parent's exit handlers and buffered output


class CannotStartError(Exception):
    """Why a job cannot start."""


def spawn(request: dict[str, Any], stdout: int, stderr: int) -> int:
    """Start a job without namespaces in its working directory, and return its process ID.

    ``posix_spawn`` does not copy this process, and takes less than half of the time of a fork.

    Raises:
        CannotStartError: If the job cannot start.
    """
    argv, environment = request["argv"], request["env"]
    try:
        with _above_standard_fds(stdout, stderr) as descriptors:
            # posix_spawn cannot change the directory, so this process, which serves only this job, enters it.
            _change_folder(request["folder"])
            return os.posix_spawn(
                _find_program(argv[0], environment["PATH"]),
                argv,
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, source, target)
                    for target, source in enumerate(
                        [descriptors[1], *descriptors[1:]] if request["terminal"] else descriptors
                    )
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_DEFAULT_SIGNALS,
            )
    except (CannotStartError, OSError) as error:
        raise CannotStartError(_explain_failure(argv[0], error)) from error


def exec_job(request: dict[str, Any], stdout: int, stderr: int, report_fd: int) -> NoReturn:
    """Execute the program of a job that has namespaces, in this process; report to ``report_fd`` if that fails."""
    try:
        # First: the job gets its own session and group, so that signals to it reach what it starts, and nothing else.
        os.setsid()
        # The job dies with init, its parent.
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        namespace.drop_privileges()
        # Handlers are removed before signals are unblocked: the parent's must not run in the job.
        signal.set_wakeup_fd(-1)
        for signal_number in _DEFAULT_SIGNALS:
            signal.signal(signal_number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        report_fd = _install_standard_fds(stdout, stderr, report_fd)
        if request["terminal"]:
            # After setsid: only the leader of a session without a terminal can take one.
            os.dup2(1, 0)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        _change_folder(request["folder"])
        argv, environment = request["argv"], request["env"]
        os.execve(_find_program(argv[0], environment["PATH"]), argv, environment)
    except (CannotStartError, linux.KernelError, OSError) as error:
        _write_report(report_fd, problem=_explain_failure(request["argv"][0], error))
    os._exit(127)


@contextmanager
def _above_standard_fds(*outputs: int) -> Iterator[list[int]]:
    """Yield an empty standard input and ``outputs``, duplicated to descriptors above 2.

    So ``dup2`` to 0, 1 and 2 cannot overwrite one that is still needed.
    """
    with Path(os.devnull).open("rb") as null:
        descriptors = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 3) for each in (null.fileno(), *outputs)]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _install_standard_fds(stdout: int, stderr: int, report_fd: int) -> int:
    """Install an empty standard input and the outputs as descriptors 0 to 2.

    All other descriptors close on exec, because Python and the supervisor open them that way.

    Returns:
        A duplicate of ``report_fd`` above 2.
    """
    with _above_standard_fds(stdout, stderr, report_fd) as descriptors:
        for target in range(3):
            os.dup2(descriptors[target], target)
        return fcntl.fcntl(descriptors[3], fcntl.F_DUPFD_CLOEXEC, 3)


def _change_folder(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise CannotStartError(
            f"its working directory {folder!r} cannot be entered: {error.strerror}"
        ) from None


def _find_program(program: str, path: str) -> str:
    """Return the path of a program. A name without a slash is searched for in the folders of ``path``.

    Unlike :func:`os.execvpe`, the search skips folders that the user cannot enter, as shells do.
    """
    if "/" in program:
        return program
    candidates = [f"{folder or '.'}/{program}" for folder in path.split(os.pathsep)]
    existing = [each for each in candidates if os.access(each, os.F_OK) and not Path(each).is_dir()]
    executable = [each for each in existing if os.access(each, os.X_OK)]
    if not existing:
        raise CannotStartError("it is not in any folder of PATH")
    return (executable or existing)[0]


def _explain_failure(program: str, error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"{program} cannot be started: {error}"
    if error.errno == errno.ENOENT and "/" in program and os.access(program, os.F_OK):
        return f"{program} cannot be started: the interpreter in its first line does not exist"
    if error.errno == errno.ENOENT:
        return f"{program} cannot be started: no such file"
    if error.errno == errno.EACCES:
        return f"{program} cannot be started: it is not executable, or its file system is mounted noexec"
    if error.errno == errno.ENOEXEC:
        return (
            f"{program} cannot be started: it is neither a program for this machine "
            "nor a script that names its interpreter in its first line (#!)"
        )
    if error.errno == errno.E2BIG:
        return f"{program} cannot be started: its arguments and environment exceed the limit of this system"
    return f"{program} cannot be started: {error.strerror}"


def _write_report(report_fd: int, **message: Any) -> None:
    os.write(report_fd, json.dumps(message).encode("ascii") + b"\n")


def run_init(request: dict[str, Any], stdout: int, stderr: int, report_fd: int) -> NoReturn:
    """Be the first process of a PID namespace: build the job's root, start the job, and reap processes until it ends.

    The kernel kills all other processes of the namespace when this one ends.
    """
    # First, so that the job ends with its monitor from now on; _has_no_reader covers the time before this call.
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    report_fd = _install_standard_fds(stdout, stderr, report_fd)
    # Init never calls exec, so its inherited descriptors must be closed by hand: the job's connection to the runner,
    # for one, would otherwise stay open when the monitor dies.
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) > 2 and int(path.name) != report_fd:
            with suppress(OSError):  # the descriptor that listed the folder
                os.close(int(path.name))
    if _has_no_reader(report_fd):
        os._exit(1)  # the monitor ended before PR_SET_PDEATHSIG was set, so the kernel sends no signal
    try:
        namespace.enter_job_root(request["view"])
    except (OSError, linux.KernelError) as error:
        _write_report(report_fd, problem=f"the job's file system cannot be set up: {error}")
        os._exit(1)
    if request["argv"] is None:
        _write_report(report_fd, code=0)
        os._exit(0)
    # Before the job starts: it has the same user, and could otherwise trace this process and act as it.
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    signal.set_wakeup_fd(-1)
    # The kernel delivers only signals that init handles. Signals are still blocked, so "pid" is set before this runs.
    signal.signal(signal.SIGTERM, lambda *_: kill_group(pid, signal.SIGTERM))
    try:
        pid = fork_child(lambda: exec_job(request, 1, 2, report_fd))
    except OSError as error:
        _write_report(report_fd, problem=f"the job cannot be started: {error.strerror}")
        os._exit(1)
    # After the fork: the handler uses "pid". A SIGTERM that arrived before is delivered now.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:  # other children are orphans that init adopted
            break
    _write_report(report_fd, code=os.waitstatus_to_exitcode(status))
    os._exit(0)


def _has_no_reader(report_fd: int) -> bool:
    """Whether the other end of a pipe is closed."""
    poll = select.poll()
    poll.register(report_fd, 0)
    return bool(poll.poll(0))
