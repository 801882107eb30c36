"""The small process that starts every job of a run: it forks once for each, which is cheap and safe here.

The runner has threads, and may be large: forking it is neither. This one runs on the standard library alone. It ends,
and has every job end, when the runner closes its connection or is no more. A fork always waits for the next job, so
that no job waits for a fork.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import NoReturn

from dagcast.runner.launch import job_process, keeper
from dagcast.runner.launch.confine import confinement
from dagcast.runner.launch.messages import send

_AGAIN = 0.2
"""Seconds between two requests to a keeper to end."""

_LATE = 5.0
"""Seconds after which a keeper is killed that does not end: it was stopped, or waits for a disk to start its job."""


def main(descriptor: int, hidden: str) -> None:
    """Serve the runner at the other end of a connection, until it ends.

    Each byte that comes brings three descriptors: a connection for the job, its standard output and standard error.

    Args:
        descriptor: The connection.
        hidden: What jobs without a view of their own must not use, the folder of all runs; empty if all have one.
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
    keepers = _Keepers(runner, (descriptor, wake), hidden)
    gc.freeze()
    while True:
        with suppress(OSError):  # no process more is to be had just now, and perhaps none is needed
            keepers.fork_ahead()
        ready = {opened for opened, _ in poll.poll()}
        ending = runner in ready
        if wake in ready:
            ending |= signal.SIGTERM in keeper.woken(wake)
            keepers.reap()
        if descriptor in ready:
            ending |= not _serve(control, keepers)
        if ending:
            break
    keepers.dismiss()
    ends = select.poll()
    ends.register(wake, select.POLLIN)
    late = time.monotonic() + _LATE
    while keepers.pids:
        number = signal.SIGTERM if time.monotonic() < late else signal.SIGKILL
        for pid in keepers.pids:  # again and again: one that has just begun does not yet listen
            job_process.kill(pid, number)
        ends.poll(_AGAIN * 1000)
        keeper.woken(wake)
        keepers.reap()


def _open_parent() -> int | None:
    """A descriptor that becomes readable when the runner ends; ``None`` where the system has none.

    The connection tells the same, but for a runner whose forks still hold it.
    """
    try:
        return os.pidfd_open(os.getppid()) if sys.platform == "linux" else None
    except OSError:  # a kernel before 5.3, or a sandbox that forbids it
        return None


def _serve(control: socket.socket, keepers: _Keepers) -> bool:
    """Have one job started; ``False`` if the runner has closed the connection."""
    try:
        content, descriptors, _, _ = socket.recv_fds(control, 1, 3)
    except ConnectionError:
        return False
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    if not content:
        return False
    try:
        if len(descriptors) == 3:
            keepers.hand_over(descriptors)
    except OSError as error:
        with socket.socket(fileno=os.dup(descriptors[0])) as job:
            send(job, {"problem": f"the system lets no more processes start: {error.strerror}"})
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


class _Keepers:
    """The forks of this process: each stands over one job, but for one that waits for the next.

    Args:
        runner: A descriptor that becomes readable when the runner ends, where the system has that.
        own: Descriptors that are this process's alone.
        hidden: What jobs without a view of their own must not use.

    Attributes:
        pids: The forks that are there.
    """

    def __init__(self, runner: int | None, own: tuple[int, ...], hidden: str) -> None:
        self.pids: set[int] = set()
        self._runner = runner
        self._own = own
        self._hidden = hidden
        self._line: socket.socket | None = None
        self._waiting: int | None = None

    def fork_ahead(self) -> socket.socket:
        """Have a fork that waits, if there is none: the line to it.

        Raises:
            OSError: If the system lets no more processes start.
        """
        if self._line is None:
            self._line, given = socket.socketpair()
            try:
                with given:
                    self._waiting = job_process.fork(lambda: self._wait_for_job(given))
                    self.pids.add(self._waiting)
            except OSError:
                self.dismiss()
                raise
        return self._line

    def hand_over(self, descriptors: list[int]) -> None:
        """Have the one that waits stand over a job.

        Args:
            descriptors: The connection for the job, its standard output and standard error.

        Raises:
            OSError: If none waits, and the system lets no more processes start.
        """
        while True:
            line = self.fork_ahead()
            try:
                socket.send_fds(line, [b"j"], descriptors)
                return
            except ConnectionError:  # it was killed while it waited
                continue
            finally:
                self.dismiss()

    def dismiss(self) -> None:
        """Close the line to the one that waits, which then ends, unless it has its job."""
        if self._line is not None:
            self._line.close()
        self._line = self._waiting = None

    def reap(self) -> None:
        """Wait for keepers that ended; what one left that was killed itself is killed."""
        orphans = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            orphans |= pid not in self.pids or status != 0
            self.pids.discard(pid)
            if pid == self._waiting:  # or it has its job already, and there is no line to it
                self.dismiss()
        if orphans and sys.platform == "linux":
            for child in set(keeper.children()) - self.pids:
                job_process.kill(child, signal.SIGKILL)

    def _wait_for_job(self, line: socket.socket) -> NoReturn:
        """Be a keeper, of the job that comes along the line."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self.dismiss()
        for descriptor in self._own:
            os.close(descriptor)
        confined = confinement(self._hidden) if self._hidden else None
        _, descriptors, _, _ = socket.recv_fds(line, 1, 3)
        line.close()
        if confined is not None and not confined.is_current():
            confined = confinement(self._hidden)
        if len(descriptors) == 3:
            for received in descriptors:
                os.set_inheritable(received, False)
            job, stdout, stderr = descriptors
            keeper.keep(socket.socket(fileno=job), stdout, stderr, self._runner, confined)
        os._exit(0)
