"""S3 URIs, and where in a folder they may lie."""

from __future__ import annotations

import re
from typing import NamedTuple

from dagcast.errors import DagcastError
from dagcast.sagemaker.limits import BUCKET_NAME_PATTERN

MAX_KEY_BYTES = 1024
"""Source: Amazon S3 User Guide, "Naming Amazon S3 objects": a key is at most 1,024 bytes of UTF-8."""

MAX_PART_BYTES = 255
"""What Linux and macOS file systems hold as one file name (``NAME_MAX``); S3 itself has no such limit."""

_BUCKET = re.compile(BUCKET_NAME_PATTERN)


class UnsafeUriError(DagcastError):
    """A URI, or what a step left for it, does not stand for a place inside the store."""


class S3Uri(NamedTuple):
    """A bucket, and a key or the beginning of keys.

    Attributes:
        bucket: The bucket.
        key: The key without a slash at its end; empty for the bucket as a whole.
        folder: Whether the URI ended in a slash: it then means what is below it, never an object of that name.
    """

    bucket: str
    key: str
    folder: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The bucket and the parts of the key: the path in a folder that stands for S3."""
        return (self.bucket, *self.key.split("/")) if self.key else (self.bucket,)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse(uri: str) -> S3Uri:
    """Read an S3 URI as a place in a folder.

    To S3 a key is any text; to a folder, ``..`` is a way out. So a key whose parts are empty, ``.`` or ``..``, or
    hold what file systems do not, is refused. Percent signs stand for themselves, as in S3's own URIs.

    Raises:
        UnsafeUriError: If it is no S3 URI, or one that cannot be a path.
    """
    if not uri.startswith("s3://"):
        raise UnsafeUriError(f"{uri!r} is no S3 URI: expected s3://BUCKET/KEY")
    bucket, _, rest = uri[len("s3://") :].partition("/")
    if bucket.startswith("arn:"):
        raise UnsafeUriError(f"{uri!r} names an access point: a local run knows buckets by their names alone")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise UnsafeUriError(
            f"{uri!r}: {bucket!r} is no name of a bucket: 3 to 63 lower-case letters, digits, hyphens and dots"
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
        return "its key holds a backslash or a control character"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "its key is not valid Unicode"
    if size > MAX_KEY_BYTES:
        return f"its key has {size} bytes, and S3 takes {MAX_KEY_BYTES}"
    for part in key.split("/"):
        if part in ("", ".", ".."):
            return f"a part of its key is {part!r}"
        if len(part.encode()) > MAX_PART_BYTES:
            return f"a part of its key has over {MAX_PART_BYTES} bytes"
    return None
