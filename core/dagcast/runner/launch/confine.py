"""What a job without namespaces may use of this machine's files, by Landlock, which asks for no privilege (Linux).

It writes to its own folder, to temporary folders and to devices, and reads all but the folder of all runs, where it can
list names and no more. What Landlock does not know, it does not forbid either: to change permissions and times, and to
look at a file's size. How it works is in landlock(7).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dagcast.runner.launch import linux
from dagcast.runner.launch.linux import ALL_RIGHTS, LIST_RIGHT, READ_RIGHTS

_TEMPORARY = ("/tmp", "/var/tmp")
"""Where every job may write. Where such a folder holds the hidden one, all in it is hidden, as it is in a namespace."""

_DEVICES = "/dev"
"""Where every job may write, as far as the user may."""


@dataclass(frozen=True)
class Confinement:
    """What all jobs of a run may use, made ready for one.

    Attributes:
        hidden: The folder of all runs.
        rights: Those that the kernel knows.
        rules: A descriptor of Landlock's.
        seen: What the rules depend on, as it was before: the folders above the hidden one, and what is mounted.
    """

    hidden: str
    rights: int
    rules: int
    seen: tuple[object, ...]

    def enforce(self, own: Sequence[str], shown: Sequence[str], outputs: Sequence[int]) -> None:
        """Let this process, and all that it starts, use no more than this.

        Args:
            own: Folders that the job may write to.
            shown: What it may read though it lies in the hidden folder.
            outputs: Descriptors of its logs, which programs open again as ``/dev/stdout``.

        Raises:
            OSError: If one of them is not there.
            KernelError: If the kernel refuses.
        """
        for path in own:
            self.allow(os.path.realpath(path), ALL_RIGHTS)
        for path in map(os.path.realpath, shown):
            if not _holds(path, self.hidden):  # or all beside the way to the hidden one is allowed already
                self.allow(path, READ_RIGHTS)
        for descriptor in outputs:
            linux.landlock_allow(self.rules, descriptor, ALL_RIGHTS & self.rights)
        with suppress(linux.KernelError):  # only root has any, and only if it may give them up
            linux.drop_capabilities()
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.landlock_enforce(self.rules)

    def allow(self, path: str, rights: int) -> None:
        """Allow what is done with a file, or with a folder and all that is below it.

        Raises:
            OSError: If it is not there.
            KernelError: If the kernel refuses.
        """
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            linux.landlock_allow(self.rules, descriptor, rights & self.rights)
        finally:
            os.close(descriptor)

    def is_current(self) -> bool:
        """Whether nothing has come to the folders above the hidden one, and nothing else was mounted."""
        return self.seen == _seen(self.hidden)


def confinement(hidden: str) -> Confinement | None:
    """What all jobs may use when this folder is hidden; ``None`` where the kernel does not keep them to it.

    Nor are they kept from runs in ``/dev/shm``: they would have no place there for locks, without which few programs
    with several processes work.

    Raises:
        KernelError: If the kernel refuses.
    """
    usable = sys.platform == "linux" and hidden != "/" and not _holds("/dev/shm", hidden)
    known = linux.landlock_rights() if usable else 0
    if not known:
        return None
    found = Confinement(hidden, known, linux.landlock_rules(known), _seen(hidden))
    for path, rights in _rights(hidden):
        # It went meanwhile, the user may not go there anyway, or its file system is none that rules are made for.
        with suppress(OSError, linux.KernelError):
            found.allow(path, rights)
    return found


def _rights(hidden: str) -> Iterator[tuple[str, int]]:
    """What a job may do where. A right to a folder is one to all below it, so all beside the hidden one is named."""
    yield "/", LIST_RIGHT
    for folder, inside in _way(hidden):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != inside and not entry.is_symlink():
                    yield entry.path, READ_RIGHTS
    for path in map(os.path.realpath, (*_TEMPORARY, _DEVICES)):
        if not _holds(path, hidden):
            yield path, ALL_RIGHTS
    if os.geteuid() != 0:  # root could change the machine there
        yield "/proc", ALL_RIGHTS


def _way(hidden: str) -> list[tuple[str, str]]:
    """The folders above the hidden one whose other contents are seen, each with the name of what leads there."""
    names = hidden.split("/")[1:]
    steps = [("/" + "/".join(names[:number]), name) for number, name in enumerate(names)]
    temporary = {os.path.realpath(path) for path in _TEMPORARY}
    return [step for step in steps if step[0] not in temporary]


def _holds(folder: str, path: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def _seen(hidden: str) -> tuple[object, ...]:
    folders = [Path(folder) for folder, _ in _way(hidden)]
    changed = [folder.stat().st_ctime_ns if folder.exists() else None for folder in folders]
    return (*changed, Path("/proc/self/mountinfo").read_bytes())
