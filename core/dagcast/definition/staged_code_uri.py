"""The S3 URI of staged code: ``s3://BUCKET/PREFIX/code/DIGEST/NAME``, where DIGEST is a SHA-256 of the content."""

from __future__ import annotations

import re

from dagcast.lazy_pattern import lazy_pattern

_STAGED_CODE = lazy_pattern(r"s3://.+/code/[0-9a-f]{64}/.+", re.DOTALL)


def make_staged_code_uri(bucket: str, prefix: str, digest: str, name: str) -> str:
    """Return the S3 URI of staged code.

    Args:
        bucket: The S3 bucket.
        prefix: The prefix of the key; may be empty.
        digest: The SHA-256 of the content, in hexadecimal.
        name: The name of the file; it may contain folders.

    Example:
        >>> make_staged_code_uri("bucket", "team/a", "0" * 64, "train.py").replace("0" * 64, "DIGEST")
        's3://bucket/team/a/code/DIGEST/train.py'
    """
    return "/".join(part for part in (f"s3://{bucket}", prefix.strip("/"), "code", digest, name) if part)


def is_staged_code_uri(uri: str) -> bool:
    """Return whether a URI has the form that :func:`make_staged_code_uri` gives.

    Example:
        >>> is_staged_code_uri("s3://bucket/code/" + "0" * 64 + "/train.py")
        True
        >>> is_staged_code_uri("s3://bucket/code/train.py")
        False
    """
    return _STAGED_CODE.fullmatch(uri) is not None
