"""What a job finds in its ``/opt/ml``, whatever the job did that had the folder before it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.runner.job_folders import JobFolders
from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner
from tests.runner.engine.pipelines import definition, job, output_of, run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere processes of a job may be left, and no folder is used again"
)

_NAMES = ("input/config", "input/data", "model")
_FILES = ("input/config/a.json", "input/config/b.json")

Found = dict[str, tuple[int, int, bool, tuple[str, ...], bytes | None]]


def _made(folders: JobFolders, ml: Path, content: bytes) -> Found:
    """What a job finds in a folder that is made for it, by relative path."""
    ml.parent.mkdir()
    folders.make(ml, *_NAMES)
    for name in _FILES:
        folders.write(ml, name, content)
    return {
        str(path.relative_to(ml)): (
            path.lstat().st_mode,
            path.lstat().st_nlink,
            path.lstat().st_mtime > 1_000_000_000,
            tuple(os.listxattr(path, follow_symlinks=False)),
            path.read_bytes() if path.is_file() and not path.is_symlink() else None,
        )
        for path in [ml, *ml.rglob("*")]
    }


def _done(folders: JobFolders, ml: Path) -> None:
    """Its job has ended well."""
    folders.close(ml.parent)
    folders.take_back(ml)


def _inodes(ml: Path) -> set[int]:
    return {path.stat().st_ino for path in [ml, *ml.rglob("*")]}


def test_a_folder_that_a_job_is_done_with_serves_the_next(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "spare")
    first = _made(folders, tmp_path / "one" / "ml", b"long enough")
    inodes = _inodes(tmp_path / "one" / "ml")
    (tmp_path / "one" / "ml" / "model" / "left").write_text("by the first job")

    _done(folders, tmp_path / "one" / "ml")

    assert list((tmp_path / "one").iterdir()) == []
    assert _made(folders, tmp_path / "two" / "ml", b"long enough") == first
    assert _inodes(tmp_path / "two" / "ml") == inodes


@pytest.mark.parametrize("ended", [None, "failed", "succeeded"])
def test_a_folder_that_another_job_may_know_a_way_to_is_not_used_again(
    tmp_path: Path, ended: str | None
) -> None:
    folders = JobFolders(tmp_path / "spare")
    for name in ("one", "two"):
        _made(folders, tmp_path / name / "ml", b"")
    if ended == "failed":
        folders.forget(tmp_path / "two")
    elif ended == "succeeded":
        folders.close(tmp_path / "two")

    folders.close(tmp_path / "one")
    if ended is None:
        folders.close(tmp_path / "two")
    folders.take_back(tmp_path / "one" / "ml")

    assert not (tmp_path / "one" / "ml").exists()
    assert (tmp_path / "spare").exists() == (ended == "succeeded")


def test_a_folder_of_a_job_that_failed_is_removed(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "spare")
    _made(folders, tmp_path / "one" / "ml", b"")
    folders.forget(tmp_path / "one")
    folders.take_back(tmp_path / "one" / "ml")
    assert list(tmp_path.rglob("*")) == [tmp_path / "one"]


def test_where_nothing_can_wait_a_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / "spare").touch()
    folders = JobFolders(tmp_path / "spare")
    _made(folders, tmp_path / "one" / "ml", b"")
    _done(folders, tmp_path / "one" / "ml")
    assert not (tmp_path / "one" / "ml").exists()


def test_jobs_with_other_folders_get_their_own(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "spare")
    _made(folders, tmp_path / "one" / "ml", b"")
    _done(folders, tmp_path / "one" / "ml")

    folders.make(tmp_path / "other", "config", "processing")

    assert sorted(path.name for path in (tmp_path / "other").rglob("*")) == ["config", "processing"]


def test_jobs_that_run_at_once_share_none(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "spare")
    for name in ("one", "two"):
        _made(folders, tmp_path / name / "ml", name.encode())

    assert not _inodes(tmp_path / "one" / "ml") & _inodes(tmp_path / "two" / "ml")


@pytest.mark.parametrize(
    "script",
    [
        "chmod 711 model",
        "chmod g+s model",
        "chmod 755 input/config/a.json && chmod 600 input/config/b.json",
        "rm -r model",
        "rm -r model && touch model",
        "rm -r model && ln -s .. model",
        "rm -r input && ln -s model input",
        "rm input/config/a.json && mkdir input/config/a.json",
        "rm input/config/a.json && mkfifo input/config/a.json",
        "rm input/config/a.json && ln -s ../../../outside input/config/a.json",
        "ln input/config/a.json model/another-name",
        "mv input/config/a.json input/config/b.json",
        "mv input/config/a.json model/",
        "printf longer-than-before > input/config/a.json",
        "setfattr -n user.told -v secret model",
        "touch -d 1999-01-01 model input/config/a.json",
        "setfattr -n user.told -v secret input/config/a.json",
        "mkdir -p a/b/c && ln -s /etc a/b/c/link && chmod 500 a/b",
        "i=0; while [ $i -lt 600 ]; do touch model/a-name-that-takes-its-room-in-the-folder-$i; i=$((i+1)); done",
    ],
)
def test_a_job_tells_the_next_nothing(tmp_path: Path, script: str) -> None:
    if "setfattr" in script and shutil.which("setfattr") is None:
        script = _setfattr(script)
    outside = tmp_path / "outside"
    outside.write_text("nobody's")
    folders = JobFolders(tmp_path / "spare")
    first = _made(folders, tmp_path / "one" / "ml", b"first")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path / "one" / "ml", check=True)

    _done(folders, tmp_path / "one" / "ml")
    second = _made(folders, tmp_path / "two" / "ml", b"first")

    assert second == first
    assert outside.read_text() == "nobody's"
    sizes = [path.stat().st_size for path in (tmp_path / "two" / "ml").rglob("*") if path.is_dir()]
    assert max(sizes) <= (tmp_path / "two").stat().st_size


def _setfattr(script: str) -> str:
    _, _, name, _, value, path = script.split()
    return f'{sys.executable} -c \'import os; os.setxattr("{path}", "{name}", b"{value}")\''


def test_a_file_that_a_job_handed_over_is_never_written_again(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "spare")
    _made(folders, tmp_path / "one" / "ml", b"first")
    os.link(tmp_path / "one" / "ml" / _FILES[0], tmp_path / "kept")

    _done(folders, tmp_path / "one" / "ml")
    for name in ("two", "three"):
        _made(folders, tmp_path / name / "ml", b"other")

    assert (tmp_path / "kept").read_bytes() == b"first"


def test_what_waits_is_removed_at_the_end_and_another_process_leaves_nothing_to_be_used(
    tmp_path: Path,
) -> None:
    folders = JobFolders(tmp_path / "spare")
    first = _made(folders, tmp_path / "one" / "ml", b"")
    _done(folders, tmp_path / "one" / "ml")
    JobFolders(tmp_path / "spare").remove_spare()
    assert not (tmp_path / "spare").exists()

    folders.remove_spare()

    assert _made(folders, tmp_path / "two" / "ml", b"") == first


_PATHS = st.sampled_from(
    [".", "input", "input/config", "input/data", "model", *_FILES, "new", "model/new", "input/data/new"]
)


def _write(path: Path, other: Path) -> None:
    path.write_text("something")


def _rename(path: Path, other: Path) -> None:
    path.rename(other)


def _link(path: Path, other: Path) -> None:
    path.symlink_to(other)


def _second_name(path: Path, other: Path) -> None:
    path.hardlink_to(other)


def _make_folder(path: Path, other: Path) -> None:
    path.mkdir()


def _remove(path: Path, other: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _close(path: Path, other: Path) -> None:
    path.chmod(0o700)


_DEEDS: list[Callable[[Path, Path], None]] = [
    _write, _rename, _link, _second_name, _make_folder, _remove, _close
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(_DEEDS), _PATHS, _PATHS), max_size=12))
def test_whatever_a_job_does_the_next_finds_its_folder_as_new(
    deeds: list[tuple[Callable[[Path, Path], None], str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folders = JobFolders(folder / "spare")
        first = _made(folders, folder / "first" / "ml", b"same")
        ml = folder / "first" / "ml"
        for deed, path, other in deeds:
            with suppress(OSError):  # what the system does not let a job do
                deed(ml / path, ml / other)

        is_removed = not (ml.is_file() or ml.is_symlink())
        with nullcontext() if is_removed else pytest.raises(OSError, match=re.escape(str(ml))):
            _done(folders, ml)

        assert _made(folders, folder / "second" / "ml", b"same") == first


def test_a_run_leaves_no_folder_that_waits_and_a_resumed_one_removes_a_killed_ones(tmp_path: Path) -> None:
    text = definition([job("good", "echo 1 > $OUT/n"), job("bad", "exit 1", output_of("good"))])
    outcome = run(text, tmp_path)
    assert not (outcome.folder / ".spare").exists()
    (outcome.folder / ".spare" / "1").mkdir(parents=True)

    Runner.resume(outcome.id, RunOptions(runs=tmp_path / "runs")).run()

    assert not (outcome.folder / ".spare").exists()


def test_the_steps_of_a_run_find_nothing_of_each_other(tmp_path: Path) -> None:
    look = 'found=$(find /opt/ml | sort) && echo "$found" > $OUT/found'
    tell = "cd /opt/ml && echo told > config/told && echo told > told"
    steps = [job(f"s{n}", f"{look} && {tell}", DependsOn=[f"s{n - 1}"] if n else []) for n in range(12)]

    outcome = run(definition(steps), tmp_path)

    assert outcome.status == "Succeeded", outcome.reason
    found = {path.read_text() for path in (outcome.folder / "s3").rglob("found")}
    assert len(found) == 1
    assert "told" not in found.pop()
