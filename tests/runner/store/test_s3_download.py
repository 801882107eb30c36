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
    found = {path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file()}
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
