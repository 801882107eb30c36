"""Lets a job write where a container lets it: overlays over the folders of this machine (Linux).

A job in a container can write to ``/usr/local``, to its home and to the packages of its Python, and everything it
writes there ends with the container. An overlay gives it the same: it shows a folder of this machine, and what the job
writes goes to a folder of the job, the *layer*. See mount(8) and the kernel's documentation of overlayfs.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from dagcast.runner.launch import linux

_IMAGE_FOLDERS = ("/etc", "/home", "/mnt", "/opt", "/root", "/run", "/srv", "/usr", "/var")
"""Folders of every image, in which root, the user of a container, can write. Source: hier(7)."""

_OWNED_FOLDERS = (
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/etc",
    "/usr/local/include",
    "/usr/local/lib",
    "/usr/local/share",
    "/var/cache",
    "/var/lib",
    "/var/log",
)
"""Folders in them that the job must own to write there, because it has the user of this machine.

A folder of the same name in its layer belongs to that user, and an overlay takes owner and permissions from there.
"""

_MAX_ENTRIES = 200
"""How many mounts a folder may cost. A longer one that contains mounts, such as a store of images, is read-only."""

_SPECIAL_CHARACTERS = re.compile(r"([\\:,])")
"""Characters that separate options and folders in the options of an overlay."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def list_mount_points() -> list[str]:
    """Return where file systems are mounted in the namespace of this process, outer mounts first.

    Source: proc_pid_mountinfo(5).
    """
    lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    points = {_ESCAPED.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4]) for line in lines}
    return sorted(points)


class WritableLayer:
    """The overlays of one job. Folders become read-only where the machine forbids overlays.

    What the job writes to ``writable`` folders lies on disk, since it may install packages there, and the rest in
    memory: an overlay costs some milliseconds on a disk and next to nothing in memory.

    Args:
        folder: An empty folder of the job, on a disk.
        mount_points: All mount points, from :func:`list_mount_points`.
        writable: Folders that the job can write to, besides those of every image: its Python and the user's home.

    Raises:
        KernelError: If the folder in memory cannot be mounted.
    """

    def __init__(self, folder: Path, mount_points: Iterable[str], writable: Iterable[str]) -> None:
        self._disk = folder / "disk"
        self._memory = folder / "memory"
        self._memory.mkdir()
        linux.mount("tmpfs", str(self._memory), "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
        self._mount_points = tuple(mount_points)
        self._on_disk = tuple(writable)
        self._count = 0

    def mount(self, path: str, target: str, *, folders: Collection[str] = ()) -> None:
        """Show the folder ``path`` at ``target``: writable if a writable folder is in it and the machine allows it.

        Args:
            path: An absolute path of this machine.
            target: Where to mount it: an empty folder of the job.
            folders: Names of folders that it must contain, for example to mount something there.

        Raises:
            KernelError: If the folder cannot be mounted even read-only.
        """
        if not os.access(path, os.R_OK | os.X_OK):
            # The home of another user, such as /root. In a container it is the job's own, so it stays empty.
            Path(target).chmod(0o755)
            for name in folders:
                Path(target, name).mkdir()
            return
        is_writable = _holds(path, (*self._on_disk, *_IMAGE_FOLDERS, *_OWNED_FOLDERS))
        has_mounts = any(is_below(point, path) for point in self._mount_points)
        if is_writable and not has_mounts and self._mount_overlay(path, target, folders):
            return
        if folders or (is_writable and has_mounts):
            self._mount_entries(path, target, folders)
        else:
            mount_read_only(path, target)

    def _mount_entries(self, path: str, target: str, folders: Collection[str]) -> None:
        """Mount what lies in a folder, one by one.

        Below a mount of another user namespace, the kernel allows no overlay over a folder that contains mounts: it
        would show what they cover.
        """
        with os.scandir(path) as found:
            entries = [entry for entry in found if entry.name not in folders]
        if len(entries) > _MAX_ENTRIES and not folders:
            mount_read_only(path, target)
            return
        for name in folders:
            Path(target, name).mkdir()
        for entry in entries:
            place = Path(target, entry.name)
            if entry.is_dir(follow_symlinks=False):
                place.mkdir()
                self.mount(entry.path, str(place))
            else:
                show_read_only(entry.path, place)

    def _mount_overlay(self, path: str, target: str, folders: Collection[str]) -> bool:
        mode = stat.S_IMODE(Path(path).stat().st_mode) | 0o700
        owned = [each.removeprefix(f"{path}/") for each in _OWNED_FOLDERS if is_below(each, path)]
        wanted = (*(each for each in owned if Path(path, each).is_dir()), *folders)
        places = (self._disk, self._memory) if _holds(path, self._on_disk) else (self._memory,)
        for place in places:
            upper, work = (place / str(self._count) / name for name in ("upper", "work"))
            self._count += 1
            work.mkdir(parents=True)
            upper.mkdir()
            upper.chmod(mode)
            for name in wanted:
                (upper / name).mkdir(exist_ok=True)
            options = f"lowerdir={_escape(path)},upperdir={_escape(str(upper))},workdir={_escape(str(work))}"
            # userxattr: without privilege over the machine, an overlay cannot keep its notes in trusted.* attributes.
            # volatile: what the layer holds is deleted, so its disk need not be synchronised at the end.
            # A disk that is an overlay, such as a container's root, cannot hold a layer, and no overlay can lie over
            # some file systems, such as those of networks.
            with suppress(linux.KernelError):
                linux.mount("overlay", target, "overlay", linux.NOSUID, f"{options},userxattr,volatile")
                return True
        return False


def make_removable(folder: Path) -> None:
    """Let the user remove the folder of an ended job's layer: the kernel leaves folders that only root can enter."""
    for work in folder.glob("disk/*/work/work"):
        for path in (work, work / "incompat", work / "incompat" / "volatile"):
            with suppress(FileNotFoundError):
                path.chmod(0o700)


def mount_read_only(path: str, target: str) -> None:
    """Show a file or folder, with everything mounted below it, at ``target``, read-only.

    Raises:
        KernelError: If a system call fails.
    """
    linux.bind(path, target)
    linux.make_read_only(target)


def show_read_only(path: str, target: Path) -> None:
    """Create ``target``, and show a file or folder there, read-only. A symbolic link is created again.

    Raises:
        KernelError: If a system call fails.
    """
    if Path(path).is_symlink():
        target.symlink_to(Path(path).readlink())
        return
    if Path(path).is_dir():
        target.mkdir()
    else:
        target.touch()
    mount_read_only(path, str(target))


def is_below(path: str, folder: str) -> bool:
    """Whether an absolute path lies inside a folder."""
    return path.startswith(f"{folder.rstrip('/')}/")


def _holds(folder: str, paths: Iterable[str]) -> bool:
    """Whether one of the paths is the folder, or lies inside it."""
    return any(path == folder or is_below(path, folder) for path in paths)


def _escape(path: str) -> str:
    return _SPECIAL_CHARACTERS.sub(r"\\\1", path)
