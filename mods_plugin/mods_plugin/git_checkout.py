"""Read author, commit and package from a git checkout, if git is installed and the folder is in a checkout."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 10.0
"""Timeout of a git command in seconds, so that a network drive that hangs does not block a compile."""

_GIT_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Variables that git sets for its hooks, and that would point git at another checkout."""


@dataclass(frozen=True)
class Checkout:
    """The metadata of a checkout; ``None`` for unknown values.

    Attributes:
        author: The author of the commit that is checked out.
        commit_id: The id of that commit.
        package_name: The last part of the URL of remote ``origin``, else the name of the top folder.
    """

    author: str | None = None
    commit_id: str | None = None
    package_name: str | None = None


def read_checkout(folder: Path) -> Checkout:
    """Read the metadata of the checkout that contains ``folder``; all ``None`` if there is no checkout."""
    if not _may_be_checkout(folder):
        return Checkout()
    commit = _git(folder, "--no-pager", "log", "-1", "--no-show-signature", "--format=%H%x00%an")
    commit_id, _, author = (commit or "").partition("\0")
    package = _last_part(_git(folder, "config", "--local", "--get", "remote.origin.url") or "")
    if not package:
        package = _last_part(_git(folder, "rev-parse", "--show-toplevel") or "")
    return Checkout(author or None, commit_id or None, package or None)


def _may_be_checkout(folder: Path) -> bool:
    """Return whether a checkout may exist. Starting git to find none takes as long as a small compile."""
    resolved = folder.resolve()
    # lexists, so that a link or folder that cannot be read still counts, and git decides.
    return any(os.path.lexists(parent / ".git") for parent in (resolved, *resolved.parents))


def _last_part(address: str) -> str:
    part = address.rstrip("/").replace("\\", "/").rpartition("/")[2].rpartition(":")[2]
    return part.removesuffix(".git")


def _git(folder: Path, *arguments: str) -> str | None:
    environment = {key: value for key, value in os.environ.items() if key not in _GIT_HOOK_VARIABLES}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip("\n") if done.returncode == 0 else None
