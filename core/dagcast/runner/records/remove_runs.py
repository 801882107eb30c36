"""Removes runs from the folder of runs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from dagcast.errors import DagcastError
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.files import remove_tree
from dagcast.runner.records.run_folder import RunFolder


@dataclass(frozen=True)
class RemovedRuns:
    """The result of removing runs.

    Attributes:
        removed: The IDs of the removed runs.
        kept: The reason why a run still exists, in whole or in part, by ID.
        size: The size of the removed files, in bytes.
    """

    removed: tuple[str, ...]
    kept: Mapping[str, str]
    size: int


def remove_runs(runs: Path, chosen: Iterable[RunFolder]) -> RemovedRuns:
    """Remove runs and their cache entries. Active runs are kept, and links are not followed.

    Args:
        runs: The folder of all runs.
        chosen: The runs to remove.
    """
    removed: list[str] = []
    kept: dict[str, str] = {}
    size = 0
    for folder in chosen:
        if folder.path.is_symlink():
            kept[folder.id] = "it is a symbolic link"
            continue
        try:
            folder.record()  # raises if this is not the folder of a run
            with folder.lock():
                size += _remove(folder.path)
        except DagcastError as error:
            kept[folder.id] = str(error)
        except OSError as error:
            kept[folder.id] = f"{error.filename} cannot be removed: {error.strerror}"
        else:
            removed.append(folder.id)
    _remove_cache_entries(runs)
    return RemovedRuns(tuple(removed), kept, size)


def _remove(folder: Path) -> int:
    """Remove a run's folder.

    ``run.json`` is removed after all other files, so that a run that is removed in part can be removed again. The lock
    file is last, so that no process can resume the run meanwhile.
    """
    size = _make_removable(folder)
    last = ("run.json", ".lock")
    for entry in sorted(
        folder.iterdir(), key=lambda entry: last.index(entry.name) if entry.name in last else -1
    ):
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        else:
            entry.unlink()
    folder.rmdir()
    return size


def _make_removable(folder: Path) -> int:
    """Restore the user's permissions of folders, which jobs may have changed; return the bytes in all files.

    A file with several hard links counts once.
    """
    files: dict[tuple[int, int], int] = {}
    pending = [folder]
    while pending:
        path = pending.pop()
        if path.stat().st_mode & stat.S_IRWXU != stat.S_IRWXU:
            path.chmod(stat.S_IRWXU)
        with os.scandir(path) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    pending.append(Path(entry.path))
                else:
                    files[found.st_dev, found.st_ino] = found.st_size
    return sum(files.values())


def _remove_cache_entries(runs: Path) -> None:
    """Remove the cache entries of runs that no longer exist, and unreadable entries."""
    for entry in runs.glob("cache/*/*.json"):
        try:
            run = json.loads(entry.read_text("utf-8"))["run"]
            stale = not (runs / run / "run.json").is_file()
        except (OSError, ValueError, KeyError, TypeError):
            stale = True
        if stale:
            entry.unlink(missing_ok=True)
