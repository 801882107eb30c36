"""The interface of a launcher: it starts the process of a job, and ends it."""

from __future__ import annotations

import threading
from typing import Literal, Protocol

from dagcast.runner.launch.command import Command, Exit


class Launcher(Protocol):
    """Starts the processes of jobs. Threads can share one.

    Attributes:
        isolation: How a job finds :data:`~dagcast.runner.launch.command.ML_PATH`.
    """

    isolation: Literal["namespace", "paths", "docker"]

    def run(self, command: Command, stop: threading.Event) -> Exit:
        """Start the process, wait for it, and kill what it leaves running.

        Args:
            command: The process to start.
            stop: Ends the process when set.
        """

    def close(self) -> None:
        """End every process that still runs."""
