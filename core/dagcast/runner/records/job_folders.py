"""Removes the job folders of steps that have succeeded, in the background."""

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


class JobFolderRemover:
    """Deletes job folders in a background thread, because deleting can be slow.

    These are the folders that jobs had as ``/opt/ml``, whose outputs are in the store by then, and the scratch folders
    of killed processes. Leaving the context waits for pending deletions. They are cancelled if the run is stopping;
    the resumed run then deletes the folders.

    Args:
        folder: The run's folder.
        emit: Receives the warnings.
        stop: Set when the run is stopping.
    """

    def __init__(self, folder: RunFolder, emit: Callable[[Event], None], stop: threading.Event) -> None:
        self._folder = folder
        self._emit = emit
        self._stop = stop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="job-folders")

    def __enter__(self) -> JobFolderRemover:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=self._stop.is_set())

    def remove_later(self, step: str) -> None:
        """Remove the folders of all attempts at a step that has succeeded, except logs, in the background."""
        self._pool.submit(self.remove_now, step)

    def remove_now(self, step: str) -> None:
        """Remove the folders of all attempts at a step, except logs, before this returns."""
        for attempt in self._folder.attempts(step):
            for parent, folders, _ in os.walk(attempt):
                obsolete = [name for name in folders if name == "ml" or name.startswith(SCRATCH_PREFIX)]
                folders[:] = [name for name in folders if name not in obsolete]
                for name in obsolete:
                    with self._warning_on_failure(Path(parent, name), step):
                        remove_tree(Path(parent, name))

    @contextmanager
    def _warning_on_failure(self, folder: Path, step: str | None = None) -> Iterator[None]:
        """Turn an OSError into a warning: a folder that remains does not fail the step."""
        try:
            yield
        except OSError as error:
            reason = f"{error.filename or folder} cannot be removed: {error.strerror or error}"
            self._emit(Event("warning", step, reason))
