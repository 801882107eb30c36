"""Reading from S3 itself, when a run is asked to. Nothing is ever written there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from dagcast.errors import DagcastError
from dagcast.runner.store.uri import S3Uri, parse


class RemoteError(DagcastError):
    """S3 could not be read."""


def download(uri: S3Uri, folder: Path) -> int:
    """Copy the object, or all objects below the prefix, to ``BUCKET/KEY`` below ``folder``.

    Returns:
        How many objects there were; 0 if there are none.

    Raises:
        RemoteError: If boto3 is missing, or S3 refuses.
        UnsafeUriError: If a key cannot be a path.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise RemoteError("reading from S3 needs boto3: pip install boto3") from error
    try:
        with closing(boto3.client("s3")) as client:
            keys = _keys(client, uri)
            for key in keys:
                target = folder.joinpath(*parse(f"s3://{uri.bucket}/{key}").parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(uri.bucket, key, str(target))
    except (BotoCoreError, ClientError) as error:
        raise RemoteError(f"{uri}: S3 could not be read: {error}") from error
    return len(keys)


def _keys(client: Any, uri: S3Uri) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=uri.bucket, Prefix=f"{uri.key}/" if uri.folder and uri.key else uri.key
    )
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    # A key that ends in a slash is the mark of an empty folder that S3's console makes.
    keys = [key for key in keys if not key.endswith("/")]
    if not uri.folder and uri.key in keys:
        return [uri.key]
    return [key for key in keys if key.startswith(f"{uri.key}/")] or keys if uri.key else keys
