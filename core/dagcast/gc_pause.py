"""Pause Python's cyclic garbage collector while a pipeline is read and compiled.

Why, and what it costs: ``docs/decisions/garbage-collector.md``.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_COLLECT_AFTER = 10
"""How many compiles may end during one pause before garbage is collected all the same."""


class _Pause:
    """The pause that every thread of this process shares."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._ended = 0
        self._threshold = 0

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                # A threshold of 0 stops automatic collection, and leaves gc.enable() and gc.disable() to the user:
                # whichever of them is called meanwhile still holds afterwards.
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
                # Any other value was set meanwhile by somebody else, and stays.
                if now == 0:
                    gc.set_threshold(self._threshold, *others)
            # Threads whose compiles always overlap would otherwise keep the collector off for ever.
            due = self._inside > 0 and self._ended % _COLLECT_AFTER == 0
        if due and gc.isenabled():
            gc.collect()


_PAUSE = _Pause()


@contextmanager
def pause_gc() -> Iterator[None]:
    """Keep the cyclic garbage collector from starting by itself; also a decorator.

    Pauses may be nested, and overlap in several threads: the collector runs again when the last one ends, however it
    ends. What a user chose stays: a collector that was disabled is disabled afterwards, and a call of ``gc.enable()``,
    ``gc.disable()`` or ``gc.set_threshold()`` during the pause holds after it. ``gc.collect()`` works as always.

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
