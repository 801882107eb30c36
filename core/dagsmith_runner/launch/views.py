"""What the runner says of a job's view of this machine, which :mod:`~dagsmith_runner.launch.namespace` makes."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dagsmith_runner.launch.command import ML, Command

_PRIVATE = ("/tmp", "/var/tmp", "/dev/shm")
"""Folders that a job has for itself."""

SCRATCH = "tmp-"
"""How the names of folders begin that are there as long as a job is, beside its ``ml``."""

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
    scratch = tempfile.mkdtemp(prefix=SCRATCH, dir=ml.parent)
    try:
        Path(scratch, "root").mkdir()
        Path(scratch, "tmp").mkdir()
        Path(scratch, "tmp").chmod(0o1777)
        yield {
            "ml": str(ml),
            "hidden": str(hidden),
            "scratch": scratch,
            "needed": _needed(command, environment, python, hidden),
            "network": command.network,
        }
    finally:
        _remove(scratch)


def _remove(folder: str) -> None:
    """Remove what a job left in its temporary folders, as far as that goes: the job is done, and how is known."""
    with suppress(RecursionError):  # before Python 3.13: a thousand folders, each in the one before
        shutil.rmtree(folder, ignore_errors=True)
    if Path(folder).exists():
        subprocess.run(["rm", "-rf", folder], capture_output=True, check=False)


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
    return Path(path).is_absolute() and any(Path(path).is_relative_to(folder) for folder in (ML, *_PRIVATE))


def _needed(command: Command, environment: Mapping[str, str], python: Path, hidden: Path) -> list[str]:
    """What a job needs of the folders that it does not see: its interpreter, packages and program."""
    real = python.resolve()
    wanted = [python.parent.parent, real.parent.parent, Path(__file__).parents[1]]
    wanted += [Path(folder) for folder in (sys.prefix, sys.base_prefix, *sys.path)]
    wanted += [Path(folder) for name in _LISTS for folder in environment.get(name, "").split(os.pathsep)]
    wanted += [Path(program) for program in command.argv[:1]]
    found = {
        str(path)
        for path in wanted
        if path.is_absolute()
        and any(Path(folder) in path.parents for folder in (*_PRIVATE, hidden))
        and os.access(path, os.F_OK)
    }
    return sorted(found, key=lambda path: (len(path), path))
