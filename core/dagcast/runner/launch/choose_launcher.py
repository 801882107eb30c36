"""Chooses the launcher of a run."""

from __future__ import annotations

import sys
from pathlib import Path

from dagcast.errors import Diagnostic, InvalidInputError
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import Isolation
from dagcast.staging.temporary_folder import TemporaryFolderError

_NAMESPACE_SETTINGS = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor denies them to unprivileged users"),
    ("kernel/unprivileged_userns_clone", "0", "they are disabled for unprivileged users"),
    ("user/max_user_namespaces", "0", "user namespaces are disabled"),
)
"""Settings below ``/proc/sys`` that forbid namespaces: the name, the value that forbids them, and what it means."""


def choose_launcher(isolation: Isolation, runs_folder: Path) -> Launcher:
    """Return the launcher for an isolation mode. The caller closes it.

    Args:
        isolation: The mode that the user chose. ``auto`` selects namespaces where this machine allows them, and
            rewritten paths elsewhere.
        runs_folder: The folder of all runs. A job has access to its own part of it only.

    Raises:
        InvalidInputError: If this machine does not support the mode.
        TemporaryFolderError: If the folder of temporary files, which the choice needs, cannot be written.
    """
    if sys.platform == "win32":
        raise _isolation_error("jobs cannot run on Windows", "run dagcast in WSL")
    if isolation == "docker":
        from dagcast.runner.launch.docker_launcher import DockerLauncher, find_engine

        return DockerLauncher(find_engine())
    from dagcast.runner.launch.process_launcher import ProcessLauncher

    if isolation == "paths":
        return ProcessLauncher("paths", runs_folder)
    reason = "this system is not Linux"
    if sys.platform == "linux":
        launcher = ProcessLauncher("namespace", runs_folder)
        try:
            problem = launcher.probe()
        except TemporaryFolderError:
            launcher.close()
            raise
        if problem is None:
            return launcher
        launcher.close()
        reason = f"{problem}{_find_forbidding_setting()}"
    if isolation == "namespace":
        raise _isolation_error(
            f"this machine does not allow namespaces for jobs: {reason}",
            "allow them, or use 'paths' or 'auto', which replace /opt/ml by another folder",
        )
    return ProcessLauncher("paths", runs_folder)


def _find_forbidding_setting() -> str:
    """Return the settings of this machine that may explain the failure, as the end of an error message."""
    for name, value, meaning in _NAMESPACE_SETTINGS:
        path = Path("/proc/sys", name)
        if path.exists() and path.read_text().strip() == value:
            return f"; {path} is {value}: {meaning}"
    return ""


def _isolation_error(message: str, hint: str) -> InvalidInputError:
    return InvalidInputError([Diagnostic(message, code="run.isolation", hint=hint)])
