"""What the runner says of a job's view of this machine, which :mod:`~dagcast.runner.launch.namespace` makes."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagcast.runner.launch.command import ML, Command
from dagcast.runner.launch.scratch import scratch_folder

PRIVATE = ("/tmp", "/var/tmp", "/dev/shm")
"""The machine's temporary folders, which a job with a namespace has for itself."""

ENVIRONMENTS = "environments"
"""Where the Python environments of steps are in the folder of all runs."""

_LISTS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
"""Variables that name folders of programs and libraries."""


@contextmanager
def view(
    command: Command, environment: Mapping[str, str], python: Path, hidden: Path
) -> Iterator[dict[str, Any]]:
    """What the keeper is told about the view, and the folders that are there as long as the job is.

    ``/tmp`` is a folder beside ``ml``, on the same disk, and not a part of memory: models unpack there.
    """
    ml = command.ml.resolve()
    with scratch_folder(ml) as scratch:
        Path(scratch, "root").mkdir()
        Path(scratch, "tmp").mkdir()
        Path(scratch, "tmp").chmod(0o1777)
        yield {
            "ml": str(ml),
            "hidden": str(hidden),
            "scratch": scratch,
            "needed": needed(command, environment, python, hidden),
            "network": command.network,
        }


def environment_inside(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a job that may write to ``/opt/ml`` and ``/tmp`` alone.

    Its home is ``/tmp``, as caches go there; packages of the user's own are still found.
    """
    inside = dict(environment)
    for name in ("TMPDIR", "TEMP", "TMP"):
        if name in inside and not _writable(inside[name]):
            del inside[name]
    if not _writable(inside.get("HOME", "")):
        inside["HOME"] = "/tmp"
        if os.access(site.getuserbase(), os.R_OK):
            inside.setdefault("PYTHONUSERBASE", site.getuserbase())
    return inside


def _writable(path: str) -> bool:
    return Path(path).is_absolute() and any(Path(path).is_relative_to(folder) for folder in (ML, *PRIVATE))


def needed(command: Command, environment: Mapping[str, str], python: Path, hidden: Path) -> list[str]:
    """What a job needs of the folders that it does not see: its interpreter, packages and program.

    Of the folder of all runs, what a step names is needed only if it is in an environment that was made there.
    """
    unseen = tuple(f"{folder}/" for folder in (*PRIVATE, hidden))
    own = [str(path.parent.parent) for path in (python, python.resolve(), Path(__file__))]
    own += [sys.prefix, sys.base_prefix, *sys.path]
    named = [folder for name in _LISTS for folder in environment.get(name, "").split(os.pathsep)]
    found = {path for path in own if path.startswith(unseen)}
    found |= {
        path for path in (*named, *command.argv[:1]) if path.startswith(unseen) and _is_shared(path, hidden)
    }
    there = {str(Path(path)) for path in found if os.access(path, os.F_OK)}
    return sorted(there, key=lambda path: (len(path), path))


def _is_shared(path: str, hidden: Path) -> bool:
    """Whether it is not one run's alone."""
    real = Path(os.path.realpath(path))
    return not real.is_relative_to(hidden) or real.is_relative_to(hidden / ENVIRONMENTS)
