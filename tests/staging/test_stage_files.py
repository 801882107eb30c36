"""Staging files and folders: addresses, what is left out, what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagcast.errors import StagingError
from dagcast.staging.stage_files import (
    StagingRefusedError,
    archive_bytes,
    stage_file,
    stage_files,
    stage_folder,
    stage_script,
    stage_text,
)

GOLDEN = "e7b8d2de34b4950525a7bb9f143ab01c2397c1e646264ea277b7b97c2f9add3d"


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def names_in(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        return archive.getnames()


def refusal(*args: object, **kwargs: object) -> list[str]:
    with pytest.raises(StagingRefusedError) as refused:
        stage_folder(*args, **kwargs)  # type: ignore[arg-type]
    return [problem.message for problem in refused.value.problems]


PARTS = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="/\\\0"), min_size=1, max_size=60
).filter(
    lambda name: (
        name not in {".", "..", ".git", ".venv", ".DS_Store"}
        and not name.endswith(".pyc")
        and len(name.encode()) <= 200
    )
)
TREES = st.dictionaries(
    st.lists(PARTS, min_size=1, max_size=4).map("/".join),
    st.tuples(st.binary(max_size=2000), st.booleans()),
    min_size=1,
    max_size=8,
)


def grow(root: Path, files: list[tuple[str, tuple[bytes, bool]]], umask: int, time: int) -> bool:
    """Write the files in the order given; False if the file system cannot hold them together."""
    before = os.umask(umask)
    try:
        for name, (content, executable) in files:
            path = root / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                return False
            if executable:
                path.chmod(path.stat().st_mode | 0o100)
            os.utime(path, (time, time))
        return True
    finally:
        os.umask(before)


@given(tree=TREES, times=st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)))
@settings(deadline=None, max_examples=60)
def test_copies_of_a_folder_have_one_address(
    tree: dict[str, tuple[bytes, bool]], times: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        files = list(tree.items())
        if not grow(Path(first, "src"), files, 0o022, times[0]):
            return
        grow(Path(second, "src"), files[::-1], 0o077, times[1])
        one, other = stage_folder("src", first, "b", "p"), stage_folder("src", second, "b", "p")
        assert one == other
        content = archive_bytes(one)
        assert content == archive_bytes(other)
        assert hashlib.sha256(content).hexdigest() == one.digest
        assert len(content) == one.size
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            found = {
                member.name: (archive.extractfile(member).read(), bool(member.mode & 0o100))  # type: ignore[union-attr]
                for member in archive.getmembers()
            }
        assert found == tree


@given(tree=TREES)
@settings(deadline=None, max_examples=30)
def test_any_change_changes_the_address(tree: dict[str, tuple[bytes, bool]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        if not grow(Path(root, "src"), list(tree.items()), 0o022, 0):
            return
        addresses = {stage_folder("src", root, "b").uri}
        file = Path(root, "src", next(iter(tree)))
        file.write_bytes(file.read_bytes() + b"x")
        addresses.add(stage_folder("src", root, "b").uri)
        file.chmod(file.stat().st_mode ^ 0o100)
        addresses.add(stage_folder("src", root, "b").uri)
        file.rename(file.with_name(file.name[:20] + "~"))
        addresses.add(stage_folder("src", root, "b").uri)
        assert len(addresses) == 4


def test_the_bytes_are_the_same_on_every_machine(tmp_path: Path) -> None:
    write(tmp_path / "src", {"train.py": "print('é')\n", "lib/übung.txt": "x" * 70000, "n" * 120 + "/a": b""})
    (tmp_path / "src" / "train.py").chmod(0o700)
    assert stage_folder("src", tmp_path, "bucket").digest == GOLDEN


def test_other_readers_read_the_archive(tmp_path: Path) -> None:
    files = {"train.py": "a", "lib/übung.txt": "b" * 70000, "n" * 120 + "/" + "m" * 120: "c", "z" * 100: "d"}
    write(tmp_path / "src", files)
    (tmp_path / "src" / "train.py").chmod(0o755)
    content = archive_bytes(stage_folder("src", tmp_path, "bucket"))
    assert len(gzip.decompress(content)) % 10240 == 0
    (tmp_path / "a.tar.gz").write_bytes(content)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xzf", "../a.tar.gz"], cwd=tmp_path / "out", check=True)
    found = {str(p.relative_to(tmp_path / "out")): p for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert {name: path.read_text() for name, path in found.items()} == files
    assert found["train.py"].stat().st_mode & 0o777 == 0o755
    assert found["lib/übung.txt"].stat().st_mode & 0o777 == 0o644


def test_addresses(tmp_path: Path) -> None:
    write(tmp_path, {"code/train.py": "pass\n"})
    digest = hashlib.sha256(b"pass\n").hexdigest()
    file = stage_file("code/train.py", tmp_path, "bucket", "/team/x/")
    assert file.uri == f"s3://bucket/team/x/code/{digest}/train.py"
    assert (file.digest, file.size, file.source, file.root) == (digest, 5, "code/train.py", str(tmp_path))
    text = stage_text("run.sh", b"pass\n", "bucket")
    assert text.uri == f"s3://bucket/code/{digest}/run.sh"
    folder = stage_folder("code", tmp_path, "bucket")
    assert folder.uri == f"s3://bucket/code/{folder.digest}/sourcedir.tar.gz"
    assert [archive_bytes(code) for code in (file, text)] == [b"pass\n", b"pass\n"]


def test_a_single_script_has_the_address_of_a_folder_with_only_it(tmp_path: Path) -> None:
    write(tmp_path, {"code/train.py": "pass\n"})
    script = stage_script("code/train.py", tmp_path, "bucket")
    assert script.uri == stage_folder("code", tmp_path, "bucket").uri
    assert names_in(archive_bytes(script)) == ["train.py"]


def test_a_folder_may_be_named_by_an_absolute_path_and_by_a_path_out_of_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"shared/train.py": "pass\n", "project/config.yaml": ""})
    by_name = stage_folder("../shared", tmp_path / "project", "bucket")
    assert by_name.uri == stage_folder(str(tmp_path / "shared"), tmp_path / "project", "bucket").uri
    assert names_in(archive_bytes(by_name)) == ["train.py"]


def test_what_tools_leave_behind_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"src/train.py": "pass\n", "src/lib/a.py": "pass\n"})
    before = stage_folder("src", tmp_path, "bucket")
    write(
        tmp_path / "src",
        {
            "__pycache__/train.cpython-311.pyc": "x",
            "lib/__pycache__/a.py": "x",
            "lib/old.pyc": "x",
            ".git/config": "x",
            ".dagcast/runs/a/run.json": "x",
            ".ipynb_checkpoints/a.ipynb": "x",
            ".DS_Store": "x",
            ".venv/bin/activate": "x",
        },
    )
    (tmp_path / "src/.venv/bin/python").symlink_to("/usr/bin/python3")
    (tmp_path / "src/empty").mkdir()
    assert stage_folder("src", tmp_path, "bucket") == before


def test_everything_that_cannot_be_staged_is_named_at_once(tmp_path: Path) -> None:
    source = write(tmp_path / "src", {"train.py": "pass\n", "back\\slash": "x", "lib/bell\a": "x"})
    Path(os.fsdecode(os.fsencode(source) + b"/latin-\xe9")).write_bytes(b"x")
    (source / "lib" / "link.py").symlink_to("../../elsewhere.py")
    (source / "data").symlink_to(tmp_path)
    os.mkfifo(source / "pipe")
    assert refusal("src", tmp_path, "bucket", entry_point="trian.py") == [
        "the name 'src/back\\\\slash' contains a backslash",
        f"src/data is a symbolic link to {tmp_path}, and links are not staged",
        "the name b'src/latin-\\xe9' is not UTF-8",
        "src/pipe is a named pipe, not a file",
        "the name 'src/lib/bell\\x07' contains a control character",
        "src/lib/link.py is a symbolic link to ../../elsewhere.py, and links are not staged",
        "the entry point trian.py is not in src",
    ]


def test_a_missing_entry_point_has_a_hint(tmp_path: Path) -> None:
    write(tmp_path / "src", {"train.py": "pass\n", "lib/a.py": ""})
    with pytest.raises(StagingRefusedError) as refused:
        stage_folder("src", tmp_path, "bucket", entry_point="trian.py")
    assert [problem.hint for problem in refused.value.problems] == ["did you mean 'train.py'?"]
    assert refusal("src", tmp_path, "bucket", entry_point="lib") == [
        "the entry point lib of src is not a file that is staged"
    ]
    assert stage_folder("src", tmp_path, "bucket", entry_point="./lib/a.py")


def test_links_are_refused_on_the_way_too(tmp_path: Path) -> None:
    write(tmp_path, {"real/code/train.py": "pass\n"})
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "alias.py").symlink_to("code/train.py")
    assert refusal("link/code", tmp_path, "bucket") == [
        "link is a symbolic link to real, and links are not staged"
    ]
    assert refusal("link", tmp_path, "bucket") == [
        "link is a symbolic link to real, and links are not staged"
    ]
    for stage in (stage_file, stage_script):
        with pytest.raises(StagingRefusedError, match=r"real/alias\.py is a symbolic link to code/train\.py"):
            stage("real/alias.py", tmp_path, "bucket")


def test_a_root_below_a_link_is_fine(tmp_path: Path) -> None:
    write(tmp_path, {"real/code/train.py": "pass\n"})
    (tmp_path / "link").symlink_to("real")
    assert (
        stage_folder("code", tmp_path / "link", "b").uri == stage_folder("code", tmp_path / "real", "b").uri
    )


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("trian.py", "trian.py does not exist", "did you mean 'train.py'?"),
        ("nowhere/at/all.py", "nowhere/at/all.py does not exist", None),
        ("lib", "lib is a folder, not a file", "name one of its files"),
        ("/dev/null", "/dev/null is a character device, not a file", "remove it, or move it elsewhere"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, path: str, message: str, hint: str | None) -> None:
    write(tmp_path, {"train.py": "", "lib/a.py": ""})
    with pytest.raises(StagingRefusedError) as refused:
        stage_file(path, tmp_path, "bucket")
    assert [(problem.message, problem.hint) for problem in refused.value.problems] == [(message, hint)]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": "", "empty/.DS_Store": ""})
    assert refusal("train.py", tmp_path, "bucket") == ["train.py is a file, not a folder"]
    assert refusal("empty", tmp_path, "bucket") == ["empty holds no files to stage"]
    assert refusal("src", tmp_path, "bucket") == ["src does not exist"]


def test_a_socket_is_refused() -> None:
    with tempfile.TemporaryDirectory() as root, socket.socket(socket.AF_UNIX) as listener:
        write(Path(root), {"src/train.py": ""})
        listener.bind(f"{root}/src/s")
        assert refusal("src", root, "bucket") == ["src/s is a socket, not a file"]


def test_what_cannot_be_read_is_refused() -> None:
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        write(Path(root), {"src/train.py": "", "src/secret.py": "", "src/closed/a.py": "", "alone.py": ""})
        for name in ("src/secret.py", "src/closed", "alone.py"):
            Path(root, name).chmod(0)
        user = os.geteuid()
        if user == 0:
            # Nothing is closed to root.
            os.seteuid(65534)
        try:
            problems = refusal("src", root, "bucket")
            with pytest.raises(StagingRefusedError, match=r"^alone\.py cannot be read: permission denied$"):
                stage_file("alone.py", root, "bucket")
        finally:
            os.seteuid(user)
            Path(root, "src/closed").chmod(0o755)
        assert sorted(problems) == [
            "src/closed cannot be read: permission denied",
            "src/secret.py cannot be read: permission denied",
        ]


def test_code_that_changed_or_vanished_is_not_rebuilt(tmp_path: Path) -> None:
    write(tmp_path, {"src/train.py": "pass\n"})
    codes = [
        stage_folder("src", tmp_path, "bucket"),
        stage_file("src/train.py", tmp_path, "bucket"),
        stage_script("src/train.py", tmp_path, "bucket"),
    ]
    (tmp_path / "src/train.py").write_text("changed\n")
    for code in codes:
        with pytest.raises(StagingError, match="has changed since the pipeline was compiled"):
            archive_bytes(code)
    shutil.rmtree(tmp_path / "src")
    for code in codes:
        with pytest.raises(StagingError, match="does not exist"):
            archive_bytes(code)
    (tmp_path / "src").symlink_to(tmp_path)
    with pytest.raises(StagingError, match="symbolic link"):
        archive_bytes(codes[0])


def test_files_side_by_side_share_a_folder_whose_address_is_all_of_theirs(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "a", "lib/b.py": "b", "lib/sub/c.py": "c"})
    staged = stage_files(["a.py", "lib"], tmp_path, "bucket", "p")
    folder = staged[0].uri.removesuffix("a.py")
    assert [code.uri for code in staged] == [folder + "a.py", folder + "lib/b.py", folder + "lib/sub/c.py"]
    assert [archive_bytes(code) for code in staged] == [b"a", b"b", b"c"]
    assert stage_files(["lib", "a.py"], tmp_path, "bucket", "p") == staged
    write(tmp_path, {"lib/sub/c.py": "changed"})
    assert stage_files(["a.py", "lib"], tmp_path, "bucket", "p")[0].uri != staged[0].uri


def test_files_side_by_side_need_different_names(tmp_path: Path) -> None:
    write(tmp_path, {"x/a.py": "a", "y/a.py": "b"})
    with pytest.raises(
        StagingRefusedError, match=r"^two files to stage are named a\.py\nnone\.py does not exist$"
    ):
        stage_files(["x/a.py", "y/a.py", "none.py"], tmp_path, "bucket")
