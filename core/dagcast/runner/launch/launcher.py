"""Which launcher a run gets."""

from __future__ import annotations

import sys
from pathlib import Path

from dagcast.errors import Diagnostic, InvalidInputError
from dagcast.runner.launch.command import Launcher
from dagcast.runner.options import Isolation

_SETTINGS = (
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor keeps them from unprivileged users"),
    ("kernel/unprivileged_userns_clone", "0", "they are switched off for unprivileged users"),
    ("user/max_user_namespaces", "0", "user namespaces are switched off"),
)
"""Below ``/proc/sys``: the setting, the value that forbids namespaces, and what that means."""


def launcher(isolation: Isolation, hidden: Path) -> Launcher:
    """The launcher that a run asked for; close it at the end.

    Args:
        isolation: What the user chose; ``auto`` takes namespaces where this machine has them, and else rewrites paths.
        hidden: The folder of all runs, of which no job may use more than its own part.

    Raises:
        InvalidInputError: If this machine does not have what was asked for.
    """
    if sys.platform == "win32":
        raise _refusal("no job can run on Windows itself", "run this in WSL, which is Linux")
    if isolation == "docker":
        from dagcast.runner.launch.docker import DockerLauncher, find_engine

        return DockerLauncher(find_engine())
    from dagcast.runner.launch.processes import ProcessLauncher

    if isolation == "paths":
        return ProcessLauncher("paths", hidden)
    forbids = "this system is not Linux"
    if sys.platform == "linux":
        found = ProcessLauncher("namespace", hidden)
        problem = found.probe()
        if problem is None:
            return found
        found.close()
        forbids = f"{problem}{_settings()}"
    if isolation == "namespace":
        raise _refusal(
            f"jobs cannot have namespaces of their own here: {forbids}",
            "allow that, or choose 'paths' or 'auto', which tell jobs of another folder in place of /opt/ml",
        )
    return ProcessLauncher("paths", hidden)


def _settings() -> str:
    """Which of this machine's settings may be why."""
    for name, value, meaning in _SETTINGS:
        path = Path("/proc/sys", name)
        if path.exists() and path.read_text().strip() == value:
            return f"; {path} is {value}: {meaning}"
    return ""


def _refusal(message: str, hint: str) -> InvalidInputError:
    return InvalidInputError([Diagnostic(message, code="isolation", hint=hint)])
