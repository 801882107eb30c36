"""Removing runs."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dagcast.errors import DagcastError
from dagcast.runner.files import remove_tree
from dagcast.runner.records.run_folder import RunFolder


@dataclass(frozen=True)
class Cleaned:
    """What came of removing runs.

    Attributes:
        removed: The ids of the runs that are gone.
        kept: By id: why a run is still there, all or in part.
        size: Bytes in the files that are gone.
    """

    removed: tuple[str, ...]
    kept: Mapping[str, str]
    size: int


def clean(runs: Path, chosen: Iterable[RunFolder]) -> Cleaned:
    """Remove runs, and what the cache knows of them; one that is running stays. No link is followed.

    Args:
        runs: The folder of all runs.
        chosen: Those to be removed.
    """
    removed: list[str] = []
    kept: dict[str, str] = {}
    size = 0
    for folder in chosen:
        if folder.path.is_symlink():
            kept[folder.id] = "it is a link to somewhere else"
            continue
        try:
            folder.record()  # or else it may be a folder of something else
            with folder.lock():
                size += _remove(folder.path)
        except DagcastError as error:
            kept[folder.id] = str(error)
        except OSError as error:
            kept[folder.id] = f"{error.filename} cannot be removed: {error.strerror}"
        else:
            removed.append(folder.id)
    _forget(runs)
    return Cleaned(tuple(removed), kept, size)


def _remove(folder: Path) -> int:
    """Remove a run's folder.

    ``run.json`` goes when all else is gone: a run that is removed in part can be removed again. Then the lock: nobody
    can begin to resume a run while it is removed.
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
    """Give the user all rights to the folders, which jobs may have taken; the bytes in all files, each once."""
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


def _forget(runs: Path) -> None:
    """Remove what the cache knows of runs that are gone."""
    for entry in runs.glob("cache/*/*.json"):
        try:
            run = json.loads(entry.read_text("utf-8"))["run"]
            gone = not (runs / run / "run.json").is_file()
        except (OSError, ValueError, KeyError, TypeError):
            gone = True
        if gone:
            entry.unlink(missing_ok=True)
