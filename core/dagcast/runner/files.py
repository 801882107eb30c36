"""Copies that share nothing with their source, archives that stay inside their folder, and the removal of folders."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from dagcast.errors import DagcastError

_FICLONE = 0x40049409
"""The ioctl that makes a file share another's blocks until one is written. Source: Linux ioctl_ficlone(2)."""

_PIECE = 1 << 20


class ArchiveError(DagcastError):
    """An archive cannot be read, or has a member that would land outside the folder it is unpacked to."""


class UnsafeFileError(DagcastError):
    """A folder holds what must not be copied: a link that leaves it, a loop of links, or no regular file."""


def copy_file(source: Path, destination: Path) -> None:
    """Copy a file's bytes and its permission to execute; links are followed.

    The copy shares blocks with the source where the file system can (``FICLONE``), has its holes, and is never a hard
    link: who got it may write into it.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reader, destination.open("wb") as writer:
        if sys.platform != "linux" or not _clone(reader.fileno(), writer.fileno()):
            found = os.fstat(reader.fileno())
            if found.st_blocks * 512 < found.st_size:
                _copy_with_holes(reader, writer, found.st_size)
            else:
                shutil.copyfileobj(reader, writer, _PIECE)
        executable = os.fstat(reader.fileno()).st_mode & 0o111
    if executable:
        destination.chmod(destination.stat().st_mode | 0o111)


def _copy_with_holes(reader: BinaryIO, writer: BinaryIO, size: int) -> None:
    """Copy what a file has between its holes: they take no room, and neither do they in the copy."""
    end = 0
    while end < size:
        try:
            start = os.lseek(reader.fileno(), end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nothing but a hole is left
                raise
            break
        end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
        reader.seek(start)
        writer.seek(start)
        left = end - start
        while piece := reader.read(min(_PIECE, left)):
            writer.write(piece)
            left -= len(piece)
    writer.truncate(size)


def _clone(source: int, destination: int) -> bool:
    import fcntl

    try:
        fcntl.ioctl(destination, _FICLONE, source)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    return True


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


def files_below(
    folder: Path, *, links: bool = True, without: Path | None = None
) -> Iterator[tuple[str, Path]]:
    """Every file below ``folder`` in the order of their names: its relative POSIX path and itself.

    Args:
        folder: Where to begin.
        links: Whether links are followed; else they are refused.
        without: A folder below it that is left out.

    Raises:
        UnsafeFileError: If a link is refused or leads nowhere or in a circle, something is neither file nor folder, or
            a folder cannot be read.
    """
    left_out = _identity(without) if without is not None and without.is_dir() else None
    yield from _below(folder, "", (_identity(folder),), links, left_out)


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _below(
    folder: Path,
    prefix: str,
    above: tuple[tuple[int, int], ...],
    links: bool,
    left_out: tuple[int, int] | None,
) -> Iterator[tuple[str, Path]]:
    try:
        children = sorted(folder.iterdir(), key=lambda child: child.name)
    except OSError as error:
        raise UnsafeFileError(f"{folder} cannot be read: {error.strerror}") from error
    for path in children:
        name = f"{prefix}{path.name}"
        if not links and path.is_symlink():
            raise UnsafeFileError(f"{path} is a link, and there must be none")
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise UnsafeFileError(f"{path} cannot be read: {error.strerror}") from error
        if stat.S_ISREG(mode):
            yield name, path
        elif stat.S_ISDIR(mode):
            identity = _identity(path)
            if identity in above:
                raise UnsafeFileError(f"{path} links to a folder that it is in")
            if identity != left_out:
                yield from _below(path, f"{name}/", (*above, identity), links, left_out)
        else:
            raise UnsafeFileError(f"{path} is neither a file nor a folder")


def refuse_links_out(folder: Path) -> frozenset[Path]:
    """See that no link below ``folder`` leads out of it.

    Returns:
        The links that there are.

    Raises:
        UnsafeFileError: If one leads out; following it would hand over another step's or the user's files.
    """
    found = set()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if os.path.islink(f"{parent}/{name}"):  # noqa: PTH114 - of many files, few are links
                found.add(Path(parent, name))
    root = folder.resolve()
    for path in sorted(found):
        if not path.resolve().is_relative_to(root):
            raise UnsafeFileError(f"{path} is a link out of its folder, to {path.readlink()}")
    return frozenset(found)


def copy_tree(source: Path, destination: Path) -> int:
    """Copy all files below a folder, links followed; empty folders are not copied, as S3 has none.

    Returns:
        The number of files.
    """
    destination.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, path in files_below(source):
        copy_file(path, destination / name)
        count += 1
    return count


def pack_tar_gz(folder: Path, archive: Path) -> None:
    """Pack all below ``folder``: the same files give the same bytes with the same Python and zlib.

    Names are sorted, times are zero, owners are nobody; links that stay inside are followed. Other versions of
    ``tarfile`` and zlib may write other bytes. That costs a run on this machine a step from its cache at most; what
    has to be equal on every machine is written by :mod:`dagcast.staging.tarball`.

    Raises:
        UnsafeFileError: If a link leads out of the folder.
    """
    refuse_links_out(folder)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files_below(folder):
            found = path.stat()
            member = tarfile.TarInfo(name)
            member.size = found.st_size
            member.mode = 0o755 if found.st_mode & 0o111 else 0o644
            with path.open("rb") as reader:
                tar.addfile(member, reader)


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a ``.tar.gz`` or ``.tar`` into a folder.

    Only files and folders are made. Links that name another member become copies of it, so that nothing can be
    written through one; all else that tar knows (devices, pipes) is refused, and so is a name that is absolute or has
    ``..``. A name that comes twice is what came last, as in tar. How much is unpacked is bounded by the free disk
    alone: the archive is the user's, or a step's own, and SageMaker has no other bound.

    Returns:
        The number of bytes that were written.

    Raises:
        ArchiveError: If it is no such archive, or a member is refused; what came before it is on disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        with archive.open("rb") as reader, tarfile.open(archive, _mode(reader.read(2))) as tar:
            for member in tar:
                written += _unpack_member(tar, member, folder, archive)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveError(f"{archive} is no whole .tar or .tar.gz: {error}") from error
    return written


def _mode(beginning: bytes) -> Literal["r:gz", "r:"]:
    return "r:gz" if beginning == b"\x1f\x8b" else "r:"


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> int:
    parts = _parts(member.name, archive)
    target = folder.joinpath(*parts)
    if member.isdir():
        _make_folder(target, archive, member.name)
        return 0
    if not parts:
        raise ArchiveError(f"{archive}: member {member.name!r} has no name")
    _make_folder(target.parent, archive, member.name)
    if target.is_dir():
        raise ArchiveError(f"{archive}: member {member.name!r} is a file and a folder")
    if member.issym() or member.islnk():
        return _copy_linked(member, parts, folder, target, archive)
    if not member.isfile():
        raise ArchiveError(f"{archive}: member {member.name!r} is neither file, folder nor link")
    reader = tar.extractfile(member)
    if reader is None:
        raise ArchiveError(f"{archive}: member {member.name!r} has no content")
    with reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, _PIECE)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)
    return member.size


def _copy_linked(
    member: tarfile.TarInfo, parts: tuple[str, ...], folder: Path, target: Path, archive: Path
) -> int:
    beside = "/".join(parts[:-1]) if member.issym() else ""
    if member.linkname.startswith("/"):
        raise ArchiveError(
            f"{archive}: member {member.name!r} links out of the archive, to {member.linkname!r}"
        )
    named = os.path.normpath(f"{beside}/{member.linkname}" if beside else member.linkname)
    if named == ".." or named.startswith("../"):
        raise ArchiveError(
            f"{archive}: member {member.name!r} links out of the archive, to {member.linkname!r}"
        )
    source = folder.joinpath(*_parts(named, archive))
    if source == target or not source.is_file():
        raise ArchiveError(
            f"{archive}: member {member.name!r} links to {member.linkname!r}, which is no file before it"
        )
    copy_file(source, target)
    return target.stat().st_size


def _make_folder(path: Path, archive: Path, name: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveError(f"{archive}: member {name!r} is below a file") from error


def _parts(name: str, archive: Path) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise ArchiveError(f"{archive}: member {name!r} would land outside its folder")
    return path.parts
