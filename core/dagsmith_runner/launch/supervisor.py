"""The small process that starts every job of a run: it forks once for each, which is cheap and safe here.

The runner has threads, and may be large: forking it is neither. This one runs on the standard library alone. It ends,
and has every job end, when the runner closes its connection or is no more.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import traceback

from dagsmith_runner.launch import keeper
from dagsmith_runner.launch.job_process import kill
from dagsmith_runner.launch.messages import send

_AGAIN = 0.2
"""Seconds between two requests to a keeper to end."""


def main(descriptor: int) -> None:
    """Serve the runner at the other end of a connection, until it ends.

    Each byte that comes brings three descriptors: a connection for the job, its standard output and standard error.
    """
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    keeper.adopt_orphans()
    wake = keeper.wake_on(signal.SIGCHLD, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    runner = _open_parent()
    poll = select.poll()
    for opened in (descriptor, wake, runner):
        if opened is not None:
            poll.register(opened, select.POLLIN)
    keepers: set[int] = set()
    gc.freeze()
    while True:
        ready = {opened for opened, _ in poll.poll()}
        ending = runner in ready
        if wake in ready:
            ending |= signal.SIGTERM in keeper.woken(wake)
            _reap(keepers)
        if descriptor in ready:
            ending |= not _serve(control, runner, keepers, (descriptor, wake))
        if ending:
            break
    ends = select.poll()
    ends.register(wake, select.POLLIN)
    while keepers:
        for pid in keepers:  # again and again: one that has just begun does not yet listen
            kill(pid, signal.SIGTERM)
        ends.poll(_AGAIN * 1000)
        keeper.woken(wake)
        _reap(keepers)


def _open_parent() -> int | None:
    """A descriptor that becomes readable when the runner ends; ``None`` where the system has none.

    The connection tells the same, but for a runner whose forks still hold it.
    """
    try:
        return os.pidfd_open(os.getppid()) if sys.platform == "linux" else None
    except OSError:  # a kernel before 5.3, or a sandbox that forbids it
        return None


def _reap(keepers: set[int]) -> None:
    """Wait for keepers that ended; what one left that was killed itself is killed."""
    orphans = False
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            break
        orphans |= pid not in keepers or os.WIFSIGNALED(status)
        keepers.discard(pid)
    if orphans and sys.platform == "linux":
        for child in set(keeper.children()) - keepers:
            kill(child, signal.SIGKILL)


def _serve(control: socket.socket, runner: int | None, keepers: set[int], own: tuple[int, ...]) -> bool:
    """Start the keeper of one job; ``False`` if the runner has closed the connection."""
    try:
        content, descriptors, _, _ = socket.recv_fds(control, 1, 3)
    except ConnectionError:
        return False
    if not content:
        return False
    for received in descriptors:
        os.set_inheritable(received, False)
    if len(descriptors) == 3:
        job = socket.socket(fileno=descriptors[0])
        try:
            pid = os.fork()
        except OSError as error:
            send(job, {"problem": f"the system lets no more processes start: {error.strerror}"})
        else:
            if pid == 0:
                _become_keeper(job, descriptors[1], descriptors[2], runner, own)
            keepers.add(pid)
        job.detach()
    for descriptor in descriptors:
        os.close(descriptor)
    return True


def _become_keeper(
    job: socket.socket, stdout: int, stderr: int, runner: int | None, own: tuple[int, ...]
) -> None:
    code = 1
    try:
        for descriptor in own:
            os.close(descriptor)
        keeper.keep(job, stdout, stderr, runner)
        code = 0
    except BaseException:  # the fork must end here whatever happens, and not go on as a second supervisor
        traceback.print_exc()
    finally:
        os._exit(code)
