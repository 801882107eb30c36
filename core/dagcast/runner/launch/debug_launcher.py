"""Starts the jobs of one step for debugging: with the user's terminal, or waiting for a debugger."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import replace
from typing import Literal

from dagcast.runner.launch.command import Command, Exit
from dagcast.runner.launch.launcher import Launcher

_PYTHON = re.compile(r"(.*/)?python(3(\.\d+)?)?")


class DebugLauncher:
    """Starts jobs as another launcher does, without a time limit, for a person who debugs them.

    Args:
        launcher: The launcher that starts the jobs.
        port: The port of this machine at which debugpy waits for a debugger; ``None`` gives the job the terminal.
    """

    def __init__(self, launcher: Launcher, port: int | None) -> None:
        self.isolation: Literal["namespace", "paths", "docker"] = launcher.isolation
        self._launcher = launcher
        self._port = port

    def run(self, command: Command, stop: threading.Event) -> Exit:
        """Start the process, wait for it, and kill what it leaves running."""
        if self._port is None:
            return self._launcher.run(at_terminal(command), stop)
        argv = _wait_for_debugger(command.argv, self._port)
        if argv is None:
            return Exit(code=None, problem=f"{command.argv[0]} is not Python, which debugpy debugs")
        # A debugger connects through the network of this machine.
        return self._launcher.run(replace(command, argv=argv, timeout=None, has_network=True), stop)

    def close(self) -> None:
        """End every process that still runs."""
        self._launcher.close()


def at_terminal(command: Command) -> Command:
    """Return a command with the user's terminal and without a time limit."""
    environment = {**command.environment, "TERM": os.environ.get("TERM", "dumb")}
    return replace(command, environment=environment, timeout=None, has_terminal=True)


def _wait_for_debugger(argv: tuple[str, ...], port: int) -> tuple[str, ...] | None:
    """Return the command that runs a Python program when a debugger has connected; ``None`` for other programs."""
    if not _PYTHON.fullmatch(argv[0]):
        return None
    # Frozen modules of Python itself have no lines; debugpy would warn of that at each start.
    options = (
        "-X",
        "frozen_modules=off",
        "-m",
        "debugpy",
        "--listen",
        f"127.0.0.1:{port}",
        "--wait-for-client",
    )
    return (argv[0], *options, *argv[1:])
