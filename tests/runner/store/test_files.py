"""Archives that stay inside their folder, and copies."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dagcast.runner.files import ArchiveError, UnsafeFileError, copy_file, pack_tar_gz, remove_tree, unpack


def _archive(path: Path, *members: tuple[str, bytes, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
            else:
                member.linkname = content
            tar.addfile(member, io.BytesIO(content.encode()) if kind == tarfile.REGTYPE else None)
    return path


@pytest.mark.parametrize(
    "members",
    [
        [("/etc/evil", tarfile.REGTYPE, "x")],
        [("../evil", tarfile.REGTYPE, "x")],
        [("a/../../evil", tarfile.REGTYPE, "x")],
        [("a\\..\\evil", tarfile.REGTYPE, "x")],
        [("way", tarfile.SYMTYPE, ".."), ("way/evil", tarfile.REGTYPE, "x")],
        [("way", tarfile.SYMTYPE, "/etc"), ("way/evil", tarfile.REGTYPE, "x")],
        [("passwd", tarfile.SYMTYPE, "/etc/passwd")],
        [("evil", tarfile.LNKTYPE, "../evil")],
        [("evil", tarfile.LNKTYPE, "/etc/passwd")],
        [("self", tarfile.SYMTYPE, "self")],
        [("null", tarfile.CHRTYPE, "")],
        [("disk", tarfile.BLKTYPE, "")],
        [("pipe", tarfile.FIFOTYPE, "")],
        [("a", tarfile.REGTYPE, "x"), ("a/b", tarfile.REGTYPE, "x")],
    ],
)
def test_a_member_that_would_leave_the_folder_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes, str]]
) -> None:
    with pytest.raises(ArchiveError):
        unpack(_archive(tmp_path / "a.tar.gz", *members), tmp_path / "out" / "in")
    assert not list(tmp_path.rglob("evil"))


def test_a_link_to_another_member_becomes_a_copy(tmp_path: Path) -> None:
    members = [("d/a", tarfile.REGTYPE, "1"), ("d/b", tarfile.SYMTYPE, "a"), ("c", tarfile.LNKTYPE, "d/a")]
    unpack(_archive(tmp_path / "a.tar.gz", *members), tmp_path / "out")
    assert [(tmp_path / "out" / n).read_text() for n in ("d/b", "c")] == ["1", "1"]
    assert not (tmp_path / "out" / "d" / "b").is_symlink()


def test_a_name_that_comes_twice_is_what_came_last(tmp_path: Path) -> None:
    members = [("a", tarfile.REGTYPE, "1"), ("a", tarfile.REGTYPE, "2")]
    unpack(_archive(tmp_path / "a.tar.gz", *members), tmp_path / "out")
    assert (tmp_path / "out" / "a").read_text() == "2"


def test_an_invalid_or_truncated_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("no archive")
    whole = _archive(tmp_path / "b", ("a", tarfile.REGTYPE, "1" * 5000)).read_bytes()
    (tmp_path / "b").write_bytes(whole[: len(whole) // 2])
    for name in ("a", "b"):
        with pytest.raises(ArchiveError, match="not a complete"):
            unpack(tmp_path / name, tmp_path / "out")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_an_archive_with_changed_bytes_is_unpacked_or_is_an_error(changes: list[tuple[float, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        members = [("a", tarfile.REGTYPE, "".join(map(str, range(2000)))), ("b/é", tarfile.REGTYPE, "1")]
        archive = _archive(Path(folder, "a.tar.gz"), *members)
        content = bytearray(archive.read_bytes())
        for place, byte in changes:
            content[int(place * len(content))] = byte
        archive.write_bytes(content)
        try:
            unpack(archive, Path(folder, "out"))
        except ArchiveError:
            event("an error")
        else:
            event("unpacked")


def test_the_same_files_pack_to_the_same_bytes(tmp_path: Path) -> None:
    for name, order in (("one", "ab"), ("two", "ba")):
        for letter in order:
            (tmp_path / name / letter).mkdir(parents=True)
            (tmp_path / name / letter / "ü.txt").write_text(letter)
        pack_tar_gz(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    unpack(tmp_path / "one.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "a" / "ü.txt").read_text() == "a"


def test_a_folder_with_a_link_out_of_it_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "link").symlink_to("/etc/hostname")
    with pytest.raises(UnsafeFileError):
        pack_tar_gz(tmp_path / "model", tmp_path / "model.tar.gz")


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 1 << 21), st.binary(min_size=1)), max_size=5), st.integers(0, 1 << 22)
)
def test_a_copy_has_the_same_bytes_and_the_same_holes(pieces: list[tuple[int, bytes]], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, copy = Path(folder, "source"), Path(folder, "copy")
        with source.open("wb") as file:
            for place, content in pieces:
                file.seek(place)
                file.write(content)
            file.truncate(size)
        copy_file(source, copy)
        assert copy.read_bytes() == source.read_bytes()
        assert copy.stat().st_blocks <= source.stat().st_blocks
        event(f"{'holes' if source.stat().st_blocks * 512 < size else 'none'}")


def test_a_file_that_is_one_great_hole_takes_no_room(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"x")
    copy_file(source, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size == 1 << 40
    assert (tmp_path / "copy").stat().st_blocks <= source.stat().st_blocks


def test_a_user_removes_folders_that_nobody_can_enter() -> None:
    """As the kernel leaves them in the layer of a killed job."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        top = Path(name)
        closed = top / "tree" / "work" / "work"
        (closed / "volatile").mkdir(parents=True)
        (closed / "volatile" / "file").write_text("")
        for folder in (closed / "volatile", closed):
            folder.chmod(0)
        if os.geteuid() == 0:
            for folder in (top, *top.rglob("*")):
                os.chown(folder, 4321, 4321)
        pid = os.fork()
        if pid == 0:
            try:
                if os.geteuid() == 0:
                    os.setresuid(4321, 4321, 4321)
                remove_tree(top / "tree")
            finally:
                os._exit(int((top / "tree").exists()))
        assert os.waitpid(pid, 0)[1] == 0
