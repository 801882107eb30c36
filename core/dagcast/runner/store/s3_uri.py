"""Parses S3 URIs, and validates that they are paths inside a folder."""

from __future__ import annotations

import re
from typing import NamedTuple

from dagcast.errors import DagcastError
from dagcast.sagemaker.limits import BUCKET_NAME_PATTERN
from dagcast.sagemaker.s3_urls import normalize_s3_uri

MAX_KEY_BYTES = 1024
"""Source: Amazon S3 User Guide, "Naming Amazon S3 objects": a key is at most 1,024 bytes of UTF-8."""

MAX_PART_BYTES = 255
"""Maximum length of a file name on Linux and macOS (``NAME_MAX``); S3 has no such limit."""

_BUCKET = re.compile(BUCKET_NAME_PATTERN)


class UnsafeUriError(DagcastError):
    """An S3 URI, or what a step left for it, is not a place inside the store."""


class S3Uri(NamedTuple):
    """A bucket, and a key or a prefix of keys.

    Attributes:
        bucket: The bucket.
        key: The key without its last slash; empty for the whole bucket.
        folder: Whether the URI ends in a slash. It then means everything below it, never an object of that name.
    """

    bucket: str
    key: str
    folder: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The bucket and the parts of the key: the path in a folder that replaces S3."""
        return (self.bucket, *self.key.split("/")) if self.key else (self.bucket,)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_s3_uri(uri: str) -> S3Uri:
    """Parse an S3 URI, or an ``https://`` URL of S3, that must also be a path in a folder.

    S3 keys are arbitrary text, but in a folder ``..`` leads out of it. So a key is invalid if a part is empty, ``.`` or
    ``..``, or contains characters that file systems do not allow. Percent signs are literal, as in S3's URIs.

    Raises:
        UnsafeUriError: If the URI is invalid or cannot be a path.
    """
    uri = normalize_s3_uri(uri)
    if not uri.startswith("s3://"):
        raise UnsafeUriError(f"{uri!r} is not an S3 URI: expected s3://BUCKET/KEY")
    bucket, _, rest = uri[len("s3://") :].partition("/")
    if bucket.startswith("arn:"):
        raise UnsafeUriError(f"{uri!r} is an access point: use the name of its bucket")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise UnsafeUriError(
            f"{uri!r}: invalid bucket name {bucket!r}: expected 3 to 63 lower-case letters, digits, hyphens and dots"
        )
    key = rest.removesuffix("/")
    problem = _key_problem(key)
    if problem:
        raise UnsafeUriError(f"{uri!r} cannot be a path here: {problem}")
    return S3Uri(bucket, key, folder=rest.endswith("/") or not key)


def _key_problem(key: str) -> str | None:
    if not key:
        return None
    if any(ord(character) < 32 or character in "\x7f\\" for character in key):
        return "its key contains a backslash or a control character"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "its key is not valid Unicode"
    if size > MAX_KEY_BYTES:
        return f"its key has {size} bytes, and S3 allows {MAX_KEY_BYTES}"
    for part in key.split("/"):
        if part in ("", ".", ".."):
            return f"a part of its key is {part!r}"
        if len(part.encode()) > MAX_PART_BYTES:
            return f"a part of its key has over {MAX_PART_BYTES} bytes"
    return None
