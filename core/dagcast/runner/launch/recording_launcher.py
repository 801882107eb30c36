"""Records the command of each job in the folder of its logs, so that a person can repeat it there."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

from dagcast.runner.launch.command import Command, Exit
from dagcast.runner.launch.launcher import Launcher

COMMAND_FILE = "command.json"
"""The file with the command of a job, in the folder of its logs."""

_PATHS = ("ml_folder", "stdout", "stderr", "python")


class RecordingLauncher:
    """Starts jobs as another launcher does, and writes their commands.

    Args:
        launcher: The launcher that starts the jobs.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.isolation: Literal["namespace", "paths", "docker"] = launcher.isolation
        self._launcher = launcher

    def run(self, command: Command, stop: threading.Event) -> Exit:
        """Write the command, start the process, wait for it, and kill what it leaves running."""
        text = json.dumps(asdict(command), indent=2, sort_keys=True, default=str)
        command.stdout.with_name(COMMAND_FILE).write_text(f"{text}\n", "utf-8")
        return self._launcher.run(command, stop)

    def close(self) -> None:
        """End every process that still runs."""
        self._launcher.close()


def read_command(folder: Path) -> Command | None:
    """Return the command of the job whose logs are in a folder; ``None`` if none is recorded there."""
    try:
        data: dict[str, Any] = json.loads((folder / COMMAND_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    paths = {name: Path(data[name]) for name in _PATHS if data.get(name) is not None}
    known = {field.name for field in fields(Command)}
    return Command(**{**{k: v for k, v in data.items() if k in known}, **paths, "argv": tuple(data["argv"])})
