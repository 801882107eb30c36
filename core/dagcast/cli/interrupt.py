"""Stop a run on signals: the first signal stops it gracefully, the second kills it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagcast.runner.runner import Runner

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGINT,)


@contextmanager
def stop_on_signals(runner: Runner, warn: Callable[[str], None]) -> Iterator[None]:
    """Stop the run on Ctrl-C, SIGTERM and a closed terminal. Signals that the process ignores stay ignored.

    A thread stops the run: the signal may arrive while the main thread holds a lock or writes.

    Args:
        runner: The run.
        warn: Shows a message to the user.
    """
    count = 0

    def first() -> None:
        runner.stop()
        warn("interrupted: stopping running steps; interrupt again to kill them")

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        threading.Thread(target=first if count == 1 else runner.kill).start()

    before = {name: signal.getsignal(name) for name in SIGNALS}
    caught = [name for name, handler in before.items() if handler is not signal.SIG_IGN]
    for name in caught:
        signal.signal(name, stop)
    try:
        yield
    finally:
        for name in caught:
            signal.signal(name, before[name])
