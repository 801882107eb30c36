"""Find the files to stage, and report why other files cannot be staged."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from dagcast.errors import DagcastError, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.staging.reproducible_archive import Member

# Archives skip files that tools write next to code (local runs write to .dagcast) and files that differ between
# machines.
SKIPPED_FOLDERS = frozenset({"__pycache__", ".dagcast", ".git", ".ipynb_checkpoints", ".venv"})
SKIPPED_FILES = frozenset({".DS_Store"})
SKIPPED_SUFFIXES = (".pyc",)

_PIECE = 1024 * 1024
_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True)
class StagingProblem:
    """One reason why code cannot be staged. The caller knows the location in the config.

    Attributes:
        message: The problem, in one sentence.
        hint: The remedy, if known.
    """

    message: str
    hint: str | None = None


class StagingRefusedError(DagcastError):
    """Code cannot be staged.

    Attributes:
        problems: All problems, in the order of the file names.
    """

    def __init__(self, problems: Iterable[StagingProblem]) -> None:
        self.problems: tuple[StagingProblem, ...] = tuple(problems)
        super().__init__("\n".join(problem.message for problem in self.problems))


def raise_problems(problems: Iterable[StagingProblem | None]) -> None:
    """Raise an error if ``problems`` contains a problem. Ignore items that are ``None``.

    Raises:
        StagingRefusedError: If there is at least one problem. The error contains all problems.
    """
    found = [problem for problem in problems if problem is not None]
    if found:
        raise StagingRefusedError(found)


def scan_folder(folder: Path, shown: str) -> tuple[list[Member], list[StagingProblem | None]]:
    """Return the files of a folder, at any depth, and all problems with entries that cannot be archived."""
    members: list[Member] = []
    problems: list[StagingProblem | None] = []
    pending = [(folder, "")]
    while pending:
        here, prefix = pending.pop()
        try:
            entries = sorted(os.scandir(here), key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            problems.append(_unreadable(f"{shown}/{prefix}".rstrip("/"), error))
            continue
        for entry in entries:
            if _is_skipped(entry.name):
                continue
            name = prefix + entry.name
            path = f"{shown.rstrip('/')}/{name}"
            problem = find_name_problem(entry.name, path) or _find_entry_problem(Path(entry.path), path)
            if problem is not None:
                problems.append(problem)
            elif entry.is_dir(follow_symlinks=False):
                pending.append((Path(entry.path), name + "/"))
            else:
                members.append(make_member(Path(entry.path), name, path))
    if not members and not problems:
        problems.append(StagingProblem(f"{shown} holds no files to stage"))
    return members, problems


def find_entry_point_problem(
    entry_point: str, folder: Path, shown: str, members: list[Member]
) -> StagingProblem | None:
    """Return why a script cannot be the entry point of a folder with these members, or ``None`` if it can."""
    names = [file.name for file in members]
    path = Path(entry_point)
    if path.as_posix() in names:
        return None
    if os.path.lexists(folder / path):
        return StagingProblem(f"the entry point {entry_point} of {shown} is not a file that is staged")
    return StagingProblem(
        f"the entry point {entry_point} is not in {shown}", did_you_mean(entry_point, names)
    )


def _is_skipped(name: str) -> bool:
    return name in SKIPPED_FOLDERS or name in SKIPPED_FILES or name.endswith(SKIPPED_SUFFIXES)


def make_member(file: Path, name: str, shown: str) -> Member:
    """Return a file as the member of an archive.

    Args:
        file: The file.
        name: The path of the file in the archive.
        shown: The name of the file in messages.
    """
    status = file.lstat()
    return Member(
        name,
        status.st_size,
        bool(status.st_mode & stat.S_IXUSR),
        lambda: read_file(file, shown, status.st_size),
    )


def read_file(file: Path, shown: str, size: int | None = None) -> Iterator[bytes]:
    """Yield the content of a file in pieces.

    Raises:
        StagingRefusedError: If the file cannot be read, or its size differs from ``size``.
    """
    read = 0
    try:
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                read += len(piece)
                yield piece
    except OSError as error:
        raise StagingRefusedError([_unreadable(shown, error)]) from error
    if size is not None and read != size:
        raise StagingRefusedError([StagingProblem(f"{shown} changed while it was read")])


def find_path_problem(path: str, root: str | Path) -> StagingProblem | None:
    """Return why a path in the config cannot be staged, without reading its content."""
    named = Path(root).absolute() / path
    if not os.path.lexists(named):
        return StagingProblem(f"{path} does not exist", did_you_mean(named.name, _siblings(named)))
    # A parent folder that is a link can lead out of the root just like a link at the end.
    way = [] if Path(path).is_absolute() else [part for part in Path(path).parents if part != Path()]
    for folder in reversed(way):
        problem = _find_entry_problem(Path(root).absolute() / folder, str(folder))
        if problem is not None:
            return problem
    return _find_entry_problem(named, path) or find_name_problem(named.name, path)


def _siblings(path: Path) -> list[str]:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []
    return [name for name in names if find_name_problem(name, name) is None]


def _find_entry_problem(path: Path, shown: str) -> StagingProblem | None:
    """Return why an entry cannot be staged, regardless of its content."""
    try:
        status = path.lstat()
    except OSError as error:
        return _unreadable(shown, error)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        try:
            # Links in /proc may lead nowhere, and a link may vanish after the status was read.
            target = os.fsencode(path.readlink()).decode("utf-8", "backslashreplace")
        except OSError as error:
            return _unreadable(shown, error)
        return StagingProblem(
            f"{shown} is a symbolic link to {target}, and links are not staged",
            "put the file itself in its place",
        )
    if kind in _SPECIAL:
        return StagingProblem(f"{shown} is {_SPECIAL[kind]}, not a file", "remove it, or move it elsewhere")
    if kind == stat.S_IFREG:
        try:
            path.open("rb").close()
        except OSError as error:
            return _unreadable(shown, error)
    return None


def find_name_problem(name: str, shown: str) -> StagingProblem | None:
    """Return why a file with this name cannot be staged, or ``None`` if the name is valid."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return StagingProblem(f"the name {os.fsencode(shown)!r} is not UTF-8", "rename it")
    if "\\" in name:
        return StagingProblem(f"the name {shown!r} contains a backslash", "rename it")
    if any(unicodedata.category(character) == "Cc" for character in name):
        return StagingProblem(f"the name {shown!r} contains a control character", "rename it")
    return None


def _unreadable(shown: str, error: OSError) -> StagingProblem:
    return StagingProblem(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}")
