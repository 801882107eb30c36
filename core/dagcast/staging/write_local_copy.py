"""Write staged code to local files, for a run without uploads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from dagcast.errors import StagingError
from dagcast.staging.stage_files import archive_pieces
from dagcast.staging.staged_code import StagedCode
from dagcast.staging.temporary_folder import report_unwritable


def write_staged(staged: Iterable[StagedCode], folder: Path) -> dict[str, Path]:
    """Write each staged object to a file in ``folder``, which is a temporary one.

    Returns:
        By S3 URI: the file with the bytes that an upload would write to that URI.

    Raises:
        StagingError: If files were changed or removed since the compile.
        TemporaryFolderError: If the folder is full or cannot be written.
    """
    files: dict[str, Path] = {}
    for code in staged:
        if code.uri in files:
            continue
        path = folder / f"{len(files)}"
        digest = hashlib.sha256()
        with report_unwritable(), path.open("wb") as file:
            for piece in archive_pieces(code):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != code.digest:
            raise StagingError(f"{code.source} has changed since the pipeline was compiled: compile it again")
        files[code.uri] = path
    return files
