"""The archive formats at their limits."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.staging.reproducible_archive import Member, gzip_stored, write_tar


@given(st.lists(st.binary(max_size=100_000), max_size=5))
def test_gzip_holds_what_went_in(pieces: list[bytes]) -> None:
    assert gzip.decompress(b"".join(gzip_stored(pieces))) == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 131070])
def test_gzip_at_the_edges_of_a_block(size: int) -> None:
    content = bytes(size)
    assert gzip.decompress(b"".join(gzip_stored([content]))) == content


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=4), st.integers(1, 999))
def test_gzip_does_not_depend_on_how_the_content_is_cut(pieces: list[bytes], cut: int) -> None:
    whole = b"".join(pieces)
    again = [whole[start : start + cut] for start in range(0, len(whole), cut)]
    assert b"".join(gzip_stored(pieces)) == b"".join(gzip_stored(again))


def make_member(name: str, size: int = 0) -> Member:
    def read() -> Iterator[bytes]:
        yield bytes(size)

    return Member(name, size, False, read)


@given(st.integers(90, 300))
def test_names_of_every_length(length: int) -> None:
    content = b"".join(write_tar([make_member("n" * length), make_member("ü" * length)]))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == ["n" * length, "ü" * length]


def test_members_are_ordered_by_the_bytes_of_their_names() -> None:
    names = ["b", "a/b", "a", "B", "é", "a.b", "\U0001f600", "\uffee"]
    content = b"".join(write_tar(make_member(name) for name in names))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == sorted(names, key=str.encode)


@pytest.mark.parametrize("size", [8**11 - 1, 8**11, 8**11 + 1])
def test_a_file_too_large_for_ustar_has_its_size_in_a_record(size: int) -> None:
    header = next(write_tar([Member("big", size, False, lambda: iter(()))]))
    with tarfile.open(fileobj=io.BytesIO(header)) as archive:
        info = archive.next()
    assert info is not None
    assert (info.name, info.size, len(header)) == ("big", size, 512 if size < 8**11 else 1536)


def test_headers_say_nothing_about_the_machine() -> None:
    content = b"".join(write_tar([Member("run", 0, True, lambda: iter(()))]))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        info = archive.getmember("run")
    assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o755)
