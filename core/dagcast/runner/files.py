"""Copies and removes files and folders, and packs and unpacks archives safely."""

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
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

from dagcast.errors import DagcastError

_FICLONE = 0x40049409
"""The ioctl that makes a file share another's blocks until one is written. Source: Linux ioctl_ficlone(2)."""

_CHUNK_BYTES = 1 << 20


class ArchiveError(DagcastError):
    """An archive cannot be read, or a member would be written outside the destination folder."""


class UnsafeFileError(DagcastError):
    """A folder contains what must not be copied: a link out of it, a loop of links, or a special file."""


def copy_file(source: Path, destination: Path) -> None:
    """Copy a file's bytes and its permission to execute. Links are followed.

    The copy shares blocks with the source where the file system supports it (``FICLONE``), keeps holes, and is never a
    hard link, because its owner may write to it.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reader, destination.open("wb") as writer:
        if sys.platform != "linux" or not _clone(reader.fileno(), writer.fileno()):
            status = os.fstat(reader.fileno())
            if status.st_blocks * 512 < status.st_size:
                _copy_with_holes(reader, writer, status.st_size)
            else:
                shutil.copyfileobj(reader, writer, _CHUNK_BYTES)
        executable = os.fstat(reader.fileno()).st_mode & 0o111
    if executable:
        destination.chmod(destination.stat().st_mode | 0o111)


def _copy_with_holes(reader: BinaryIO, writer: BinaryIO, size: int) -> None:
    """Copy the data between the holes of a file. Holes use no space, in the copy either."""
    end = 0
    while end < size:
        try:
            start = os.lseek(reader.fileno(), end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # only a hole is left
                raise
            break
        end = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
        reader.seek(start)
        writer.seek(start)
        left = end - start
        while chunk := reader.read(min(_CHUNK_BYTES, left)):
            writer.write(chunk)
            left -= len(chunk)
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
    """Remove a folder and its contents without following links, also folders that its owner cannot enter.

    A job leaves such folders, and so does the kernel in the layer of a job that was killed.

    Raises:
        OSError: If a part of it cannot be removed.
    """
    try:
        _remove_tree(folder)
    except PermissionError:
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                path = Path(parent, name)
                if not path.is_symlink():
                    with suppress(PermissionError):  # another user's
                        path.chmod(0o700)
        _remove_tree(folder)


def _remove_tree(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except RecursionError:  # before Python 3.13: folders nested a thousand levels deep
        removed = subprocess.run(["rm", "-rf", folder], capture_output=True, check=False)
        if removed.returncode != 0:
            raise OSError(errno.ENOTEMPTY, "its folders are nested too deeply", str(folder)) from None


def iter_files(
    folder: Path, *, follow_links: bool = True, excluded: Path | None = None
) -> Iterator[tuple[str, Path]]:
    """Yield the relative POSIX path and the path of every file below ``folder``, sorted by name.

    Args:
        folder: The folder.
        follow_links: Whether links are followed; otherwise they raise an error.
        excluded: A folder below it that is skipped.

    Raises:
        UnsafeFileError: If a link is not allowed, is broken or makes a loop, something is neither file nor folder, or a
            folder cannot be read.
    """
    left_out = _identity(excluded) if excluded is not None and excluded.is_dir() else None
    try:
        yield from _iter_files(folder, "", (_identity(folder),), follow_links, left_out)
    except RecursionError:
        raise UnsafeFileError(f"{folder}: its folders are nested too deeply") from None


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _iter_files(
    folder: Path,
    prefix: str,
    above: tuple[tuple[int, int], ...],
    follow_links: bool,
    left_out: tuple[int, int] | None,
) -> Iterator[tuple[str, Path]]:
    try:
        children = sorted(folder.iterdir(), key=lambda child: child.name)
    except OSError as error:
        raise UnsafeFileError(f"{folder} cannot be read: {error.strerror}") from error
    for path in children:
        name = f"{prefix}{path.name}"
        if not follow_links and path.is_symlink():
            raise UnsafeFileError(f"{path} is a link, which is not allowed here")
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise UnsafeFileError(f"{path} cannot be read: {error.strerror}") from error
        if stat.S_ISREG(mode):
            yield name, path
        elif stat.S_ISDIR(mode):
            identity = _identity(path)
            if identity in above:
                raise UnsafeFileError(f"{path} links to a folder that contains it")
            if identity != left_out:
                yield from _iter_files(path, f"{name}/", (*above, identity), follow_links, left_out)
        else:
            raise UnsafeFileError(f"{path} is neither a file nor a folder")


def check_links(folder: Path) -> frozenset[Path]:
    """Check that no link below ``folder`` leads out of it, or to nothing.

    Returns:
        The links below it.

    Raises:
        UnsafeFileError: If a link leads out. Following it would expose files of other steps or of the user. Or if what
            it links to does not exist.
    """
    links = set()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if os.path.islink(f"{parent}/{name}"):  # noqa: PTH114 - of many files, few are links
                links.add(Path(parent, name))
    root = os.path.realpath(folder)
    for path in sorted(links):
        real = os.path.realpath(path)
        if not f"{real}/".startswith(f"{root}/"):
            raise UnsafeFileError(
                f"{path.relative_to(folder)} is a link out of its folder, to {path.readlink()}"
            )
        if not os.path.exists(real):  # noqa: PTH110 - as realpath
            raise UnsafeFileError(
                f"{path.relative_to(folder)} is a link to {path.readlink()}, which does not exist"
            )
    return frozenset(links)


def copy_tree(source: Path, destination: Path) -> int:
    """Copy all files below a folder. Links are followed, and empty folders are skipped, because S3 has none.

    Returns:
        The number of files.
    """
    destination.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, path in iter_files(source):
        copy_file(path, destination / name)
        count += 1
    return count


def pack_tar_gz(folder: Path, archive: Path) -> None:
    """Pack all files below ``folder``: the same files give the same bytes on a machine, with the same Python and ISA-L.

    Names are sorted, times are zero, owners are root. Links inside the folder are followed. Other versions of
    ``tarfile`` and ISA-L may write other bytes. That costs a local run at most a result of its cache;
    :mod:`dagcast.staging.reproducible_archive` writes archives that are equal on every machine.

    Raises:
        UnsafeFileError: If a link leads out of the folder.
    """
    check_links(folder)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("wb") as raw,
        _compress(raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in iter_files(folder):
            status = path.stat()
            member = tarfile.TarInfo(name)
            member.size = status.st_size
            member.mode = 0o755 if status.st_mode & 0o111 else 0o644
            with path.open("rb") as reader:
                tar.addfile(member, reader)


def _compress(raw: BinaryIO) -> gzip.GzipFile:
    """Return a gzip stream into a file. ISA-L takes a tenth of zlib's time for the same size."""
    try:
        from isal import igzip
    except ImportError:  # no wheel for this platform
        return gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0)
    packed: gzip.GzipFile = igzip.IGzipFile("", "wb", compresslevel=2, fileobj=raw, mtime=0)  # type: ignore[no-untyped-call]
    return packed


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a ``.tar.gz`` or ``.tar`` into a folder.

    Only files and folders are created. A link to another member becomes a copy of it, so that nothing is written
    through a link. Devices, pipes, absolute names and names with ``..`` are refused. If a name occurs twice, the last
    one wins, as in tar. The size is not limited: the archive is the user's or a step's own, and SageMaker has no limit.

    Returns:
        The number of bytes that were written.

    Raises:
        ArchiveError: If the archive is invalid or a member is refused. Members before it remain on disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        with archive.open("rb") as reader, tarfile.open(archive, _mode(reader.read(2))) as tar:
            for member in tar:
                written += _unpack_member(tar, member, folder, archive)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveError(f"{archive} is not a complete .tar or .tar.gz: {error}") from error
    return written


def _mode(beginning: bytes) -> Literal["r:gz", "r:"]:
    return "r:gz" if beginning == b"\x1f\x8b" else "r:"


def _unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> int:
    parts = _member_path(member.name, archive)
    target = folder.joinpath(*parts)
    if member.isdir():
        _make_folder(target, archive, member.name)
        return 0
    if not parts:
        raise ArchiveError(f"{archive}: member {member.name!r} has no name")
    _make_folder(target.parent, archive, member.name)
    if target.is_dir():
        raise ArchiveError(f"{archive}: member {member.name!r} is both a file and a folder")
    if member.issym() or member.islnk():
        return _copy_linked(member, parts, folder, target, archive)
    if not member.isfile():
        raise ArchiveError(f"{archive}: member {member.name!r} is neither file, folder nor link")
    reader = tar.extractfile(member)
    if reader is None:
        raise ArchiveError(f"{archive}: member {member.name!r} has no content")
    with reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, _CHUNK_BYTES)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)
    return member.size


def _copy_linked(
    member: tarfile.TarInfo, parts: tuple[str, ...], folder: Path, target: Path, archive: Path
) -> int:
    parent = "/".join(parts[:-1]) if member.issym() else ""
    if member.linkname.startswith("/"):
        raise ArchiveError(
            f"{archive}: member {member.name!r} links out of the archive, to {member.linkname!r}"
        )
    linked = os.path.normpath(f"{parent}/{member.linkname}" if parent else member.linkname)
    if linked == ".." or linked.startswith("../"):
        raise ArchiveError(
            f"{archive}: member {member.name!r} links out of the archive, to {member.linkname!r}"
        )
    source = folder.joinpath(*_member_path(linked, archive))
    if source == target or not source.is_file():
        raise ArchiveError(
            f"{archive}: member {member.name!r} links to {member.linkname!r}, which is not a file before it"
        )
    copy_file(source, target)
    return target.stat().st_size


def _make_folder(path: Path, archive: Path, name: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveError(f"{archive}: member {name!r} is below a file") from error


def _member_path(name: str, archive: Path) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise ArchiveError(f"{archive}: member {name!r} would be written outside its folder")
    return path.parts
