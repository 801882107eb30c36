"""Pause Python's cyclic garbage collector while a pipeline is read and compiled.

``docs/decisions/garbage-collector.md`` explains why, and the cost.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_COLLECT_AFTER = 10
"""The number of compiles that end during one pause, or of large ones, before garbage is collected explicitly."""

_MANY_OBJECTS = 10_000
"""More new containers than these move to the oldest generation at the end of a pause."""


class _Pause:
    """The pause that all threads of the process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._ended = 0
        self._large = 0
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
                due = self._age_objects()
            else:
                # If the compiles of several threads always overlap, the pause never ends.
                due = self._ended % _COLLECT_AFTER == 0
        if due and gc.isenabled():
            gc.collect()

    def _age_objects(self) -> bool:
        """Move the objects of a large compile to the oldest generation; return whether to collect garbage instead.

        They would be the young generation, which the next new containers make the collector traverse: a fifth of the
        time of a compile, to find that the result of the compile is in use.
        """
        # Unfreezing moves all frozen objects, so it would undo a freeze by other code.
        if gc.get_count()[0] < _MANY_OBJECTS or gc.get_freeze_count():
            return False
        self._large += 1
        if self._large % _COLLECT_AFTER == 0:
            return True
        gc.freeze()
        gc.unfreeze()
        return False


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
