"""Removes what steps that have succeeded leave behind, while others run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from dagcast.runner.files import remove_tree
from dagcast.runner.launch.scratch_folder import SCRATCH_PREFIX
from dagcast.runner.records.events import Event
from dagcast.runner.records.run_folder import RunFolder


class Leftovers:
    """Has the folders that jobs had as ``/opt/ml`` removed, beside the steps: a disk may take its time for it.

    So are those that jobs had as ``/tmp``, where a process that was killed did not. What jobs left is in the store by
    then, and data need not be there twice. Leave the context to wait for the rest; of a run that is being stopped it
    stays, and a resumed run removes it.

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
        """Remove the folders of all attempts at a step that has succeeded, but for its logs, soon."""
        self._pool.submit(self.remove_now, step)

    def remove_now(self, step: str) -> None:
        """Remove them before this returns."""
        for attempt in self._folder.attempts(step):
            for parent, folders, _ in os.walk(attempt):
                gone = [name for name in folders if name == "ml" or name.startswith(SCRATCH_PREFIX)]
                folders[:] = [name for name in folders if name not in gone]
                for name in gone:
                    with self._telling(Path(parent, name), step):
                        remove_tree(Path(parent, name))

    @contextmanager
    def _telling(self, folder: Path, step: str | None = None) -> Iterator[None]:
        """Tell of what cannot be removed: no step fails for it."""
        try:
            yield
        except OSError as error:
            reason = f"{error.filename or folder} cannot be removed: {error.strerror or error}"
            self._tell(Event("warning", step, reason))
