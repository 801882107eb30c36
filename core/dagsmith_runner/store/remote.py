"""Reading from S3 itself, when a run is asked to. Nothing is ever written there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagsmith.errors import DagsmithError
from dagsmith_runner.store.uri import S3Uri, parse


class RemoteError(DagsmithError):
    """S3 could not be read."""


def download(uri: S3Uri, root: Path) -> int:
    """Copy the object, or all objects below the prefix, into the folder that stands for S3.

    Returns:
        How many objects there were; 0 if there are none.

    Raises:
        RemoteError: If boto3 is missing, or S3 refuses.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise RemoteError("reading from S3 needs boto3: pip install boto3") from error
    try:
        client = boto3.client("s3")
        keys = _keys(client, uri)
        for key in keys:
            _download(client, parse(f"s3://{uri.bucket}/{key}"), root)
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


def _download(client: Any, uri: S3Uri, root: Path) -> None:
    target = root.joinpath(*uri.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    client.download_file(uri.bucket, uri.key, str(target))
