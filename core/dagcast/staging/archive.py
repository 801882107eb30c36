"""Staging code: a file or folder becomes an S3 object with a known address, without any upload.

The address holds the SHA-256 of the object's bytes, and the bytes depend on names, content and executable
bits alone, so the same code has the same address on every machine. What is staged, what is left out and why
the archive looks as it does: ``docs/decisions/staged-code.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from dagcast.definition.staged_code_uri import make_staged_code_uri
from dagcast.errors import StagingError
from dagcast.staging.files import (
    StagingProblem,
    StagingRefusedError,
    entry_point_problem,
    member,
    name_problem,
    named_problem,
    read_file,
    refuse,
    scan,
)
from dagcast.staging.staged_code import StagedCode
from dagcast.staging.tarball import gzip_stored, tar

__all__ = [
    "ARCHIVE_NAME",
    "StagingProblem",
    "StagingRefusedError",
    "archive_bytes",
    "archive_pieces",
    "stage_file",
    "stage_files",
    "stage_folder",
    "stage_script",
    "stage_text",
]

ARCHIVE_NAME = "sourcedir.tar.gz"


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
    return _staged(
        read_file(file, path), file.name, path=path, root=root, bucket=bucket, prefix=prefix, form="file"
    )


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
    refuse([named_problem(path, root)])
    if not folder.is_dir():
        refuse([StagingProblem(f"{path} is a file, not a folder", "name the folder that it is in")])
    members, problems = scan(folder, path)
    if entry_point is not None:
        problems.append(entry_point_problem(entry_point, folder, path, members))
    refuse(problems)
    return _staged(
        gzip_stored(tar(members)),
        ARCHIVE_NAME,
        path=path,
        root=root,
        bucket=bucket,
        prefix=prefix,
        form="archive",
    )


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
    file = _file(path, root)
    pieces = gzip_stored(tar([member(file, file.name, path)]))
    return _staged(pieces, ARCHIVE_NAME, path=path, root=root, bucket=bucket, prefix=prefix, form="script")


def stage_files(
    paths: Iterable[str], root: str | Path, bucket: str, prefix: str = ""
) -> tuple[StagedCode, ...]:
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
        problem = named_problem(path, root)
        found = {named.name: path}
        if problem is None and named.is_dir():
            members, refused = scan(named, path)
            problems += refused
            found = {f"{named.name}/{m.name}": f"{path.rstrip('/')}/{m.name}" for m in members}
        twice = [name for name in found if name in sources and sources[name] != found[name]]
        problems += [problem, *(StagingProblem(f"two files to stage are named {name}") for name in twice)]
        sources.update(found)
    refuse(problems)
    alone = {name: stage_file(source, root, bucket) for name, source in sources.items()}
    whole = hashlib.sha256(
        "".join(f"{name}\0{alone[name].digest}\n" for name in sorted(alone)).encode()
    ).hexdigest()
    return tuple(
        replace(alone[name], uri=make_staged_code_uri(bucket, prefix, whole, name)) for name in sorted(alone)
    )


def stage_text(name: str, content: bytes, bucket: str, prefix: str = "") -> StagedCode:
    """Stage a text that exists in no file, such as a launcher script of dagcast's own.

    Args:
        name: The name that the object gets.
        content: The text, encoded.
        bucket: The S3 bucket that it will be uploaded to.
        prefix: What the key starts with; may be empty.

    Raises:
        StagingRefusedError: If the name cannot be used.
    """
    refuse([name_problem(name, name)])
    digest = hashlib.sha256(content).hexdigest()
    uri = make_staged_code_uri(bucket, prefix, digest, name)
    return StagedCode(uri=uri, digest=digest, size=len(content), source=name, form="text", content=content)


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
        refuse([named_problem(staged.source, staged.root)])
        if staged.form == "file":
            yield from read_file(path, staged.source)
        elif staged.form == "script":
            yield from gzip_stored(tar([member(path, path.name, staged.source)]))
        else:
            members, problems = scan(path, staged.source)
            refuse(problems)
            yield from gzip_stored(tar(members))
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
    refuse([named_problem(path, root)])
    if file.is_dir():
        refuse([StagingProblem(f"{path} is a folder, not a file", "name one of its files")])
    return file


def _staged(
    pieces: Iterable[bytes],
    filename: str,
    *,
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
    uri = make_staged_code_uri(bucket, prefix, digest.hexdigest(), filename)
    return StagedCode(
        uri=uri, digest=digest.hexdigest(), size=size, source=path, root=str(Path(root).absolute()), form=form
    )
