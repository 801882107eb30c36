"""Linux system calls that Python does not offer, called through the C library."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
import struct
import sys
from pathlib import Path

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
"""Kinds of namespaces. Source: clone(2)."""

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT = 1, 2, 4, 8, 32
BIND, REC, UNBINDABLE, PRIVATE = 0x1000, 0x4000, 1 << 17, 1 << 18
"""Flags of mounts. Source: mount(2)."""

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = (
    1,
    4,
    24,
    36,
    38,
)
"""Options of prctl. Source: prctl(2)."""

_MOUNT_OPTION_FLAGS = {
    "nosuid": NOSUID,
    "nodev": NODEV,
    "noexec": NOEXEC,
    "noatime": 1024,
    "nodiratime": 2048,
    "relatime": 1 << 21,
}
"""Flags that a remount must repeat, by their names in mountinfo."""

_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _MNT_DETACH = -100, 0x8000, 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "loongarch64": 41, "ppc64le": 203, "s390x": 217}
"""Number of a system call that the C library does not wrap, by machine. Source: the kernel's system call tables."""

_EXECUTE, _WRITE_FILE, _READ_FILE, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 14
LIST_RIGHT = 1 << 3
READ_RIGHTS = _EXECUTE | _READ_FILE | LIST_RIGHT
ALL_RIGHTS = (1 << 15) - 1
"""Access rights of Landlock to files and folders, as of its third ABI version. Source: landlock(7)."""

_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1

if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)


class KernelError(Exception):
    """A system call failed.

    Attributes:
        number: The error number, as in :mod:`errno`.
    """

    def __init__(self, call: str, number: int) -> None:
        self.number = number
        super().__init__(f"{call}: {os.strerror(number)}")


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process.

    Raises:
        KernelError: If the call fails.
    """
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def drop_capabilities() -> None:
    """Drop all capabilities from the bounding set, so that the program this process executes has none, even as root.

    Raises:
        KernelError: If the call fails, for example because this process has no capability to drop.
    """
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability)


def unshare(flags: int) -> None:
    """Move this process to new namespaces of the given kinds. For a PID namespace, its next child is the first member.

    Raises:
        KernelError: If the call fails.
    """
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, or change the flags of a mount.

    Raises:
        KernelError: If the call fails.
    """
    source_, target_, kind_, options_ = (
        None if text is None else os.fsencode(text) for text in (source, target, kind, options)
    )
    result = _libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), options_)
    _check(result, f"mount of {kind or source} on {target}")


def bind(source: str, target: str) -> None:
    """Mount a file or folder, with everything mounted below it, at a second place.

    Raises:
        KernelError: If the call fails.
    """
    mount(source, target, None, BIND | REC)


def pivot_root(root: str) -> None:
    """Make the mount ``root`` the root of this mount namespace, and detach the old root.

    Raises:
        KernelError: If the call fails.
    """
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise KernelError(f"pivot_root on {os.uname().machine}", errno.ENOSYS)
    os.chdir(root)
    # This sequence is that of pivot_root(2): the old root is stacked on the new one at "/", which needs no folder
    # for it, and is the topmost mount there, so umount2 of "." detaches it.
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount of the old root")
    os.chdir("/")


class _MountAttributes(ctypes.Structure):
    """Linux's ``struct mount_attr``."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


def make_read_only(path: str, *, recursive: bool = True) -> None:
    """Make a mount read-only; with ``recursive``, the mounts below it too.

    Raises:
        KernelError: If the call fails.
    """
    attributes = _MountAttributes(set=RDONLY)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_long(_AT_FDCWD),
        os.fsencode(path),
        ctypes.c_long(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(attributes),
        ctypes.c_long(ctypes.sizeof(attributes)),
    )
    if result != 0 and ctypes.get_errno() in (errno.ENOSYS, errno.EPERM):
        remount_read_only(
            path, recursive=recursive
        )  # a kernel before 5.12, or a sandbox that does not know the call
    else:
        _check(result, f"making {path} read-only")


def remount_read_only(path: str, *, recursive: bool = True) -> None:
    """Do the same one mount at a time, for kernels without mount_setattr.

    Raises:
        KernelError: If a call fails.
    """
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        _, _, _, _, escaped, options, *_ = line.split(" ")
        mount_point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), escaped)
        if mount_point != path and not (recursive and mount_point.startswith(f"{path}/")):
            continue
        repeated = sum(_MOUNT_OPTION_FLAGS.get(option, 0) for option in options.split(","))
        try:
            mount("none", mount_point, None, REMOUNT | BIND | RDONLY | repeated)
        except KernelError as error:
            # A mount that is covered by another, or that belongs to another user, cannot be reached by a job either.
            if error.number not in (errno.ENOENT, errno.EACCES):
                raise


_RULESET_ATTRIBUTES = struct.Struct("=QQQ")
"""Linux's ``struct landlock_ruleset_attr``: handled file rights, handled network rights, scopes."""

_SCOPE_SIGNAL = 1 << 1
"""``LANDLOCK_SCOPE_SIGNAL``, since ABI version 6 (Linux 6.12): no signals to processes outside the domain."""

_PATH_BENEATH_ATTRIBUTES = struct.Struct("=Qi")
"""Linux's ``struct landlock_path_beneath_attr``."""


def landlock_rights() -> int:
    """Return the access rights that the kernel's Landlock can restrict; 0 if it cannot be used.

    ABI version 1 denies moving files between folders to every process, which breaks jobs, so it is not used. Version 2
    (Linux 5.19) cannot restrict truncation.
    """
    version = landlock_version()
    if version < 2:
        return 0
    return ALL_RIGHTS if version >= 3 else ALL_RIGHTS & ~_TRUNCATE


def landlock_version() -> int:
    """Return the ABI version of Landlock; less than 1 if the kernel lacks it or disables it."""
    call = ctypes.c_long(_LANDLOCK_CREATE_RULESET)
    version: int = _libc.syscall(call, None, ctypes.c_size_t(0), ctypes.c_uint32(_LANDLOCK_VERSION))
    return version


def landlock_create_ruleset(rights: int) -> int:
    """Create a ruleset that denies ``rights`` everywhere and signals to outside processes, and return its descriptor.

    Before Linux 6.12, signals are not restricted.

    Raises:
        KernelError: If the call fails.
    """
    has_signal_scope = landlock_version() >= 6
    ruleset = (
        _RULESET_ATTRIBUTES.pack(rights, 0, _SCOPE_SIGNAL)
        if has_signal_scope
        else _RULESET_ATTRIBUTES.pack(rights, 0, 0)[:8]
    )
    descriptor: int = _libc.syscall(
        ctypes.c_long(_LANDLOCK_CREATE_RULESET), ruleset, ctypes.c_size_t(len(ruleset)), ctypes.c_uint32(0)
    )
    if descriptor < 0:
        raise KernelError("landlock_create_ruleset", ctypes.get_errno())
    return descriptor


def landlock_add_rule(ruleset: int, descriptor: int, rights: int) -> None:
    """Allow rights on a file, or on a folder and everything below it.

    Raises:
        KernelError: If the call fails.
    """
    folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    result = _libc.syscall(
        ctypes.c_long(_LANDLOCK_ADD_RULE),
        ctypes.c_int(ruleset),
        ctypes.c_int(_LANDLOCK_PATH_BENEATH),
        _PATH_BENEATH_ATTRIBUTES.pack(rights if folder else rights & _FILE_RIGHTS, descriptor),
        ctypes.c_uint32(0),
    )
    _check(result, "landlock_add_rule")


def landlock_restrict_self(ruleset: int) -> None:
    """Restrict this process to a ruleset. ``PR_SET_NO_NEW_PRIVS`` must be set before.

    Raises:
        KernelError: If the call fails.
    """
    call = ctypes.c_long(_LANDLOCK_RESTRICT_SELF)
    _check(_libc.syscall(call, ctypes.c_int(ruleset), ctypes.c_uint32(0)), "landlock_restrict_self")


def _check(result: int, call: str) -> None:
    if result != 0:
        raise KernelError(call, ctypes.get_errno())
