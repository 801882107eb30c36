"""Which launcher a run gets."""

from __future__ import annotations

from pathlib import Path

from dagsmith.errors import Diagnostic, InvalidInputError
from dagsmith_runner.launch.command import Launcher
from dagsmith_runner.launch.processes import ProcessLauncher
from dagsmith_runner.options import Isolation


def launcher(isolation: Isolation, hidden: Path) -> Launcher:
    """The launcher that a run asked for; close it at the end.

    Args:
        isolation: What the user chose.
        hidden: The folder of all runs, which no job may see but for its own part.

    Raises:
        InvalidInputError: If this machine does not have what was asked for.
    """
    if isolation in ("namespace", "docker"):
        raise InvalidInputError([Diagnostic(f"isolation {isolation!r} is not built yet", code="isolation")])
    return ProcessLauncher("paths", hidden)
