"""The folders that jobs have as ``/opt/ml``: what a job that is done had, emptied, serves another of the run.

Why is told in ``docs/decisions/job-folders.md``.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from dagcast.runner.files import remove_tree

_GETFLAGS = 0x80086601
"""The ioctl that tells a file's flags. Source: Linux ioctl_iflags(2)."""


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What can tell a file or folder from one that was just made, but for what is in it.

    Attributes:
        size: In bytes. A folder that held very much stays large on some file systems.
        flags: Those of chattr(1).
    """

    size: int
    mode: int
    user: int
    group: int
    device: int
    flags: int
    attributes: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class _Made:
    """A folder that a job has.

    Attributes:
        names: Relative paths of the folders that were made, ``.`` for itself, each after the one that it is in.
        look: How an empty folder looked.
        files: By relative path: how each file that was written looked.
    """

    names: Sequence[str]
    look: _Look
    files: dict[str, _Look] = field(default_factory=dict)


class JobFolders:
    """Makes these folders. Many threads may use it, each for its own jobs.

    Args:
        spare: Where emptied ones wait: on the same disk, and nobody else's. ``None`` if none is to be used again.
    """

    def __init__(self, spare: Path | None = None) -> None:
        # Only on Linux it is certain that no process of a job is left when it has ended.
        self._spare = spare if sys.platform == "linux" else None
        self._numbers = itertools.count(1)
        self._made: dict[Path, _Made] = {}
        self._open: set[Path] = set()
        self._reusable: set[Path] = set()
        self._lost = False
        self._lock = threading.Lock()
        self._folders: list[Path] = []
        self._files: list[Path] = []

    def make(self, ml: Path, *names: str) -> None:
        """Make the folder ``ml``, which is not there, with these empty folders in it.

        Args:
            ml: What will be a job's ``/opt/ml``.
            names: Relative paths of folders below it; those above them are made too.
        """
        folders = _with_those_above(names)
        with self._lock:
            self._open.add(ml)
        for name in folders:
            found = self._waiting(self._folders)
            if found is not None:
                found.rename(ml / name)
            else:
                (ml / name).mkdir()
        self._made[ml] = _Made(folders, _look(ml / folders[-1]))

    def write(self, ml: Path, name: str, content: bytes) -> None:
        """Write a file that a job gets.

        Args:
            ml: A folder of :meth:`make`.
            name: The file's relative path in it, where nothing is; its folder is there.
            content: All of it.
        """
        path, found = ml / name, self._waiting(self._files)
        if found is not None:
            found.rename(path)
        with path.open("xb" if found is None else "r+b") as writer:
            writer.write(content)
            writer.truncate()
        self._made[ml].files[name] = _look(path)

    def close(self, folder: Path) -> None:
        """Note that all jobs whose folders are below this one have ended well.

        If another job runs then, none of these folders is used again: it may have been given a way to them, as an open
        file can be sent to another process.
        """
        with self._lock:
            own = {ml for ml in self._open if ml.is_relative_to(folder)}
            self._open -= own
            if not self._open and not self._lost:
                self._reusable |= own

    def forget(self, folder: Path) -> None:
        """Note that a job below this folder has failed: it may have left processes, and so counts as one that runs."""
        with self._lock:
            lost = {ml for ml in self._open if ml.is_relative_to(folder)}
            self._open -= lost
            self._lost = self._lost or bool(lost)

    def take_back(self, ml: Path) -> None:
        """Remove what a job had as ``/opt/ml``; what is left of it as it was made is emptied, and used again.

        Nothing is kept by which one job could tell another anything, or keep it from its work.

        Raises:
            OSError: If a part of it cannot be removed.
        """
        made = self._made.pop(ml, None)
        with self._lock:
            reusable = self._spare is not None and ml in self._reusable
            self._reusable.discard(ml)
        if made is not None and reusable and all(_is_folder(ml / name) for name in made.names):
            with suppress(OSError):  # a full disk; what is left is removed
                self._empty(ml, made)
        if ml.exists() or ml.is_symlink():
            remove_tree(ml)

    def _empty(self, ml: Path, made: _Made) -> None:
        """Put what is as it was made to what waits, and remove the rest."""
        assert self._spare is not None, "nothing is used again"
        self._spare.mkdir(exist_ok=True)
        for name, look in made.files.items():
            path = ml / name
            if path.is_file() and path.lstat().st_nlink == 1 and _look(path) == look:
                self._keep(path, self._spare, self._files)
        for name in reversed(made.names):
            folder = ml / name
            _empty(folder)
            look = _look(folder)
            if look.size <= made.look.size and replace(look, size=made.look.size) == made.look:
                self._keep(folder, self._spare, self._folders)
            else:
                folder.rmdir()

    def remove_spare(self) -> None:
        """Remove what waits to be used again, and what waited when a process was killed.

        Raises:
            OSError: If a part of it cannot be removed.
        """
        with self._lock:
            self._folders.clear()
            self._files.clear()
        if self._spare is not None and self._spare.is_dir():
            remove_tree(self._spare)

    def _waiting(self, spares: list[Path]) -> Path | None:
        with self._lock:
            return spares.pop() if spares else None

    def _keep(self, path: Path, spare: Path, spares: list[Path]) -> None:
        kept = spare / str(next(self._numbers))
        path.rename(kept)
        os.utime(kept)
        with self._lock:
            spares.append(kept)


def _with_those_above(names: Sequence[str]) -> list[str]:
    """Relative paths of folders, ``.`` for the one that they are in, each after the one that it is in."""
    paths = [PurePosixPath(name) for name in names]
    found = {str(folder) for path in paths for folder in (path, *path.parents)}
    return sorted(found, key=lambda name: (name != ".", name))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _empty(folder: Path) -> None:
    for path in list(folder.iterdir()):
        if _is_folder(path):
            remove_tree(path)
        else:
            path.unlink()


def _look(path: Path) -> _Look:
    found = path.lstat()
    return _Look(
        size=found.st_size,
        mode=found.st_mode,
        user=found.st_uid,
        group=found.st_gid,
        device=found.st_dev,
        flags=_flags(path),
        attributes=_attributes(path),
    )


def _flags(path: Path) -> int:
    if sys.platform != "linux":
        return 0
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, _GETFLAGS, bytes(8)), sys.byteorder)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):
            raise
        return 0
    finally:
        os.close(descriptor)


def _attributes(path: Path) -> tuple[tuple[str, bytes], ...]:
    """Extended attributes, among them access lists."""
    if sys.platform != "linux":
        return ()
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return ()
