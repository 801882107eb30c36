"""The small process that starts every job of a run. It forks one monitor for each job.

The runner has threads and can be large, so forking it is neither safe nor fast. The supervisor is single-threaded and
imports the standard library only. It ends all jobs, and itself, when the runner closes its connection or ends. One
forked monitor always waits for the next job, so that no job waits for a fork.
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

from dagcast.runner.launch import job_monitor, job_process
from dagcast.runner.launch.landlock import make_landlock_rules
from dagcast.runner.launch.socket_messages import send_message

_SIGNAL_INTERVAL = 0.2
"""Seconds between two SIGTERM to a monitor that has not ended."""

_END_TIMEOUT = 5.0
"""Seconds until a monitor that does not end is killed: it is stopped, or a disk blocks the start of its job."""


def main(descriptor: int, runs_folder: str) -> None:
    """Serve the runner at the other end of a connection, until it ends.

    Each byte on the connection carries three descriptors: the connection of a job, its standard output and error.

    Args:
        descriptor: The connection.
        runs_folder: The folder that jobs without namespaces cannot use; empty if all jobs have namespaces.
    """
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    # Before the first fork: this process adopts, and kills, the job of a monitor that is killed.
    job_monitor.become_subreaper()
    signal_fd = job_monitor.make_signal_pipe(signal.SIGCHLD, signal.SIGTERM)
    # Ctrl-C and a closed terminal are for the runner, which closes the connection when it wants jobs to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    runner_fd = _open_parent()
    poll = select.poll()
    for opened in (descriptor, signal_fd, runner_fd):
        if opened is not None:
            poll.register(opened, select.POLLIN)
    monitors = _Monitors(runner_fd, (descriptor, signal_fd), runs_folder)
    gc.freeze()  # a collection in a forked child would otherwise copy the pages of all objects made so far
    while True:
        with suppress(OSError):  # no process can be started now, and perhaps none is needed
            monitors.fork_idle()
        ready = {opened for opened, _ in poll.poll()}
        must_end = runner_fd in ready
        if signal_fd in ready:
            must_end |= signal.SIGTERM in job_monitor.read_signals(signal_fd)
            monitors.reap()
        if descriptor in ready:
            must_end |= not _start_job(control, monitors)
        if must_end:
            break
    # The idle monitor ends when its socket closes. The others end their jobs on SIGTERM.
    monitors.close_idle()
    signal_poll = select.poll()
    signal_poll.register(signal_fd, select.POLLIN)
    deadline = time.monotonic() + _END_TIMEOUT
    while monitors.pids:
        number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        for pid in monitors.pids:  # repeated: a new monitor has no handler for it yet
            job_process.kill_process(pid, number)
        signal_poll.poll(_SIGNAL_INTERVAL * 1000)
        job_monitor.read_signals(signal_fd)
        monitors.reap()


def _open_parent() -> int | None:
    """Return a descriptor that becomes readable when the runner ends; ``None`` where the system has none.

    The connection closes then too, unless a fork of the runner still holds it.
    """
    try:
        return os.pidfd_open(os.getppid()) if sys.platform == "linux" else None
    except OSError:  # a kernel before 5.3, or a sandbox that forbids it
        return None


def _start_job(control: socket.socket, monitors: _Monitors) -> bool:
    """Receive the descriptors of a job, and give them to a monitor. ``False`` if the runner closed the connection."""
    try:
        content, descriptors, _, _ = socket.recv_fds(control, 1, 3)
    except ConnectionError:
        return False
    # Descriptors from recv_fds are inheritable; a job would get those of other jobs.
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    if not content:
        return False
    try:
        if len(descriptors) == 3:
            monitors.assign_job(descriptors)
    except OSError as error:
        with socket.socket(fileno=os.dup(descriptors[0])) as job:
            send_message(job, {"problem": f"the system cannot start another process: {error.strerror}"})
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


class _Monitors:
    """The forks of this process. Each monitors one job, and one is idle until the next job.

    Args:
        runner_fd: A descriptor that becomes readable when the runner ends; ``None`` where the system has none.
        supervisor_fds: Descriptors that monitors close.
        runs_folder: The folder that jobs without namespaces cannot use; empty if all jobs have namespaces.

    Attributes:
        pids: The process IDs of the monitors.
    """

    def __init__(self, runner_fd: int | None, supervisor_fds: tuple[int, ...], runs_folder: str) -> None:
        self.pids: set[int] = set()
        self._runner_fd = runner_fd
        self._supervisor_fds = supervisor_fds
        self._runs_folder = runs_folder
        self._idle_socket: socket.socket | None = None
        self._idle_pid: int | None = None

    def fork_idle(self) -> socket.socket:
        """Fork an idle monitor unless one exists, and return the socket to it.

        Raises:
            OSError: If the system cannot start another process.
        """
        if self._idle_socket is None:
            self._idle_socket, monitor_end = socket.socketpair()
            try:
                with monitor_end:
                    self._idle_pid = job_process.fork_child(lambda: self._wait_for_job(monitor_end))
                    self.pids.add(self._idle_pid)
            except OSError:
                self.close_idle()
                raise
        return self._idle_socket

    def assign_job(self, descriptors: list[int]) -> None:
        """Give a job to the idle monitor.

        Args:
            descriptors: The connection of the job, its standard output and standard error.

        Raises:
            OSError: If no monitor is idle, and the system cannot start another process.
        """
        while True:
            idle_socket = self.fork_idle()
            try:
                socket.send_fds(idle_socket, [b"j"], descriptors)
                return
            except ConnectionError:  # the idle monitor was killed
                continue
            finally:
                self.close_idle()

    def close_idle(self) -> None:
        """Close the socket to the idle monitor, which ends it unless it has its job."""
        if self._idle_socket is not None:
            self._idle_socket.close()
        self._idle_socket = self._idle_pid = None

    def reap(self) -> None:
        """Wait for monitors that ended. Kill the jobs of those that were killed."""
        orphans = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                break
            # A process that is not a monitor was adopted from one that was killed.
            orphans |= pid not in self.pids or status != 0
            self.pids.discard(pid)
            if pid == self._idle_pid:  # else it has its job, and no socket leads to it
                self.close_idle()
        if orphans and sys.platform == "linux":
            for child in set(job_monitor.list_children()) - self.pids:
                job_process.kill_process(child, signal.SIGKILL)

    def _wait_for_job(self, idle_socket: socket.socket) -> NoReturn:
        """Be the idle monitor: wait for a job on the socket, and monitor it."""
        # The supervisor's handling of signals is removed before they are unblocked: its pipe is shared.
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # Closed first: while a monitor holds the other end of its own socket or of the runner's connection, it would
        # not notice that the supervisor or the runner has closed them.
        self.close_idle()
        for descriptor in self._supervisor_fds:
            os.close(descriptor)
        landlock = make_landlock_rules(self._runs_folder) if self._runs_folder else None
        _, descriptors, _, _ = socket.recv_fds(idle_socket, 1, 3)
        idle_socket.close()
        if landlock is not None and not landlock.is_current():
            landlock = make_landlock_rules(self._runs_folder)
        if len(descriptors) == 3:
            for received in descriptors:
                os.set_inheritable(received, False)
            job, stdout, stderr = descriptors
            job_monitor.monitor_job(socket.socket(fileno=job), stdout, stderr, self._runner_fd, landlock)
        os._exit(0)
