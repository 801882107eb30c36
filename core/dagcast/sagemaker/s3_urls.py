"""The two forms in which requests of SageMaker name objects of S3: ``s3://`` URIs and ``https://`` URLs."""

from __future__ import annotations

import re
from urllib.parse import unquote

from dagcast.lazy_pattern import lazy_pattern

_HTTPS_URL = lazy_pattern(
    r"https://(?:(?P<host_bucket>[a-z0-9.-]+)\.)?s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com(?:\.cn)?/(?P<path>.*)",
    re.DOTALL,
)
"""The URL of an object, with its bucket in the host or at the start of the path.

Source: Amazon S3 User Guide, "Virtual hosting of general purpose buckets".
"""


def normalize_s3_uri(uri: str) -> str:
    """Return the ``s3://`` URI of an ``https://`` URL of S3, which requests may contain too; other text unchanged.

    Example:
        >>> normalize_s3_uri("https://s3.eu-west-1.amazonaws.com/bucket/models/model.tar.gz")
        's3://bucket/models/model.tar.gz'
        >>> normalize_s3_uri("https://bucket.s3.amazonaws.com/a%20b")
        's3://bucket/a b'
    """
    match = _HTTPS_URL.fullmatch(uri)
    if match is None:
        return uri
    return "s3://" + "/".join(filter(None, (match["host_bucket"], unquote(match["path"]))))
