"""Read RECORD, the list of files that an installer wrote for a distribution."""

from __future__ import annotations

import base64
import csv
import hashlib
from pathlib import Path, PurePosixPath


def read_record(place: Path, problems: list[str]) -> dict[str, str | None]:
    """Return the files of RECORD with their digests, in hexadecimal; ``None`` where it has none.

    Args:
        place: The folder of the distribution's metadata.
        problems: Collects what is malformed, with the path of the file.

    Source of the format: https://packaging.python.org/specifications/recording-installed-packages/#the-record-file
    """
    path = place / "RECORD"
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        problems.append(f"{path} cannot be read: {error}")
        return {}
    recorded: dict[str, str | None] = {}
    try:
        for row in csv.reader(text.splitlines(), strict=True):
            if row:
                recorded[PurePosixPath(row[0].replace("\\", "/")).as_posix()] = _hexadecimal(row)
    except (csv.Error, ValueError) as error:
        problems.append(f"{path} is malformed: {error}")
    return recorded


def _hexadecimal(row: list[str]) -> str | None:
    if len(row) != 3:
        raise ValueError(f"{','.join(row)[:80]!r} is not of the form path,digest,size")
    algorithm, _, digest = row[1].partition("=")
    if algorithm != "sha256":
        return None
    content = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
    if len(content) != hashlib.sha256().digest_size:
        raise ValueError(f"{row[1]!r} is not a SHA-256 digest")
    return content.hex()
