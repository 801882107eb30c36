"""Pause Python's cyclic garbage collector while a pipeline is read and compiled.

``docs/decisions/garbage-collector.md`` explains why, and the cost.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_COLLECT_AFTER = 10
"""The number of compiles that end during one pause before garbage is collected explicitly."""


class _Pause:
    """The pause that all threads of the process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._ended = 0
        self._threshold = 0

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                # A threshold of 0 stops automatic collection without gc.disable(), so that calls of gc.enable() and
                # gc.disable() by other code during the pause keep their effect afterwards.
                self._threshold, *others = gc.get_threshold()
                gc.set_threshold(0, *others)
                self._ended = 0
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            self._ended += 1
            if self._inside == 0:
                now, *others = gc.get_threshold()
                # Other code set any other value during the pause, so it stays.
                if now == 0:
                    gc.set_threshold(self._threshold, *others)
            # If the compiles of several threads always overlap, the pause never ends.
            due = self._inside > 0 and self._ended % _COLLECT_AFTER == 0
        if due and gc.isenabled():
            gc.collect()


_PAUSE = _Pause()


@contextmanager
def pause_gc() -> Iterator[None]:
    """Stop automatic collection of garbage in the block; also a decorator.

    Pauses may be nested and may overlap in several threads. Collection starts again when the last one ends, even with
    an exception. The user's settings are kept: a disabled collector is disabled afterwards, and calls of
    ``gc.enable()``, ``gc.disable()`` or ``gc.set_threshold()`` during the pause keep their effect. ``gc.collect()``
    works as usual.

    Example:
        >>> import gc
        >>> with pause_gc():
        ...     gc.get_threshold()[0]
        0
    """
    _PAUSE.enter()
    try:
        yield
    finally:
        _PAUSE.leave()
