"""Compare a definition that was written to a file with the one that the report describes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from dagcast.cli.output import UnwritableError
from dagcast.compile.compile_pipeline import Compilation


def verify_written(path: Path, form: str, compilation: Compilation) -> None:
    """Read a definition back from the file that it was written to, and compare it with the digest of the report.

    Args:
        path: The file. Devices and pipes are not read.
        form: Its format, ``json`` or ``yaml``.
        compilation: The compile that was written.

    Raises:
        UnwritableError: If the file holds another definition.
    """
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnwritableError(f"cannot read {path} after it was written: {error}") from error
    if form == "yaml":
        # The digest is that of the JSON text, which holds the same data.
        text = compilation.definition if _load_yaml(text) == json.loads(compilation.definition) else text
    found = hashlib.sha256(text.removesuffix("\n").encode()).hexdigest()
    if found != compilation.report.digest:
        raise UnwritableError(
            f"{path} holds another definition than the report describes: its digest is {found}, expected "
            f"{compilation.report.digest}; find out what writes to the file, and compile again"
        )


def _load_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
