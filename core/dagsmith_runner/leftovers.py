"""Removes what steps that have succeeded leave behind, while others run."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from dagsmith_runner.events import Event
from dagsmith_runner.launch.views import SCRATCH
from dagsmith_runner.run_folder import RunFolder


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
        """Remove the folders of all attempts at a step that are not logs, soon."""
        self._pool.submit(self.remove_now, step)

    def remove_now(self, step: str) -> None:
        """Remove them before this returns."""
        for attempt in self._folder.attempts(step):
            for parent, folders, _ in os.walk(attempt):
                gone = [name for name in folders if name == "ml" or name.startswith(SCRATCH)]
                folders[:] = [name for name in folders if name not in gone]
                for name in gone:
                    try:
                        remove_tree(Path(parent, name))
                    except OSError as error:
                        place = error.filename or Path(parent, name)
                        reason = f"{place} cannot be removed: {error.strerror or error}"
                        self._tell(Event("warning", step, reason))


def remove_tree(folder: Path) -> None:
    """Remove a folder and all that is in it; no link is followed.

    Raises:
        OSError: If a part of it cannot be removed.
    """
    try:
        shutil.rmtree(folder)
    except RecursionError:  # before Python 3.13: a thousand folders, each in the one before
        removed = subprocess.run(["rm", "-rf", folder], capture_output=True, check=False)
        if removed.returncode != 0:
            raise OSError(errno.ENOTEMPTY, "its folders are nested too deep", str(folder)) from None
