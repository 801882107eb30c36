"""Staging code: a file or folder becomes an S3 object with a known address, without any upload.

The address holds the SHA-256 of the object's bytes, and the bytes depend on the content alone, so the same
code has the same address on every machine. What is staged, what is left out and why the archive looks as it
does: ``docs/decisions/staged-code.md``.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dagsmith.errors import DagsmithError, StagingError, did_you_mean
from dagsmith.spec.pipeline import StagedCode
from dagsmith.staging.tarball import Member, gzip_stored, tar

ARCHIVE_NAME = "sourcedir.tar.gz"

# Left out of archives: what tools write beside code, and what differs from machine to machine.
SKIPPED_FOLDERS = frozenset({"__pycache__", ".git", ".ipynb_checkpoints", ".venv"})
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
    """One reason why code cannot be staged; the caller knows where in the config it was named.

    Attributes:
        message: What is wrong, in one sentence.
        hint: What to do about it, if that can be said.
    """

    message: str
    hint: str | None = None


class StagingRefusedError(DagsmithError):
    """Code cannot be staged.

    Attributes:
        problems: Every reason, in the order of the files' names.
    """

    def __init__(self, problems: Iterable[StagingProblem]) -> None:
        self.problems: tuple[StagingProblem, ...] = tuple(problems)
        super().__init__("\n".join(problem.message for problem in self.problems))


def stage_file(path: str, root: str | Path, bucket: str, prefix: str = "") -> StagedCode:
    """Stage one file as it is, under its own name.

    Args:
        path: The file as the config names it: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket that it will be uploaded to.
        prefix: What the key starts with; may be empty.

    Raises:
        StagingRefusedError: If it is missing, unreadable, a link or no regular file, or has an unusable name.
    """
    file = _file(path, root)
    return _staged(_read_file(file, path), file.name, path, root, bucket, prefix, "file")


def stage_folder(
    path: str, root: str | Path, bucket: str, prefix: str = "", entry_point: str | None = None
) -> StagedCode:
    """Stage a folder as ``sourcedir.tar.gz``.

    Args:
        path: The folder as the config names it: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket that it will be uploaded to.
        prefix: What the key starts with; may be empty.
        entry_point: A file that must be in the folder, relative to it.

    Raises:
        StagingRefusedError: If the folder, or anything in it that is not skipped, cannot be archived; or if
            the entry point is not among its files. All reasons are given at once.
    """
    folder = Path(root).absolute() / path
    _refuse([_named_problem(path, root)])
    if not folder.is_dir():
        _refuse([StagingProblem(f"{path} is a file, not a folder", "name the folder that it is in")])
    members, problems = _scan(folder, path)
    if entry_point is not None:
        problems.append(_entry_point_problem(entry_point, folder, path, members))
    _refuse(problems)
    return _staged(gzip_stored(tar(members)), ARCHIVE_NAME, path, root, bucket, prefix, "archive")


def stage_script(path: str, root: str | Path, bucket: str, prefix: str = "") -> StagedCode:
    """Stage one file as a ``sourcedir.tar.gz`` that holds it alone, for containers that unpack their code.

    Args:
        path: The file as the config names it: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket that it will be uploaded to.
        prefix: What the key starts with; may be empty.

    Raises:
        StagingRefusedError: If it is missing, unreadable, a link or no regular file, or has an unusable name.
    """
    file = _file(path, root)
    members = [_member(file, file.name, path)]
    return _staged(gzip_stored(tar(members)), ARCHIVE_NAME, path, root, bucket, prefix, "archive")


def stage_script(path: str, root: str | Path, bucket: str, prefix: str = "") -> StagedCode:
    """Stage one script as a ``sourcedir.tar.gz`` that holds it alone, under its own name.

    Args:
        path: The script as the config names it: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket that it will be uploaded to.
        prefix: What the key starts with; may be empty.

    Raises:
        StagingRefusedError: As :func:`stage_file` does.
    """
    file = Path(root).absolute() / path
    _refuse([_named_problem(path, root)])
    if file.is_dir():
        _refuse([StagingProblem(f"{path} is a folder, not a file", "name the script, and the folder as source_dir")])
    pieces = gzip_stored(tar([_member(file, file.name, path)]))
    return _staged(pieces, ARCHIVE_NAME, path, root, bucket, prefix, "script")


def stage_files(paths: Iterable[str], root: str | Path, bucket: str, prefix: str = "") -> tuple[StagedCode, ...]:
    """Stage files and folders side by side below one address, as they are.

    The address holds the digest of all names and contents together.

    Args:
        paths: Files and folders as the config names them: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket that they will be uploaded to.
        prefix: What the key starts with; may be empty.

    Returns:
        One object for each file. A folder's files keep their place in it.

    Raises:
        StagingRefusedError: If any of them cannot be staged, or two would have the same name.
    """
    sources: dict[str, str] = {}
    problems: list[StagingProblem | None] = []
    for path in paths:
        named = Path(root).absolute() / path
        problem = _named_problem(path, root)
        found = {named.name: path}
        if problem is None and named.is_dir():
            members, refused = _scan(named, path)
            problems += refused
            found = {f"{named.name}/{m.name}": f"{path.rstrip('/')}/{m.name}" for m in members}
        twice = [name for name in found if name in sources and sources[name] != found[name]]
        problems += [problem, *(StagingProblem(f"two files to stage are named {name}") for name in twice)]
        sources.update(found)
    _refuse(problems)
    alone = {name: stage_file(source, root, bucket) for name, source in sources.items()}
    whole = hashlib.sha256("".join(f"{name}\0{alone[name].digest}\n" for name in sorted(alone)).encode()).hexdigest()
    return tuple(replace(alone[name], uri=_uri(bucket, prefix, whole, name)) for name in sorted(alone))


def stage_text(name: str, content: bytes, bucket: str, prefix: str = "") -> StagedCode:
    """Stage a text that exists in no file, such as a launcher script of dagsmith's own.

    Args:
        name: The name that the object gets.
        content: The text, encoded.
        bucket: The S3 bucket that it will be uploaded to.
        prefix: What the key starts with; may be empty.

    Raises:
        StagingRefusedError: If the name cannot be used.
    """
    _refuse([_name_problem(name, name)])
    digest = hashlib.sha256(content).hexdigest()
    uri = _uri(bucket, prefix, digest, name)
    return StagedCode(uri, digest, len(content), name, form="text", content=content)


def archive_pieces(staged: StagedCode) -> Iterator[bytes]:
    """The bytes of the S3 object, made anew from the files, in pieces.

    They are not compared with the digest: whoever needs to know that the files are unchanged compares.

    Raises:
        StagingError: If the files have vanished, or can no longer be staged.
    """
    if staged.form == "text":
        yield staged.content
        return
    path = Path(staged.root) / staged.source
    try:
        _refuse([_named_problem(staged.source, staged.root)])
        if staged.form == "file":
            yield from _read_file(path, staged.source)
        elif staged.form == "script":
            yield from gzip_stored(tar([_member(path, path.name, staged.source)]))
        elif path.is_dir():
            members, problems = _scan(path, staged.source)
            _refuse(problems)
            yield from gzip_stored(tar(members))
        else:
            yield from gzip_stored(tar([_member(path, path.name, staged.source)]))
    except StagingRefusedError as refused:
        raise StagingError(f"staged code cannot be read any more: {refused}") from refused


def archive_bytes(staged: StagedCode) -> bytes:
    """The bytes of the S3 object, made anew from the files.

    Raises:
        StagingError: If the files have vanished, can no longer be staged, or have changed.
    """
    content = b"".join(archive_pieces(staged))
    if hashlib.sha256(content).hexdigest() != staged.digest:
        raise StagingError(f"{staged.source} has changed since the pipeline was compiled: compile it again")
    return content


def _file(path: str, root: str | Path) -> Path:
    file = Path(root).absolute() / path
    _refuse([_named_problem(path, root)])
    if file.is_dir():
        _refuse([StagingProblem(f"{path} is a folder, not a file", "name one of its files")])
    return file


def _staged(
    pieces: Iterable[bytes],
    filename: str,
    path: str,
    root: str | Path,
    bucket: str,
    prefix: str,
    form: Literal["file", "script", "archive"],
) -> StagedCode:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    uri = _uri(bucket, prefix, digest.hexdigest(), filename)
    return StagedCode(uri, digest.hexdigest(), size, path, str(Path(root).absolute()), form)


def _uri(bucket: str, prefix: str, digest: str, filename: str) -> str:
    return "/".join(part for part in (f"s3://{bucket}", prefix.strip("/"), "code", digest, filename) if part)


def _refuse(problems: Iterable[StagingProblem | None]) -> None:
    found = [problem for problem in problems if problem is not None]
    if found:
        raise StagingRefusedError(found)


def _scan(folder: Path, shown: str) -> tuple[list[Member], list[StagingProblem | None]]:
    """The files of a folder, at any depth, and every reason why some of it cannot be archived."""
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
            problem = _name_problem(entry.name, path) or _entry_problem(Path(entry.path), path)
            if problem is not None:
                problems.append(problem)
            elif entry.is_dir(follow_symlinks=False):
                pending.append((Path(entry.path), name + "/"))
            else:
                members.append(_member(Path(entry.path), name, path))
    if not members and not problems:
        problems.append(StagingProblem(f"{shown} holds no files to stage"))
    return members, problems


def _entry_point_problem(
    entry_point: str, folder: Path, shown: str, members: list[Member]
) -> StagingProblem | None:
    names = [member.name for member in members]
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


def _member(file: Path, name: str, shown: str) -> Member:
    status = file.lstat()
    return Member(
        name,
        status.st_size,
        bool(status.st_mode & stat.S_IXUSR),
        lambda: _read_file(file, shown, status.st_size),
    )


def _read_file(file: Path, shown: str, size: int | None = None) -> Iterator[bytes]:
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


def _named_problem(path: str, root: str | Path) -> StagingProblem | None:
    """Why what the config names cannot be staged, before any look into it."""
    named = Path(root).absolute() / path
    if not os.path.lexists(named):
        return StagingProblem(f"{path} does not exist", did_you_mean(named.name, _siblings(named)))
    # A link on the way from the root leads out of it as surely as one at the end.
    way = [] if Path(path).is_absolute() else [part for part in Path(path).parents if part != Path()]
    for folder in reversed(way):
        problem = _entry_problem(Path(root).absolute() / folder, str(folder))
        if problem is not None:
            return problem
    return _entry_problem(named, path) or _name_problem(named.name, path)


def _siblings(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []


def _entry_problem(path: Path, shown: str) -> StagingProblem | None:
    """Why this entry itself, whatever is in it, cannot be staged."""
    try:
        status = path.lstat()
    except OSError as error:
        return _unreadable(shown, error)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        target = path.readlink()
        return StagingProblem(
            f"{shown} is a symbolic link to {target}, and links are not staged",
            "put the file itself in its place",
        )
    if kind in _SPECIAL:
        return StagingProblem(f"{shown} is {_SPECIAL[kind]}, not a file", "remove it, or move it elsewhere")
    if kind == stat.S_IFREG and not os.access(path, os.R_OK):
        return StagingProblem(f"{shown} cannot be read: permission denied", "make it readable")
    return None


def _name_problem(name: str, shown: str) -> StagingProblem | None:
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
