"""Upload staged code. Objects that exist in S3 are not uploaded again."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterable
from typing import Any

from dagcast.errors import StagingError
from dagcast.staging.stage_files import archive_pieces
from dagcast.staging.staged_code import StagedCode
from dagcast.staging.temporary_folder import report_unwritable

logger = logging.getLogger(__name__)

# Largest archive, in bytes, that is kept in memory. Larger archives are written to a temporary file.
_IN_MEMORY = 32 * 1024 * 1024


def upload(staged: Iterable[StagedCode], boto_session: Any) -> tuple[str, ...]:
    """Upload the staged code that is missing in S3.

    The files of an existing object are not read, because the key contains the digest of the content.

    Args:
        staged: The staged code of the spec. Each object is uploaded once.
        boto_session: A ``boto3.session.Session`` with permission to read and write the objects.

    Returns:
        The uploaded URIs, in the order of ``staged``.

    Raises:
        StagingError: If files were changed or removed since the compile, or if a request to S3 fails.
    """
    objects = {code.uri: code for code in staged}
    if not objects:
        return ()
    client = boto_session.client("s3")
    missing = [code for code in objects.values() if not _exists(code, client)]
    for code in missing:
        _put(code, client)
    return tuple(code.uri for code in missing)


def _exists(code: StagedCode, client: Any) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = _location(code)
    try:
        found = client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # S3 returns 403 for a missing object if the caller may not list the bucket. If the caller lacks other
        # permissions, the upload fails.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return False
        raise StagingError(f"cannot look for {code.uri}: {error}") from error
    except BotoCoreError as error:
        raise StagingError(f"cannot look for {code.uri}: {error}") from error
    return bool(found["ContentLength"] == code.size)


def _put(code: StagedCode, client: Any) -> None:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = _location(code)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
        digest = hashlib.sha256()
        for piece in archive_pieces(code):
            digest.update(piece)
            # Large content moves to the temporary folder.
            with report_unwritable():
                content.write(piece)
        if digest.hexdigest() != code.digest:
            raise StagingError(f"{code.source} has changed since the pipeline was compiled: compile it again")
        content.seek(0)
        logger.info("uploading %s (%d bytes) to %s", code.source, code.size, code.uri)
        try:
            client.upload_fileobj(content, bucket, key)
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise StagingError(f"cannot upload {code.source} to {code.uri}: {error}") from error


def _location(code: StagedCode) -> tuple[str, str]:
    bucket, _, key = code.uri.removeprefix("s3://").partition("/")
    return bucket, key
