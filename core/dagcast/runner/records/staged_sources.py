"""Remembers which local files the code of a run was staged from, to notice on resume that they have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dagcast.errors import Diagnostic, StagingError
from dagcast.frozen_dataclass import dataclass
from dagcast.staging.stage_files import archive_pieces
from dagcast.staging.staged_code import StagedCode

_FILE = "sources.json"


@dataclass(frozen=True)
class RunSources:
    """The local sources of a run.

    Attributes:
        code: The code that was staged for the run.
        command: The command that starts the run from these sources, for messages.
    """

    code: Sequence[StagedCode] = ()
    command: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file. Code that dagcast itself provides is left out."""
        names = ("uri", "digest", "size", "source", "root", "form")
        code = [{name: getattr(each, name) for name in names} for each in self.code if each.form != "text"]
        return {"command": self.command, "code": code}


def write_sources(run: Path, sources: RunSources) -> None:
    """Write the sources of a run to its folder, if it has any."""
    if sources.code:
        (run / _FILE).write_text(json.dumps(sources.as_json(), indent=2) + "\n", "utf-8")


def find_changed_code(run: Path, users: dict[str, str]) -> Iterator[Diagnostic]:
    """Yield a warning of each source that differs from what the run has, with the command that uses it.

    Args:
        run: The run's folder.
        users: The text of each step's request, by the step's name.
    """
    try:
        content = json.loads((run / _FILE).read_text("utf-8"))
        staged = [StagedCode(**each) for each in content["code"]]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a run of a definition, or of another version of dagcast
    for code in staged:
        if _digest(code) == code.digest:
            continue
        steps = [name for name, text in users.items() if code.digest in text]
        again = " ".join(
            [
                content["command"] or "start a new run with",
                *(f"--from {name}" for name in steps),
                f"--from-run {run.name}",
            ]
        )
        yield Diagnostic(
            f"{code.source} has changed since the run began: a resumed run goes on with the code as it was",
            code="run.changed-code",
            hint=f"to use it as it is now: {again}",
            severity="warning",
        )


def _digest(code: StagedCode) -> str | None:
    """Return the digest of the code as it is now; ``None`` if it cannot be staged any more."""
    digest = hashlib.sha256()
    try:
        for piece in archive_pieces(code):
            digest.update(piece)
    except (StagingError, OSError):
        return None
    return digest.hexdigest()
