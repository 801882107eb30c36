"""Stage a file or folder as an S3 object with a known address, without uploading it.

The address contains the SHA-256 of the object's bytes. The bytes depend only on names, content and executable bits, so
the same code has the same address on every machine. ``docs/decisions/staged-code.md`` documents which files are staged
or skipped, and the reasons for the archive format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from dagcast.definition.staged_code_uri import make_staged_code_uri
from dagcast.errors import StagingError
from dagcast.staging.find_files import (
    StagingProblem,
    StagingRefusedError,
    find_entry_point_problem,
    find_name_problem,
    find_path_problem,
    make_member,
    raise_problems,
    read_file,
    scan_folder,
)
from dagcast.staging.reproducible_archive import gzip_stored, write_tar
from dagcast.staging.staged_code import StagedCode

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
    """Stage one file unchanged, under its own name.

    Args:
        path: The file as written in the config: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket to upload to.
        prefix: The prefix of the S3 key. May be empty.

    Raises:
        StagingRefusedError: If the file is missing, unreadable, a link or not a regular file, or its name is invalid.
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
        path: The folder as written in the config: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket to upload to.
        prefix: The prefix of the S3 key. May be empty.
        entry_point: A file that the folder must contain, relative to the folder.

    Raises:
        StagingRefusedError: If the folder, or an entry in it that is not skipped, cannot be archived, or if the folder
            does not contain the entry point. The error lists all problems.
    """
    folder = Path(root).absolute() / path
    raise_problems([find_path_problem(path, root)])
    if not folder.is_dir():
        raise_problems([StagingProblem(f"{path} is a file, not a folder", "name the folder that it is in")])
    members, problems = scan_folder(folder, path)
    if entry_point is not None:
        problems.append(find_entry_point_problem(entry_point, folder, path, members))
    raise_problems(problems)
    return _staged(
        gzip_stored(write_tar(members)),
        ARCHIVE_NAME,
        path=path,
        root=root,
        bucket=bucket,
        prefix=prefix,
        form="archive",
    )


def stage_script(path: str, root: str | Path, bucket: str, prefix: str = "") -> StagedCode:
    """Stage one script as a ``sourcedir.tar.gz`` that contains only the script, under its own name.

    Args:
        path: The script as written in the config: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket to upload to.
        prefix: The prefix of the S3 key. May be empty.

    Raises:
        StagingRefusedError: For the same problems as :func:`stage_file`.
    """
    file = _file(path, root)
    pieces = gzip_stored(write_tar([make_member(file, file.name, path)]))
    return _staged(pieces, ARCHIVE_NAME, path=path, root=root, bucket=bucket, prefix=prefix, form="script")


def stage_files(
    paths: Iterable[str], root: str | Path, bucket: str, prefix: str = ""
) -> tuple[StagedCode, ...]:
    """Stage files and folders unchanged, below one common address.

    The address contains one digest of all names and contents.

    Args:
        paths: Files and folders as written in the config: absolute, or relative to ``root``.
        root: The folder of the config.
        bucket: The S3 bucket to upload to.
        prefix: The prefix of the S3 key. May be empty.

    Returns:
        One object for each file. The files of a folder keep their relative paths.

    Raises:
        StagingRefusedError: If a file cannot be staged, or two files have the same name.
    """
    sources: dict[str, str] = {}
    problems: list[StagingProblem | None] = []
    for path in paths:
        named = Path(root).absolute() / path
        problem = find_path_problem(path, root)
        found = {named.name: path}
        if problem is None and named.is_dir():
            members, refused = scan_folder(named, path)
            problems += refused
            found = {f"{named.name}/{m.name}": f"{path.rstrip('/')}/{m.name}" for m in members}
        twice = [name for name in found if name in sources and sources[name] != found[name]]
        problems += [problem, *(StagingProblem(f"two files to stage are named {name}") for name in twice)]
        sources.update(found)
    raise_problems(problems)
    alone = {name: stage_file(source, root, bucket) for name, source in sources.items()}
    whole = hashlib.sha256(
        "".join(f"{name}\0{alone[name].digest}\n" for name in sorted(alone)).encode()
    ).hexdigest()
    return tuple(
        replace(alone[name], uri=make_staged_code_uri(bucket, prefix, whole, name)) for name in sorted(alone)
    )


def stage_text(name: str, content: bytes, bucket: str, prefix: str = "") -> StagedCode:
    """Stage a text that is not in a file, such as a launcher script that dagcast generates.

    Args:
        name: The name of the object.
        content: The encoded text.
        bucket: The S3 bucket to upload to.
        prefix: The prefix of the S3 key. May be empty.

    Raises:
        StagingRefusedError: If the name is invalid.
    """
    raise_problems([find_name_problem(name, name)])
    digest = hashlib.sha256(content).hexdigest()
    uri = make_staged_code_uri(bucket, prefix, digest, name)
    return StagedCode(uri=uri, digest=digest, size=len(content), source=name, form="text", content=content)


def archive_pieces(staged: StagedCode) -> Iterator[bytes]:
    """Yield the bytes of the S3 object in pieces, rebuilt from the files.

    Does not compare the bytes with the digest. The caller compares them to detect changed files.

    Raises:
        StagingError: If the files no longer exist or can no longer be staged.
    """
    if staged.form == "text":
        yield staged.content
        return
    path = Path(staged.root) / staged.source
    try:
        raise_problems([find_path_problem(staged.source, staged.root)])
        if staged.form == "file":
            yield from read_file(path, staged.source)
        elif staged.form == "script":
            yield from gzip_stored(write_tar([make_member(path, path.name, staged.source)]))
        else:
            members, problems = scan_folder(path, staged.source)
            raise_problems(problems)
            yield from gzip_stored(write_tar(members))
    except StagingRefusedError as refused:
        raise StagingError(f"staged code cannot be read any more: {refused}") from refused


def archive_bytes(staged: StagedCode) -> bytes:
    """Return the bytes of the S3 object, rebuilt from the files.

    Raises:
        StagingError: If the files no longer exist, can no longer be staged, or have changed.
    """
    content = b"".join(archive_pieces(staged))
    if hashlib.sha256(content).hexdigest() != staged.digest:
        raise StagingError(f"{staged.source} has changed since the pipeline was compiled: compile it again")
    return content


def _file(path: str, root: str | Path) -> Path:
    file = Path(root).absolute() / path
    raise_problems([find_path_problem(path, root)])
    if file.is_dir():
        raise_problems([StagingProblem(f"{path} is a folder, not a file", "name one of its files")])
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
