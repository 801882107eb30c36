"""Downloads objects from S3, if the run allows it. Nothing is ever uploaded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from dagcast.errors import DagcastError
from dagcast.runner.store.s3_uri import S3Uri, parse_s3_uri


class S3DownloadError(DagcastError):
    """Reading from S3 failed."""


class NoSuchBucketError(S3DownloadError):
    """The bucket does not exist."""


def download_from_s3(uri: S3Uri, folder: Path, is_wanted: Callable[[str], bool]) -> int:
    """Copy the object, or all objects below the prefix, to ``BUCKET/KEY`` below ``folder``.

    Args:
        uri: The object or prefix.
        folder: The folder, created if there are objects.
        is_wanted: Whether the object of a key is copied.

    Returns:
        The number of objects.

    Raises:
        S3DownloadError: If boto3 is missing, or S3 returns an error.
        UnsafeUriError: If a key is not a valid path.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise S3DownloadError("reading from S3 needs boto3 (pip install boto3)") from error
    try:
        with closing(boto3.client("s3")) as client:
            keys = _keys(client, uri)
            keys = list(filter(is_wanted, keys))
            for key in keys:
                target = folder.joinpath(*parse_s3_uri(f"s3://{uri.bucket}/{key}").parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(uri.bucket, key, str(target))
    except (BotoCoreError, ClientError) as error:
        code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
        kind = NoSuchBucketError if code == "NoSuchBucket" else S3DownloadError
        raise kind(f"cannot read {uri} from S3: {error}") from error
    return len(keys)


def _keys(client: Any, uri: S3Uri) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=uri.bucket, Prefix=f"{uri.key}/" if uri.folder and uri.key else uri.key
    )
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    # S3's console marks an empty folder by a key that ends in a slash.
    keys = [key for key in keys if not key.endswith("/")]
    if not uri.folder and uri.key in keys:
        return [uri.key]
    return [key for key in keys if key.startswith(f"{uri.key}/")] or keys if uri.key else keys
