"""Keep the standard output of a command free of what plugins, decorators and the SDK print.

A command claims standard output once, at its start. From then on only Python's ``sys.stdout`` reaches it: the file
descriptor itself, which C libraries and child processes write to, leads to standard error. While third-party code
runs, ``sys.stdout`` leads to standard error as well. Nothing is redirected in a program that uses dagcast as a library.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

_LOCK = threading.Lock()


class _Claim:
    """The state of standard output, which is one for each process.

    Attributes:
        results: The stream of the command's own results; ``None`` before a command claims standard output.
        thread: The thread that runs the command; ``None`` if results of all threads are its own.
        depth: The number of blocks of third-party code that run now, in all threads.
        before: The value of ``sys.stdout`` before the outermost of these blocks.
    """

    results: io.TextIOWrapper | None = None
    thread: int | None = None
    depth = 0
    before: Any = None


_CLAIM = _Claim()


class _Printing(threading.local):
    """Whether a thread of the command prints results now."""

    is_own = False


_PRINTING = _Printing()


class _CommandStdout:
    """``sys.stdout`` of a command: its results, in threads of its own; standard error, in all others."""

    def __init__(self, results: io.TextIOWrapper, discarded: io.TextIOBase) -> None:
        self._results = results
        self._discarded = discarded

    def __getattr__(self, name: str) -> Any:
        if _PRINTING.is_own or _CLAIM.thread in (None, threading.get_ident()):
            return getattr(self._results, name)
        # sys.stderr is None if the file descriptor was closed at the start.
        return getattr(sys.stderr or self._discarded, name)


def claim_stdout() -> None:
    """Reserve standard output for the results of this command.

    Does nothing if standard output is closed, or is not a file of the operating system.
    """
    stream = sys.stdout
    if not isinstance(stream, io.TextIOWrapper) or _CLAIM.results is not None:
        return
    stream.flush()
    descriptor = stream.fileno()
    results = os.fdopen(_duplicate(descriptor), "wb")
    # sys.stderr is None if the file descriptor 2 was closed at the start; another file may have taken its number.
    if sys.stderr is None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
    else:
        os.dup2(2, descriptor)
    _CLAIM.results = io.TextIOWrapper(
        results,
        encoding=stream.encoding,
        errors=stream.errors,
        newline=None if sys.platform == "win32" else "\n",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    _CLAIM.thread = threading.get_ident()
    sys.stdout = cast(TextIO, _CommandStdout(_CLAIM.results, io.StringIO()))


@contextmanager
def own_results() -> Iterator[None]:
    """Print results of the command in the block, which runs in a thread that the command started."""
    before = _PRINTING.is_own
    _PRINTING.is_own = True
    try:
        yield
    finally:
        _PRINTING.is_own = before


def share_results() -> None:
    """Take what any thread prints for results, outside of hooks: the command is that of a plugin."""
    _CLAIM.thread = None


def _duplicate(descriptor: int) -> int:
    """Return a copy of a file descriptor that programs do not inherit: what a plugin starts cannot write to it."""
    if sys.platform == "win32":
        return os.dup(descriptor)
    import fcntl

    # Not below 3: if standard error is closed, its number is free, and os.dup() would take it.
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def release_stdout() -> None:
    """Write what is buffered. What third-party code prints while the interpreter ends goes to standard error."""
    if _CLAIM.results is not None:
        # The reader may be gone; click has reported it.
        with suppress(OSError, ValueError):
            _CLAIM.results.flush()
        sys.stdout = sys.stderr


@contextmanager
def foreign_output() -> Iterator[None]:
    """Send what Python code prints to standard error while the block runs, if a command claimed standard output.

    Blocks may be nested and run in several threads at once.
    """
    if _CLAIM.results is None:
        yield
        return
    # Threads overlap in any order: the first to enter redirects, the last to leave restores.
    with _LOCK:
        if _CLAIM.depth == 0:
            _CLAIM.before = sys.stdout
            sys.stdout = sys.stderr
        _CLAIM.depth += 1
    try:
        yield
    finally:
        with _LOCK:
            _CLAIM.depth -= 1
            if _CLAIM.depth == 0:
                sys.stdout = _CLAIM.before
