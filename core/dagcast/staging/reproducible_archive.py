"""Write tar and gzip files whose bytes depend only on names, content and executable bits.

The values that Python's ``tarfile`` writes to unused header fields differ between versions. The output of zlib differs
between builds (zlib, zlib-ng). This module therefore writes both formats itself: POSIX ustar headers, with a pax
record where a value does not fit ustar, and a gzip stream of stored blocks. See ``docs/decisions/staged-code.md``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator

from dagcast.frozen_dataclass import dataclass

_BLOCK = 512
_RECORD = 20 * _BLOCK
# POSIX.1-2017, pax: a ustar header holds 100 bytes of name, and a size of 11 octal digits.
_NAME_BYTES = 100
_SIZE_LIMIT = 8**11
# RFC 1951, 3.2.4: the length of a stored block has 16 bits.
_STORED_BYTES = 0xFFFF
# RFC 1952, 2.3: deflate, no file name, no modification time, no extra flags, unknown operating system.
_GZIP_HEADER = b"\x1f\x8b\x08\x00" + b"\x00" * 4 + b"\x00\xff"


@dataclass(frozen=True)
class Member:
    """A file of an archive.

    Attributes:
        name: The path in the archive, with ``/`` as separator.
        size: The total number of bytes that ``read`` yields.
        executable: Whether the mode is 0755. Otherwise the mode is 0644.
        read: Yields the content in pieces.
    """

    name: str
    size: int
    executable: bool
    read: Callable[[], Iterator[bytes]]


def write_tar(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield a tar archive of the members in pieces. The members are sorted by the bytes of their names."""
    written = 0
    for member in sorted(members, key=lambda member: member.name.encode()):
        header = _headers(member)
        yield header
        yield from member.read()
        padding = -member.size % _BLOCK
        yield b"\0" * padding
        written += len(header) + member.size + padding
    # Two empty blocks end the archive. Its length is a multiple of the record size.
    end = 2 * _BLOCK
    yield b"\0" * (end + -(written + end) % _RECORD)


def gzip_stored(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a gzip stream of the content in pieces, without compression."""
    yield _GZIP_HEADER
    checksum, size = 0, 0
    waiting = bytearray()
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
        size += len(piece)
        waiting += piece
        while len(waiting) >= _STORED_BYTES:
            yield _stored(bytes(waiting[:_STORED_BYTES]), last=False)
            del waiting[:_STORED_BYTES]
    yield _stored(bytes(waiting), last=True)
    yield struct.pack("<II", checksum, size & 0xFFFFFFFF)


def _stored(content: bytes, *, last: bool) -> bytes:
    return struct.pack("<BHH", int(last), len(content), len(content) ^ 0xFFFF) + content


def _headers(member: Member) -> bytes:
    name = member.name.encode()
    mode = 0o755 if member.executable else 0o644
    records = b""
    if len(name) > _NAME_BYTES or not name.isascii():
        records += _pax_record("path", name)
        name = member.name.encode("ascii", "replace")[:_NAME_BYTES]
    size = member.size
    if size >= _SIZE_LIMIT:
        records += _pax_record("size", b"%d" % size)
        size = 0
    header = _header(name, size, mode, b"0")
    if not records:
        return header
    padded = records + b"\0" * (-len(records) % _BLOCK)
    return _header(b"PaxHeader", len(records), 0o644, b"x") + padded + header


def _pax_record(keyword: str, value: bytes) -> bytes:
    """Return a pax record: its length, a space, ``keyword=value`` and a newline.

    The length counts the whole record, including the digits of the length.
    """
    rest = b" " + keyword.encode() + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _header(name: bytes, size: int, mode: int, kind: bytes) -> bytes:
    nobody, never, no_device = b"%07o\0" % 0, b"%011o\0" % 0, b"%07o\0" % 0
    before = name.ljust(_NAME_BYTES, b"\0") + b"%07o\0" % mode + nobody + nobody + b"%011o\0" % size + never
    after = kind + b"\0" * 100 + b"ustar\x0000" + b"\0" * 64 + no_device + no_device + b"\0" * 167
    checksum = b"%06o\0 " % sum(before + b" " * 8 + after)
    return before + checksum + after
