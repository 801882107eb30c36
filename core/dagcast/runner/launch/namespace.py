"""What a job in namespaces of its own sees of this machine (Linux).

It sees its own folder as ``/opt/ml``, an empty ``/tmp``, none of the other jobs' processes, and all else read-only, but
for the folder of all runs, which is empty to it. It has no privilege to change that. How each part works is in
user_namespaces(7), mount_namespaces(7), pid_namespaces(7) and capabilities(7).
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
from pathlib import Path
from typing import Any

from dagcast.runner.launch import linux

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_ACCELERATORS = re.compile(r"nvidia.*|neuron.*|accel.*|dri|kfd|infiniband")
_PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs")
"""Parts of ``/proc`` that change the machine. A job of root's would be allowed to, as their owner."""


def leave() -> None:
    """Have the next child be the first process of a PID namespace, in a user namespace of its own.

    Root can do without the user namespace, where those are forbidden.

    Raises:
        KernelError: If the kernel forbids it.
        OSError: If it forbids to say who the user is in there.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        linux.unshare(linux.NEWUSER | linux.NEWPID)
    except linux.KernelError:
        if user != 0:
            raise
        linux.unshare(linux.NEWPID)
        return
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def enter(view: dict[str, Any]) -> None:
    """Make the view of this machine, and have it from now on; for the first process of a PID namespace.

    Args:
        view: ``ml``, ``hidden``: those folders; ``scratch``: a folder with the empty folders ``root`` and ``tmp``;
            ``needed``: what must stay to be seen though it lies where the job does not see; ``network``: whether the
            job has the machine's network.

    Raises:
        KernelError: If the kernel forbids it.
        OSError: If a folder or file in the way cannot be made or read.
    """
    linux.unshare(linux.NEWNS | linux.NEWIPC | (0 if view["network"] else linux.NEWNET))
    linux.mount("none", "/", None, linux.REC | linux.PRIVATE)
    root = f"{view['scratch']}/root"
    linux.mount("tmpfs", root, "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
    linux.mount("none", root, None, linux.UNBINDABLE)
    _bind_all("/", root, but=("opt", "tmp", "dev", "proc"))
    _bind_all("/opt", f"{root}/opt", but=("ml",))
    _make_devices(f"{root}/dev")
    for name in ("opt/ml", "tmp", "proc"):
        Path(root, name).mkdir()
    linux.make_read_only(root)
    _make_temporary(view, root)
    _hide(view, root)
    _make_proc(f"{root}/proc")
    linux.bind(view["ml"], f"{root}/opt/ml")
    linux.pivot_root(root)
    if not view["network"]:
        _bring_up_loopback()


def drop_privileges() -> None:
    """Have the program that this process becomes be without any capability, even if it is root's.

    Raises:
        KernelError: If the kernel forbids it.
    """
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def _bind_all(folder: str, target: str, but: tuple[str, ...]) -> None:
    """Have all of a folder in another; links are made anew."""
    Path(target).mkdir(exist_ok=True)
    if not Path(folder).is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in but:
                _bind_entry(entry, target)


def _bind_entry(entry: os.DirEntry[str], target: str) -> None:
    place = Path(target, entry.name)
    if entry.is_symlink():
        place.symlink_to(Path(entry.path).readlink())
        return
    if entry.is_dir():
        place.mkdir()
    else:
        place.touch()
    linux.bind(entry.path, str(place))


def _make_devices(folder: str) -> None:
    """Devices that every container has, and accelerators; disks, terminals and memory are not among them."""
    Path(folder).mkdir()
    with os.scandir("/dev") as entries:
        for entry in entries:
            if entry.name in _DEVICES or _ACCELERATORS.fullmatch(entry.name):
                _bind_entry(entry, folder)
    for name, meant in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path(folder, name).symlink_to(f"/proc/self/fd{meant}")
    Path(folder, "ptmx").symlink_to("pts/ptmx")
    Path(folder, "shm").mkdir()
    Path(folder, "pts").mkdir()
    flags = linux.NOSUID | linux.NOEXEC
    linux.mount("devpts", f"{folder}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")


def _make_temporary(view: dict[str, Any], root: str) -> None:
    """Folders that a job writes to, beside ``/opt/ml``."""
    own = f"{view['scratch']}/tmp"
    linux.mount("tmpfs", f"{root}/dev/shm", "tmpfs", linux.NOSUID | linux.NODEV, "mode=1777")
    linux.bind(own, f"{root}/tmp")
    other = str(Path("/var/tmp").resolve())
    if Path(root + other).is_dir() and not _within(other, "/tmp"):
        linux.bind(own, root + other)
    for path in view["needed"]:
        if not os.access(root + path, os.F_OK):
            _show(path, root)


def _hide(view: dict[str, Any], root: str) -> None:
    """Have the folder of all runs empty, but for what is needed of it."""
    hidden = view["hidden"]
    if not Path(root + hidden).is_dir():
        return
    linux.mount("tmpfs", root + hidden, "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
    for path in view["needed"]:
        if _within(path, hidden):
            _show(path, root)
    linux.make_read_only(root + hidden, recursive=False)


def _show(path: str, root: str) -> None:
    place = Path(root + path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if Path(path).is_dir():
        place.mkdir()
    else:
        place.touch()
    linux.bind(path, str(place))
    linux.make_read_only(str(place))


def _make_proc(folder: str) -> None:
    linux.mount("proc", folder, "proc", linux.NOSUID | linux.NODEV | linux.NOEXEC)
    for name in _PROC_READ_ONLY:
        path = f"{folder}/{name}"
        if os.access(path, os.F_OK):
            linux.bind(path, path)
            linux.make_read_only(path)


def _bring_up_loopback() -> None:
    get_flags, set_flags, up = 0x8913, 0x8914, 1  # netdevice(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        (flags,) = struct.unpack_from(
            "h", fcntl.ioctl(any_socket, get_flags, struct.pack("16sh22x", b"lo", 0)), 16
        )
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", flags | up))


def _within(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")
