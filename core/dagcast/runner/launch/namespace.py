"""Builds the file system that a job in its own namespaces sees (Linux).

The job sees its own folder as ``/opt/ml``, an empty ``/tmp``, and no processes of other jobs. Everything else is
read-only, and the folder of all runs is empty. The job has no privilege to change that. See user_namespaces(7),
mount_namespaces(7), pid_namespaces(7) and capabilities(7).
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
_ACCELERATOR_NAMES = re.compile(r"nvidia.*|neuron.*|accel.*|dri|kfd|infiniband")
_PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs")
"""Parts of ``/proc`` that configure the machine. A job of root could write to them, because root owns the files."""


def unshare_for_child() -> None:
    """Create a user namespace for this process, and a PID namespace whose first process is the next child.

    For root, a PID namespace alone is enough where user namespaces are forbidden.

    Raises:
        KernelError: If the kernel forbids the namespaces.
        OSError: If it forbids mapping the user into them.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        # One call: the kernel creates the user namespace first, and so allows the PID namespace to any user.
        linux.unshare(linux.NEWUSER | linux.NEWPID)
    except linux.KernelError:
        if user != 0:
            raise
        linux.unshare(linux.NEWPID)
        return
    # "deny" comes first: without it an unprivileged process cannot write gid_map (user_namespaces(7)).
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def enter_job_root(view: dict[str, Any]) -> None:
    """Build the job's file system, and make it the root of this process, the first process of a PID namespace.

    Args:
        view: ``ml`` and ``runs_folder``: those folders. ``scratch``: a folder with the empty folders ``root`` and
            ``tmp``. ``required``: paths that stay visible although they lie in hidden folders. ``network``: whether the
            job uses the machine's network.

    Raises:
        KernelError: If a system call fails.
        OSError: If a file or folder of the new root cannot be created or read.
    """
    linux.unshare(linux.NEWNS | linux.NEWIPC | (0 if view["network"] else linux.NEWNET))
    # Before any mount: a shared "/" would propagate this process's mounts to the machine.
    linux.mount("none", "/", None, linux.REC | linux.PRIVATE)
    root = f"{view['scratch']}/root"
    linux.mount("tmpfs", root, "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
    # Before "/" is bound: a recursive bind of a folder that contains the new root would mount it inside itself.
    linux.mount("none", root, None, linux.UNBINDABLE)
    _bind_all("/", root, excluding=("opt", "tmp", "dev", "proc"))
    _bind_all("/opt", f"{root}/opt", excluding=("ml",))
    _make_devices(f"{root}/dev")
    for name in ("opt/ml", "tmp", "proc"):
        Path(root, name).mkdir()
    # Read-only before the writable parts are mounted, because this call covers every mount below the root.
    linux.make_read_only(root)
    _mount_temporary_folders(view, root)
    _hide_runs(view, root)
    _mount_proc(f"{root}/proc")
    linux.bind(view["ml"], f"{root}/opt/ml")
    # Last: the paths of all mounts above are those of the old root.
    linux.pivot_root(root)
    if not view["network"]:
        _bring_up_loopback()


def drop_privileges() -> None:
    """Leave the program that this process executes without capabilities, even as root, and without a way to gain any.

    Raises:
        KernelError: If a system call fails.
    """
    # Before exec, after the last mount: the bounding set takes effect when the program is executed.
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def _bind_all(folder: str, target: str, excluding: tuple[str, ...]) -> None:
    """Bind every entry of a folder into another. Symbolic links are created again."""
    Path(target).mkdir(exist_ok=True)
    if not Path(folder).is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in excluding:
                _bind_entry(entry, target)


def _bind_entry(entry: os.DirEntry[str], folder: str) -> None:
    target = Path(folder, entry.name)
    if entry.is_symlink():
        target.symlink_to(Path(entry.path).readlink())
        return
    if entry.is_dir():
        target.mkdir()
    else:
        target.touch()
    linux.bind(entry.path, str(target))


def _make_devices(folder: str) -> None:
    """Create ``/dev`` with the devices that every container has, and accelerators.

    Disks, terminals and memory are left out.
    """
    Path(folder).mkdir()
    with os.scandir("/dev") as entries:
        for entry in entries:
            if entry.name in _DEVICES or _ACCELERATOR_NAMES.fullmatch(entry.name):
                _bind_entry(entry, folder)
    for name, suffix in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path(folder, name).symlink_to(f"/proc/self/fd{suffix}")
    Path(folder, "ptmx").symlink_to("pts/ptmx")
    Path(folder, "shm").mkdir()
    Path(folder, "pts").mkdir()
    flags = linux.NOSUID | linux.NOEXEC
    linux.mount("devpts", f"{folder}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")


def _mount_temporary_folders(view: dict[str, Any], root: str) -> None:
    """Mount the folders that a job can write to, besides ``/opt/ml``."""
    temporary = f"{view['scratch']}/tmp"
    linux.mount("tmpfs", f"{root}/dev/shm", "tmpfs", linux.NOSUID | linux.NODEV, "mode=1777")
    linux.bind(temporary, f"{root}/tmp")
    var_tmp = str(Path("/var/tmp").resolve())
    if Path(root + var_tmp).is_dir() and not _is_below(var_tmp, "/tmp"):
        linux.bind(temporary, root + var_tmp)
    for path in view["required"]:
        if not os.access(root + path, os.F_OK):
            _expose_read_only(path, root)


def _hide_runs(view: dict[str, Any], root: str) -> None:
    """Mount an empty folder over the folder of all runs, and expose the required paths in it."""
    runs_folder = view["runs_folder"]
    if not Path(root + runs_folder).is_dir():
        return
    linux.mount("tmpfs", root + runs_folder, "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
    for path in view["required"]:
        if _is_below(path, runs_folder):
            _expose_read_only(path, root)
    linux.make_read_only(root + runs_folder, recursive=False)


def _expose_read_only(path: str, root: str) -> None:
    target = Path(root + path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if Path(path).is_dir():
        target.mkdir()
    else:
        target.touch()
    linux.bind(path, str(target))
    linux.make_read_only(str(target))


def _mount_proc(folder: str) -> None:
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


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")
