"""What signals do to a run: the first has it end in order, the second at once."""

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
def stop_on_signals(runner: Runner, tell: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal stop the run; those that the process ignores it still ignores.

    What they do happens in a thread: the signal may come while the main thread holds a lock, or writes.

    Args:
        runner: The run.
        tell: Tells the user something.
    """
    count = 0

    def first() -> None:
        runner.stop()
        tell("interrupted: what runs is being ended; interrupt again to end it at once")

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
