"""Builds the file system that a job in its own namespaces sees (Linux).

The job sees its own folder as ``/opt/ml``, an empty ``/tmp``, and no processes of other jobs. It sees the rest of the
machine through overlays, so that what it writes there ends with it, and an empty folder in place of the folder of all
runs. The job has no privilege to change that. See user_namespaces(7), mount_namespaces(7), pid_namespaces(7) and
capabilities(7).
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
from dagcast.runner.launch.writable_layer import (
    WritableLayer,
    is_below,
    list_mount_points,
    mount_read_only,
    show_read_only,
)

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
        # Root needs no user namespace for it.
        linux.unshare(linux.NEWPID)
        return
    # "deny" comes first: without it an unprivileged process cannot write gid_map (user_namespaces(7)).
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def enter_job_root(view: dict[str, Any]) -> None:
    """Build the job's file system, and make it the root of this process, the first process of a PID namespace.

    Args:
        view: ``ml`` and ``runs_folder``: those folders. ``scratch``: a folder with the empty folders ``root``, ``tmp``
            and ``layer``, and the file ``hosts``. ``required``: paths that stay visible although they lie in hidden
            folders. ``writable``: more folders that the job can write to. ``network``: whether the job uses the
            network of the machine.

    Raises:
        KernelError: If a system call fails.
        OSError: If a file or folder of the new root cannot be created or read.
    """
    linux.unshare(linux.NEWNS | linux.NEWIPC | (0 if view["network"] else linux.NEWNET))
    # Before any mount: a shared "/" would propagate this process's mounts to the machine.
    linux.mount("none", "/", None, linux.REC | linux.PRIVATE)
    layer = WritableLayer(Path(view["scratch"], "layer"), list_mount_points(), view["writable"])
    root = f"{view['scratch']}/root"
    # In memory: on a disk, its hundred folders and files would take longer than the rest of the job's start.
    linux.mount("tmpfs", root, "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
    # Before "/" is bound: a recursive bind of a folder that contains the new root would mount it inside itself.
    linux.mount("none", root, None, linux.UNBINDABLE)
    _mount_machine(root, layer)
    _make_devices(f"{root}/dev")
    for name in ("tmp", "proc"):
        Path(root, name).mkdir()
    _mount_temporary_folders(view, root, layer)
    _hide_runs(view, root, layer)
    _mount_proc(f"{root}/proc")
    linux.bind(view["ml"], f"{root}/opt/ml")
    if Path(root, "etc/hosts").is_file():
        linux.bind(f"{view['scratch']}/hosts", f"{root}/etc/hosts")
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


def _mount_machine(root: str, layer: WritableLayer) -> None:
    """Show what lies in ``/``, except temporary folders, devices and processes, and with an empty ``/opt/ml``."""
    with os.scandir("/") as entries:
        for entry in entries:
            place = Path(root, entry.name)
            if entry.name in ("opt", "tmp", "dev", "proc"):
                continue
            if entry.name == "sys" or not entry.is_dir(follow_symlinks=False):
                show_read_only(entry.path, place)
            else:
                place.mkdir()
                layer.mount(entry.path, str(place))
    Path(root, "opt").mkdir()
    if Path("/opt").is_dir():
        layer.mount("/opt", f"{root}/opt", folders=["ml"])
    else:
        Path(root, "opt/ml").mkdir()


def _make_devices(folder: str) -> None:
    """Create ``/dev`` with the devices that every container has, and accelerators.

    Disks, terminals and memory are left out.
    """
    Path(folder).mkdir()
    with os.scandir("/dev") as entries:
        for entry in entries:
            if entry.name in _DEVICES or _ACCELERATOR_NAMES.fullmatch(entry.name):
                show_read_only(entry.path, Path(folder, entry.name))
    for name, suffix in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path(folder, name).symlink_to(f"/proc/self/fd{suffix}")
    Path(folder, "ptmx").symlink_to("pts/ptmx")
    Path(folder, "shm").mkdir()
    Path(folder, "pts").mkdir()
    flags = linux.NOSUID | linux.NOEXEC
    linux.mount("devpts", f"{folder}/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")


def _mount_temporary_folders(view: dict[str, Any], root: str, layer: WritableLayer) -> None:
    """Mount temporary folders of the job's own, and expose the required paths in them."""
    temporary = f"{view['scratch']}/tmp"
    linux.mount("tmpfs", f"{root}/dev/shm", "tmpfs", linux.NOSUID | linux.NODEV, "mode=1777")
    linux.bind(temporary, f"{root}/tmp")
    var_tmp = str(Path("/var/tmp").resolve())
    if Path(root + var_tmp).is_dir() and not is_below(var_tmp, "/tmp"):
        linux.bind(temporary, root + var_tmp)
    for path in view["required"]:
        if not os.access(root + path, os.F_OK):
            _expose(path, root, layer)


def _hide_runs(view: dict[str, Any], root: str, layer: WritableLayer) -> None:
    """Mount an empty folder over the folder of all runs, and expose the required paths in it."""
    runs_folder = view["runs_folder"]
    if not Path(root + runs_folder).is_dir():
        return
    linux.mount("tmpfs", root + runs_folder, "tmpfs", linux.NOSUID | linux.NODEV, "mode=755")
    for path in view["required"]:
        if is_below(path, runs_folder):
            _expose(path, root, layer)
    # Last: exposing a path creates its mount point in this folder.
    linux.make_read_only(root + runs_folder, recursive=False)


def _expose(path: str, root: str, layer: WritableLayer) -> None:
    target = Path(root + path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if Path(path).is_dir():
        target.mkdir()
        layer.mount(path, str(target))
    else:
        target.touch()
        mount_read_only(path, str(target))


def _mount_proc(folder: str) -> None:
    linux.mount("proc", folder, "proc", linux.NOSUID | linux.NODEV | linux.NOEXEC)
    for name in _PROC_READ_ONLY:
        path = f"{folder}/{name}"
        if os.access(path, os.F_OK):
            mount_read_only(path, path)


def _bring_up_loopback() -> None:
    get_flags, set_flags, up = 0x8913, 0x8914, 1  # netdevice(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        (flags,) = struct.unpack_from(
            "h", fcntl.ioctl(any_socket, get_flags, struct.pack("16sh22x", b"lo", 0)), 16
        )
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", flags | up))
