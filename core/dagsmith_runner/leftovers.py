"""Removes what steps that have succeeded leave behind, while others run."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from dagsmith_runner.events import Event
from dagsmith_runner.run_folder import RunFolder


class Leftovers:
    """Has the folders that jobs had as ``/opt/ml`` removed, beside the steps: a disk may take its time for it.

    What jobs left is in the store by then, and data need not be there twice. Leave the context to wait for the rest; of
    a run that is being stopped it stays, and a resumed run removes it.

    Args:
        folder: The run's folder.
        tell: Takes each event.
        stop: Set when the run is being stopped.
    """

    def __init__(self, folder: RunFolder, tell: Callable[[Event], None], stop: threading.Event) -> None:
        self._folder = folder
        self._tell = tell
        self._stop = stop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="leftovers")

    def __enter__(self) -> Leftovers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=self._stop.is_set())

    def remove(self, step: str) -> None:
        """Remove the folders ``ml`` of all attempts at a step, soon."""
        self._pool.submit(self.remove_now, step)

    def remove_now(self, step: str) -> None:
        """Remove them before this returns."""
        for attempt in self._folder.attempts(step):
            for parent, folders, _ in os.walk(attempt):
                if "ml" in folders:
                    folders.remove("ml")
                    ml = Path(parent, "ml")
                    try:
                        shutil.rmtree(ml)
                    except (OSError, RecursionError) as error:
                        place = getattr(error, "filename", None) or ml
                        reason = f"{place} cannot be removed: {getattr(error, 'strerror', None) or error}"
                        self._tell(Event("warning", step, reason))
