"""The folder that stands for S3."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.runner.files import UnsafeFileError
from dagcast.runner.store import local_inputs
from dagcast.runner.store.local_store import NotFoundError, Store
from dagcast.runner.store.s3_uri import UnsafeUriError, parse_s3_uri


def _write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _read(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s3")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/../other",
        "s3://bucket/a/../../b",
        "s3://bucket/./a",
        "s3://bucket//a",
        "s3://bucket/a//b",
        "s3://bucket/a\\..\\b",
        "s3://bucket/a\0b",
        "s3://../a",
        "s3://b..d/a",
        "s3://.staging/a",
        "s3:///a",
        "s3://bucket/" + "x" * 256,
        "s3://bucket/" + "x/" * 600,
        "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/mine/key",
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://bucket/\ud800",
    ],
)
def test_a_uri_that_is_not_a_path_inside_the_store_is_refused(store: Store, uri: str) -> None:
    for use in (store.path, store.exists, store.uris, store.digest):
        with pytest.raises(UnsafeUriError):
            use(uri)


@pytest.mark.parametrize("letter", ["x", "\u00e9"])
def test_a_key_has_1024_bytes_at_most(letter: str) -> None:
    """Source: Amazon S3 User Guide, "Naming Amazon S3 objects": 1,024 bytes of UTF-8."""
    key = "/".join([letter * (200 // len(letter.encode()))] * 5)
    longest = key + "/" + "y" * (1024 - len(key.encode()) - 1)
    assert parse_s3_uri(f"s3://bucket/{longest}").key == longest
    with pytest.raises(UnsafeUriError, match="its key has 1025 bytes, and S3 allows 1024"):
        parse_s3_uri(f"s3://bucket/{longest}y")


@pytest.mark.parametrize("part", ["x" * 255, "x" + "\u00e9" * 127])
def test_a_part_of_a_key_has_as_many_bytes_as_a_file_name(part: str) -> None:
    """Source: ``NAME_MAX`` of Linux and macOS, 255 bytes."""
    assert parse_s3_uri(f"s3://bucket/a/{part}/b").key == f"a/{part}/b"
    with pytest.raises(UnsafeUriError, match="a part of its key has over 255 bytes"):
        parse_s3_uri(f"s3://bucket/a/{part}x/b")


def test_a_percent_sign_stands_for_itself(store: Store) -> None:
    assert store.path("s3://bucket/%2e%2e/a") == store.root / "bucket" / "%2e%2e" / "a"


@given(st.text().map(lambda text: f"s3://bucket/{text}") | st.text())
def test_a_uri_is_refused_or_stays_in_its_bucket(uri: str) -> None:
    try:
        parts = parse_s3_uri(uri).parts
    except UnsafeUriError:
        return
    assert parts[0] == "bucket"
    assert Path("/s3", *parts).is_relative_to("/s3/bucket")
    assert not {"..", ".", ""} & set(parts)


def test_what_was_put_is_fetched(store: Store, tmp_path: Path) -> None:
    files = {"a.txt": "1", "deep/b.txt": "2"}
    store.put(_write(tmp_path / "out", files), "s3://bucket/out")
    assert store.fetch("s3://bucket/out/", tmp_path / "in") == 2
    assert _read(tmp_path / "in") == files
    assert store.uris("s3://bucket/out") == ["s3://bucket/out/a.txt", "s3://bucket/out/deep/b.txt"]


def test_a_fetched_file_is_its_own(store: Store, tmp_path: Path) -> None:
    store.put(_write(tmp_path / "out", {"a": "1"}), "s3://bucket/out")
    store.fetch("s3://bucket/out", tmp_path / "in")
    (tmp_path / "in" / "a").write_text("changed")
    store.fetch_file("s3://bucket/out/a", tmp_path / "again")
    assert (tmp_path / "again").read_text() == "1"


def test_a_second_put_replaces_objects_of_the_same_key_and_keeps_the_others(
    store: Store, tmp_path: Path
) -> None:
    store.put(_write(tmp_path / "one", {"a": "1", "b": "1"}), "s3://bucket/out")
    store.put(_write(tmp_path / "two", {"b": "2", "c": "2"}), "s3://bucket/out")
    store.fetch("s3://bucket/out", tmp_path / "in")
    assert _read(tmp_path / "in") == {"a": "1", "b": "2", "c": "2"}


@pytest.mark.parametrize("given", [False, True], ids=["left by a step", "the user's own"])
def test_a_key_names_an_object_then_a_folder_then_a_beginning(tmp_path: Path, given: bool) -> None:
    folder = _write(tmp_path / "out", {"x/data/1": "", "x/data-2": "", "x/data-3/4": ""})
    (folder / "x" / "dat").mkdir()
    store = Store(tmp_path / "s3", {"s3://bucket/k": folder} if given else {})
    if not given:
        store.put(folder, "s3://bucket/k")
    assert store.uris("s3://bucket/k/x/data-2") == ["s3://bucket/k/x/data-2"]
    assert store.uris("s3://bucket/k/x/data") == ["s3://bucket/k/x/data/1"]
    for beginning in ("da", "dat"):
        assert store.uris(f"s3://bucket/k/x/{beginning}") == [
            "s3://bucket/k/x/data-2",
            "s3://bucket/k/x/data-3/4",
            "s3://bucket/k/x/data/1",
        ]
        assert store.uris(f"s3://bucket/k/x/{beginning}/") == []
    assert store.uris("s3://bucket/k/x/none") == store.uris("s3://bucket/k/y/data") == []


def test_an_input_stands_for_its_uri_and_all_below(tmp_path: Path) -> None:
    data = _write(tmp_path / "data", {"a.csv": "1", "sub/b.csv": "2"})
    other = _write(tmp_path / "other", {"c.csv": "3"})
    store = Store(tmp_path / "s3", {"s3://bucket/raw": data, "s3://bucket/raw/sub": other})
    assert store.uris("s3://bucket/raw") == ["s3://bucket/raw/a.csv", "s3://bucket/raw/sub/c.csv"]
    store.fetch("s3://bucket/raw/sub", tmp_path / "in")
    assert _read(tmp_path / "in") == {"c.csv": "3"}
    assert not store.exists("s3://bucket/raw/sub/b.csv")


def test_a_link_in_the_users_own_folder_is_followed(tmp_path: Path) -> None:
    _write(tmp_path / "elsewhere", {"big.csv": "1"})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "big.csv").symlink_to(tmp_path / "elsewhere" / "big.csv")
    store = Store(tmp_path / "s3", {"s3://bucket/raw": tmp_path / "data"})
    store.fetch("s3://bucket/raw", tmp_path / "in")
    assert not (tmp_path / "in" / "big.csv").is_symlink()
    assert _read(tmp_path / "in") == {"big.csv": "1"}


def test_a_missing_input_is_a_diagnostic(tmp_path: Path) -> None:
    found = list(local_inputs.check_inputs({"s3://bucket/x": tmp_path / "none", "nonsense": tmp_path}))
    assert [diagnostic.code for diagnostic in found] == ["run.missing-file", "run.unsafe-uri"]


def test_an_earlier_run_is_read_where_this_one_has_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "old").put(_write(tmp_path / "out", {"a": "old"}), "s3://bucket/out")
    store = Store(tmp_path / "s3", stores=(tmp_path / "old",))
    store.fetch_file("s3://bucket/out/a", tmp_path / "before")
    store.put(_write(tmp_path / "new", {"a": "new"}), "s3://bucket/out")
    store.fetch_file("s3://bucket/out/a", tmp_path / "after")
    assert [(tmp_path / n).read_text() for n in ("before", "after")] == ["old", "new"]


def test_what_is_missing_is_an_error_that_names_what_is_near(store: Store, tmp_path: Path) -> None:
    store.put(_write(tmp_path / "out", {"train.csv": ""}), "s3://bucket/out")
    with pytest.raises(NotFoundError, match=r"did you mean 's3://bucket/out/train.csv'"):
        store.fetch_file("s3://bucket/out/trian.csv", tmp_path / "x")


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret", "/etc"])
def test_an_output_that_links_out_of_its_folder_is_refused(store: Store, tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(target)
    with pytest.raises(UnsafeFileError, match="link out of its folder"):
        store.put(tmp_path / "out", "s3://bucket/out")
    assert not store.exists("s3://bucket/out")


def test_an_output_that_links_to_its_own_files_holds_copies(store: Store, tmp_path: Path) -> None:
    _write(tmp_path / "out", {"best/a": "1"})
    (tmp_path / "out" / "latest").symlink_to("best")
    store.put(tmp_path / "out", "s3://bucket/out")
    store.fetch("s3://bucket/out", tmp_path / "in")
    assert _read(tmp_path / "in") == {"best/a": "1", "latest/a": "1"}


def test_a_link_in_the_stores_own_folder_is_refused(store: Store, tmp_path: Path) -> None:
    (store.root / "bucket").mkdir(parents=True)
    (store.root / "bucket" / "way").symlink_to(tmp_path)
    with pytest.raises(UnsafeUriError, match="is a link"):
        store.fetch("s3://bucket/way/out", tmp_path / "in")


@pytest.mark.parametrize("planted", ["out/link", "out/deep/link", "link"])
@pytest.mark.parametrize("asked", ["s3://bucket", "s3://bucket/out", "s3://bucket/l", "s3://bucket/o"])
def test_a_link_that_was_planted_deep_in_a_store_is_never_followed(
    tmp_path: Path, planted: str, asked: str
) -> None:
    (tmp_path / "secret").write_text("x")
    _write(tmp_path / "s3" / "bucket", {"out/deep/a": "1", "l2": "1"})
    (tmp_path / "s3" / "bucket" / planted).symlink_to(tmp_path / "secret")
    for store in (Store(tmp_path / "s3"), Store(tmp_path / "none", stores=(tmp_path / "s3",))):
        refused = asked != "s3://bucket/l" if planted != "link" else asked in ("s3://bucket", "s3://bucket/l")
        if refused:
            with pytest.raises((UnsafeUriError, UnsafeFileError), match="is a link"):
                store.fetch(asked, tmp_path / "in")
        else:
            store.fetch(asked, tmp_path / "in")
        assert "x" not in _read(tmp_path / "in").values()


def test_an_output_is_not_written_through_a_planted_link(store: Store, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    store.put(_write(tmp_path / "one", {"a": "1"}), "s3://bucket/out")
    (store.root / "bucket" / "out" / "way").symlink_to(tmp_path / "outside")
    with pytest.raises(UnsafeUriError, match="is a link"):
        store.put(_write(tmp_path / "two", {"way/b": "2"}), "s3://bucket/out")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_key_cannot_be_an_object_and_a_folder(store: Store, tmp_path: Path) -> None:
    store.put(_write(tmp_path / "one", {"a": "1"}) / "a", "s3://bucket/k")
    with pytest.raises(UnsafeUriError, match="both an object and a folder"):
        store.put(_write(tmp_path / "two", {"a": "1"}) / "a", "s3://bucket/k/below")


def test_the_digest_is_that_of_names_and_contents(tmp_path: Path) -> None:
    digests = []
    for number, files in enumerate(({"a": "1"}, {"a": "1"}, {"a": "2"}, {"b": "1"})):
        store = Store(tmp_path / f"s3-{number}")
        store.put(_write(tmp_path / f"out-{number}", files), "s3://bucket/out")
        digests.append(store.digest("s3://bucket/out"))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_name_may_be_of_any_bytes(store: Store, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff")
    store.put(_write(tmp_path / "out", {name: "1"}), "s3://bucket/out")
    assert store.fetch("s3://bucket/out", tmp_path / "in") == 1
    assert _read(tmp_path / "in") == {name: "1"}
    assert len(store.digest("s3://bucket/out")) == 64


def test_a_manifest_brings_what_it_lists(store: Store, tmp_path: Path) -> None:
    store.put(_write(tmp_path / "out", {"a": "1", "d/b": "2", "c": "3"}), "s3://bucket/data")
    manifest = json.dumps([{"prefix": "s3://bucket/data/"}, "a", "d/b"])
    store.put(_write(tmp_path / "m", {"x": manifest}) / "x", "s3://bucket/m.json")
    assert store.fetch_manifest("s3://bucket/m.json", tmp_path / "in") == 2
    assert _read(tmp_path / "in") == {"a": "1", "d/b": "2"}


def test_a_manifest_cannot_name_a_place_outside(store: Store, tmp_path: Path) -> None:
    manifest = json.dumps([{"prefix": "s3://bucket/data/"}, "../../a"])
    store.put(_write(tmp_path / "m", {"x": manifest}) / "x", "s3://bucket/m.json")
    with pytest.raises(UnsafeUriError):
        store.fetch_manifest("s3://bucket/m.json", tmp_path / "in")
