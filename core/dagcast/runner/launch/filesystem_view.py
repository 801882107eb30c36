"""Describes the file system that a job with namespaces sees; :mod:`~dagcast.runner.launch.namespace` mounts it."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagcast.runner.launch import writable_layer
from dagcast.runner.launch.command import HOST, ML_PATH, Command
from dagcast.runner.launch.scratch_folder import scratch_folder

TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
"""The machine's temporary folders. A job with a mount namespace has its own."""

ENVIRONMENTS_FOLDER = "environments"
"""The name of the folder of Python environments, in the folder of all runs."""

_PATH_VARIABLES = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
"""Variables that list folders of programs and libraries."""


@contextmanager
def prepare_view(
    command: Command,
    environment: Mapping[str, str],
    python: Path,
    runs_folder: Path,
    bytecode: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Create the folders of a job's file system, and yield the arguments of ``namespace.enter_job_root``.

    ``/tmp`` is a folder next to ``ml``, on the same disk and not in memory: jobs unpack models there.

    Args:
        command: The job's command.
        environment: Its environment.
        python: Its interpreter.
        runs_folder: The folder of all runs.
        bytecode: The folder of kept bytecode, which the job reads, and writes to its layer.
    """
    ml = command.ml_folder.resolve()
    with scratch_folder(ml) as scratch:
        for name in ("root", "tmp", "layer"):
            Path(scratch, name).mkdir()
        Path(scratch, "tmp").chmod(0o1777)
        Path(scratch, "hosts").write_text(_hosts_file())
        required = find_required_paths(command, environment, python, runs_folder, bytecode)
        packages = {str(path.parent.parent) for path in (python, python.resolve())} | {site.getuserbase()}
        packages |= {str(bytecode)} if bytecode is not None else set()
        yield {
            "ml": str(ml),
            "runs_folder": str(runs_folder),
            "scratch": scratch,
            "required": required,
            "writable": sorted({*required, *packages, str(Path.home())} - {"/"}),
            "network": command.has_network,
        }
        writable_layer.make_removable(Path(scratch, "layer"))


def _hosts_file() -> str:
    """Return the machine's ``/etc/hosts``, with the name of the job's host for this machine. Source: hosts(5)."""
    try:
        text = Path("/etc/hosts").read_text("utf-8", "replace")
    except OSError:
        text = "127.0.0.1\tlocalhost\n"
    return f"{text.rstrip()}\n127.0.0.1\t{HOST}\n"


def adapt_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a job that keeps only what it writes to ``/opt/ml``.

    ``HOME`` becomes ``/tmp``, because programs write caches to it. Python still finds packages of the user's site. pip
    may install packages in addition to those of the system, as in an image: the installation ends with the job.
    """
    adapted = {"PIP_BREAK_SYSTEM_PACKAGES": "1", **environment}
    for name in ("TMPDIR", "TEMP", "TMP"):
        if name in adapted and not _is_writable(adapted[name]):
            del adapted[name]
    if not _is_writable(adapted.get("HOME", "")):
        adapted["HOME"] = "/tmp"
        if os.access(site.getuserbase(), os.R_OK):
            adapted.setdefault("PYTHONUSERBASE", site.getuserbase())
    return adapted


def _is_writable(path: str) -> bool:
    return Path(path).is_absolute() and any(
        Path(path).is_relative_to(folder) for folder in (ML_PATH, *TEMPORARY_FOLDERS)
    )


def find_required_paths(
    command: Command,
    environment: Mapping[str, str],
    python: Path,
    runs_folder: Path,
    bytecode: Path | None = None,
) -> list[str]:
    """Return the paths that a job needs and that lie in hidden folders: its interpreter, packages and program.

    In the folder of all runs, only paths of kept Python environments are made visible.
    """
    hidden_prefixes = tuple(f"{folder}/" for folder in (*TEMPORARY_FOLDERS, runs_folder))
    interpreter_paths = [str(path.parent.parent) for path in (python, python.resolve(), Path(__file__))]
    interpreter_paths += [sys.prefix, sys.base_prefix, *sys.path]
    interpreter_paths += [str(bytecode)] if bytecode is not None else []
    command_paths = [
        folder for name in _PATH_VARIABLES for folder in environment.get(name, "").split(os.pathsep)
    ]
    found = {path for path in interpreter_paths if path.startswith(hidden_prefixes)}
    found |= {
        path
        for path in (*command_paths, *command.argv[:1])
        if path.startswith(hidden_prefixes) and _is_outside_runs(path, runs_folder)
    }
    existing = {str(Path(path)) for path in found if os.access(path, os.F_OK)}
    return sorted(existing, key=lambda path: (len(path), path))


def _is_outside_runs(path: str, runs_folder: Path) -> bool:
    """Whether a path belongs to no single run: it lies outside the runs folder, or in its Python environments."""
    real = Path(os.path.realpath(path))
    return not real.is_relative_to(runs_folder) or real.is_relative_to(runs_folder / ENVIRONMENTS_FOLDER)
