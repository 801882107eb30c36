"""What a git checkout says of the code in it: author, commit, package. No git and no checkout say nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 10.0
"""Seconds that git may take; on a network drive that hangs, a compile is not to hang as well."""

_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
"""Variables by which a git hook that compiles would make git look at another checkout."""


@dataclass(frozen=True)
class Checkout:
    """What is known of a checkout; ``None`` for what is not.

    Attributes:
        author: Who wrote the commit that is checked out.
        commit_id: That commit.
        package_name: The last part of the address of the remote ``origin``, else the name of the top folder.
    """

    author: str | None = None
    commit_id: str | None = None
    package_name: str | None = None


def read_checkout(folder: Path) -> Checkout:
    """Ask git about the checkout that ``folder`` is in."""
    if not _may_be_checkout(folder):
        return Checkout()
    commit = _git(folder, "--no-pager", "log", "-1", "--no-show-signature", "--format=%H%x00%an")
    commit_id, _, author = (commit or "").partition("\0")
    package = _last_part(_git(folder, "config", "--local", "--get", "remote.origin.url") or "")
    if not package:
        package = _last_part(_git(folder, "rev-parse", "--show-toplevel") or "")
    return Checkout(author or None, commit_id or None, package or None)


def _may_be_checkout(folder: Path) -> bool:
    """Whether git would find anything: starting it to hear that there is nothing costs as much as a small compile."""
    resolved = folder.resolve()
    # What cannot be looked at is git's to say.
    return any(os.path.lexists(parent / ".git") for parent in (resolved, *resolved.parents))


def _last_part(address: str) -> str:
    part = address.rstrip("/").replace("\\", "/").rpartition("/")[2].rpartition(":")[2]
    return part.removesuffix(".git")


def _git(folder: Path, *arguments: str) -> str | None:
    environment = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
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
