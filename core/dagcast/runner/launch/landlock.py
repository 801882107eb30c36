"""Restricts the files that a job without namespaces can use, by Landlock, which needs no privilege (Linux).

A job writes to its own folder, to temporary folders and to devices. It reads everything but the folder of all runs,
where it can only list names. Landlock does not restrict chmod, utime and stat. See landlock(7).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dagcast.frozen_dataclass import dataclass
from dagcast.runner.launch import linux
from dagcast.runner.launch.linux import ALL_RIGHTS, LIST_RIGHT, READ_RIGHTS

_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp")
"""Folders that every job can write to. If one contains the folder of all runs, a job can use nothing in it."""

_DEVICES_FOLDER = "/dev"
"""A folder that every job can write to, as far as the user can."""


@dataclass(frozen=True)
class LandlockRules:
    """The rules that all jobs of a run share, ready to be extended for one job.

    Attributes:
        runs_folder: The folder of all runs.
        rights: The access rights that the kernel can restrict.
        ruleset: The descriptor of the ruleset.
        fingerprint: The state of the machine that the rules depend on: the folders above ``runs_folder``, and mounts.
    """

    runs_folder: str
    rights: int
    ruleset: int
    fingerprint: tuple[object, ...]

    def enforce(self, writable: Sequence[str], required: Sequence[str], outputs: Sequence[int]) -> None:
        """Restrict this process, and every process that it starts, to the rules and these exceptions.

        Args:
            writable: Folders that the job can write to.
            required: Paths in the hidden folder that the job can read.
            outputs: Descriptors of its logs, which programs open again as ``/dev/stdout``.

        Raises:
            OSError: If a path does not exist.
            KernelError: If a system call fails.
        """
        for path in writable:
            self.allow(os.path.realpath(path), ALL_RIGHTS)
        for path in map(os.path.realpath, required):
            if not _contains(path, self.runs_folder):  # else its contents are allowed already
                self.allow(path, READ_RIGHTS)
        for descriptor in outputs:
            linux.landlock_add_rule(self.ruleset, descriptor, ALL_RIGHTS & self.rights)
        # Only root has capabilities, and a container may forbid dropping them.
        with suppress(linux.KernelError):
            linux.drop_capabilities()
        # landlock_restrict_self fails without no_new_privs.
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.landlock_restrict_self(self.ruleset)

    def allow(self, path: str, rights: int) -> None:
        """Allow rights on a file, or on a folder and everything below it.

        Raises:
            OSError: If the path does not exist.
            KernelError: If the system call fails.
        """
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            linux.landlock_add_rule(self.ruleset, descriptor, rights & self.rights)
        finally:
            os.close(descriptor)

    def is_current(self) -> bool:
        """Whether the folders above the runs folder and the mounts are unchanged since the rules were made."""
        return self.fingerprint == _fingerprint(self.runs_folder)


def make_landlock_rules(runs_folder: str) -> LandlockRules | None:
    """Make the rules that hide a folder; ``None`` if the kernel cannot enforce them.

    Runs in ``/dev/shm`` are not hidden: jobs need to create locks there, as programs with several processes do.

    Raises:
        KernelError: If the ruleset cannot be created.
    """
    is_usable = sys.platform == "linux" and runs_folder != "/" and not _contains("/dev/shm", runs_folder)
    supported = linux.landlock_rights() if is_usable else 0
    if not supported:
        return None
    made = LandlockRules(
        runs_folder, supported, linux.landlock_create_ruleset(supported), _fingerprint(runs_folder)
    )
    for path, rights in _list_rights(runs_folder):
        # The path was removed, the user has no access, or its file system does not support rules.
        with suppress(OSError, linux.KernelError):
            made.allow(path, rights)
    return made


def _list_rights(runs_folder: str) -> Iterator[tuple[str, int]]:
    """List paths and the rights of every job to them.

    A right to a folder extends to everything below it and cannot be taken back. So each entry next to the path to
    ``runs_folder`` is listed on its own.
    """
    yield "/", LIST_RIGHT
    for folder, child in _ancestors(runs_folder):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != child and not entry.is_symlink():
                    yield entry.path, READ_RIGHTS
    for path in map(os.path.realpath, (*_TEMPORARY_FOLDERS, _DEVICES_FOLDER)):
        if not _contains(path, runs_folder):
            yield path, ALL_RIGHTS
    if os.geteuid() != 0:  # as root, a job could change the machine through it
        yield "/proc", ALL_RIGHTS


def _ancestors(runs_folder: str) -> list[tuple[str, str]]:
    """Return the folders above ``runs_folder`` whose other entries stay readable, each with the entry on the path."""
    names = runs_folder.split("/")[1:]
    steps = [("/" + "/".join(names[:number]), name) for number, name in enumerate(names)]
    temporary = {os.path.realpath(path) for path in _TEMPORARY_FOLDERS}
    return [step for step in steps if step[0] not in temporary]


def _contains(folder: str, path: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def _fingerprint(runs_folder: str) -> tuple[object, ...]:
    folders = [Path(folder) for folder, _ in _ancestors(runs_folder)]
    changed = [folder.stat().st_ctime_ns if folder.exists() else None for folder in folders]
    return (*changed, Path("/proc/self/mountinfo").read_bytes())
