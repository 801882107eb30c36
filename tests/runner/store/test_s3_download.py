"""Reading from S3 itself, here a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from dagcast.runner.store.local_store import NotFoundError, Store
from dagcast.runner.store.s3_download import S3DownloadError
from dagcast.runner.store.s3_uri import UnsafeUriError

KEYS = ("data/a", "data/b/c", "data-2", "empty/", "bad/a//b")


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "1")  # so that listings have pages
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client("s3")
    client.create_bucket(Bucket="real-bucket")
    for key in KEYS:
        client.put_object(Bucket="real-bucket", Key=key, Body=key.encode())
    client.close()
    yield
    server.stop()


def test_what_is_nowhere_here_comes_from_s3_when_asked(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3", real_s3=True)
    assert store.fetch("s3://real-bucket/data", tmp_path / "in") == 2
    assert (tmp_path / "in" / "b" / "c").read_text() == "data/b/c"
    store.fetch_file("s3://real-bucket/data-2", tmp_path / "two")
    assert (tmp_path / "two").read_text() == "data-2"


def test_s3_is_not_read_unasked(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Store(tmp_path / "s3").fetch("s3://real-bucket/data", tmp_path / "in")


def test_what_s3_does_not_have_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3", real_s3=True)
    with pytest.raises(NotFoundError):
        store.fetch("s3://real-bucket/none", tmp_path / "in")
    with pytest.raises(S3DownloadError, match="cannot read"):
        store.fetch("s3://no-such-bucket/none", tmp_path / "in")


def test_keys_that_only_begin_so_come_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3", real_s3=True)
    assert store.uris("s3://real-bucket/dat") == [
        "s3://real-bucket/data-2",
        "s3://real-bucket/data/a",
        "s3://real-bucket/data/b/c",
    ]


def test_nothing_half_read_is_left_behind(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3", real_s3=True)
    with pytest.raises(UnsafeUriError):
        store.fetch("s3://real-bucket/bad", tmp_path / "in")
    store.fetch("s3://real-bucket/data", tmp_path / "in")
    found = {
        path.relative_to(store.root).as_posix() for path in store.root.glob("*-bucket/**/*") if path.is_file()
    }
    assert found == {"real-bucket/data/a", "real-bucket/data/b/c"}


def test_what_was_read_once_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path / "s3", real_s3=True).fetch("s3://real-bucket/data", tmp_path / "in")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert Store(tmp_path / "s3", real_s3=True).fetch("s3://real-bucket/data", tmp_path / "again") == 2


def test_a_server_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(S3DownloadError, match="cannot read"):
        Store(tmp_path / "s3", real_s3=True).exists("s3://real-bucket/data")


def test_what_a_run_holds_below_a_prefix_does_not_hide_what_s3_has(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3", real_s3=True)
    for name in ("data/a", "data/new", "data/b/d"):
        store.put(_write(tmp_path / "out", "of the run"), f"s3://real-bucket/{name}")
    assert store.fetch("s3://real-bucket/data", tmp_path / "in") == 4
    texts = {name: (tmp_path / "in" / name).read_text() for name in ("a", "new", "b/c", "b/d")}
    assert texts == {"a": "of the run", "new": "of the run", "b/c": "data/b/c", "b/d": "of the run"}
    assert len(store.uris("s3://real-bucket/data/b")) == 2


@pytest.mark.parametrize("asked", ["s3://real-bucket/data", "s3://real-bucket/dat", "s3://real-bucket"])
def test_inputs_earlier_runs_and_s3_are_one_place(tmp_path: Path, asked: str) -> None:
    Store(tmp_path / "older").put(_write(tmp_path / "out", "older"), "s3://real-bucket/data/old")
    Store(tmp_path / "newer").put(_write(tmp_path / "out", "newer"), "s3://real-bucket/data/new")
    given = _write(tmp_path / "given", "given")
    store = Store(
        tmp_path / "s3",
        {"s3://real-bucket/data/b/given": given, "s3://real-bucket/bad": given},
        (tmp_path / "newer", tmp_path / "older"),
        real_s3=True,
    )
    below = [uri for uri in store.uris(asked) if "/data/" in uri]
    assert below == [f"s3://real-bucket/data/{name}" for name in ("a", "b/c", "b/given", "new", "old")]


def test_an_input_replaces_what_s3_has_below_its_uri(tmp_path: Path) -> None:
    (tmp_path / "sample").mkdir()
    _write(tmp_path / "sample" / "only", "given")
    Store(tmp_path / "older").put(_write(tmp_path / "out", "older"), "s3://real-bucket/data/b/old")
    store = Store(
        tmp_path / "s3", {"s3://real-bucket/data/b": tmp_path / "sample"}, (tmp_path / "older",), real_s3=True
    )
    assert store.uris("s3://real-bucket/data/b") == ["s3://real-bucket/data/b/only"]
    assert store.uris("s3://real-bucket/data") == ["s3://real-bucket/data/a", "s3://real-bucket/data/b/only"]


def test_s3_is_not_asked_for_what_only_a_run_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    store = Store(tmp_path / "s3", real_s3=True, execution="abc123")
    code = f"s3://real-bucket/code/{'0' * 64}"
    for uri in ("s3://real-bucket/p/abc123/step", code, "s3://real-bucket/file"):
        store.put(_write(tmp_path / "out", "x"), uri if uri.endswith("file") else f"{uri}/x")
        assert len(store.uris(uri)) == 1


def test_a_bucket_that_only_the_run_has_is_none_in_s3(tmp_path: Path) -> None:
    store = Store(tmp_path / "s3", real_s3=True)
    store.put(_write(tmp_path / "out", "x"), "s3://no-such-bucket/data/x")
    assert store.uris("s3://no-such-bucket/data") == ["s3://no-such-bucket/data/x"]


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
