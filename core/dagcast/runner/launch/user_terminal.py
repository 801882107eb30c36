"""Gives a job the user's terminal: for debuggers, and for a shell in a job's place.

The job gets a pseudo terminal of its own, so that it cannot change the user's, and what it prints reaches its log, too.
"""

from __future__ import annotations

import errno
import os
import pty
import select
import signal
import struct
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

from dagcast.errors import DagcastError

_CHUNK_SIZE = 65_536
_POLL_MILLISECONDS = 100


class NoTerminalError(DagcastError):
    """This process has no terminal to give to a job."""

    code = "run.debug"


def check_terminal() -> None:
    """Raise an error if this process has no terminal.

    Raises:
        NoTerminalError: If it has none.
    """
    os.close(_open_terminal())


@contextmanager
def user_terminal(log: Path) -> Iterator[int]:
    """Yield the descriptor of a pseudo terminal that is connected to the user's terminal until the context ends.

    Args:
        log: The file that receives what the job prints.

    Raises:
        NoTerminalError: If this process has no terminal.
    """
    user = _open_terminal()
    before = termios.tcgetattr(user)
    master, slave = pty.openpty()
    ended = threading.Event()
    try:
        _copy_size(user, slave)
        with log.open("ab", buffering=0) as file:
            copier = threading.Thread(target=_copy, args=(user, master, file.fileno(), ended), daemon=True)
            # Keys reach the job as they are: Ctrl-C interrupts the job, and not the run.
            tty.setraw(user, termios.TCSADRAIN)
            copier.start()
            try:
                with _following_size(user, slave):
                    yield slave
            finally:
                ended.set()
                copier.join()
    finally:
        termios.tcsetattr(user, termios.TCSADRAIN, before)
        for descriptor in (slave, master, user):
            os.close(descriptor)


def _open_terminal() -> int:
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise NoTerminalError(f"this process has no terminal: {error.strerror}") from error


def _copy(user: int, master: int, log: int, ended: threading.Event) -> None:
    """Copy between the terminals until the job has ended and everything that it printed is copied."""
    while True:
        # Checked before the wait: what the job printed before it ended is read once more.
        last = ended.is_set()
        poll = select.poll()
        poll.register(master, select.POLLIN)
        if not last:
            poll.register(user, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(0 if last else _POLL_MILLISECONDS)}
        if user in ready and not _pass_on(user, (master,)):
            return
        if master in ready and not _pass_on(master, (user, log)):
            return
        if last and master not in ready:
            return


def _pass_on(source: int, targets: tuple[int, ...]) -> bool:
    """Copy what can be read now. ``False`` if the other end is gone."""
    try:
        content = os.read(source, _CHUNK_SIZE)
    except OSError as error:
        # The other end of a pseudo terminal is closed.
        if error.errno == errno.EIO:
            return False
        raise
    for target in targets:
        remaining = content
        while remaining:
            remaining = remaining[os.write(target, remaining) :]
    return bool(content)


@contextmanager
def _following_size(user: int, slave: int) -> Iterator[None]:
    """Give the job's terminal each new size of the user's. Only the main thread can receive the signal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(user, slave))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy_size(user: int, slave: int) -> None:
    with suppress(OSError):
        size = ioctl(user, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        ioctl(slave, termios.TIOCSWINSZ, size)
