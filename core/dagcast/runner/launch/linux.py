"""Calls of the Linux kernel that Python does not have, by the C library."""

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
"""Properties of a process. Source: prctl(2)."""

_KEPT = {
    "nosuid": NOSUID,
    "nodev": NODEV,
    "noexec": NOEXEC,
    "noatime": 1024,
    "nodiratime": 2048,
    "relatime": 1 << 21,
}
"""By name in mountinfo: flags that a remount has to repeat."""

_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE, _MNT_DETACH = -100, 0x8000, 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "loongarch64": 41, "ppc64le": 203, "s390x": 217}
"""By machine: the number of a call that the C library does not have. Source: the kernel's tables of system calls."""

_EXECUTE, _WRITE_FILE, _READ_FILE, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 14
LIST_RIGHT = 1 << 3
READ_RIGHTS = _EXECUTE | _READ_FILE | LIST_RIGHT
ALL_RIGHTS = (1 << 15) - 1
"""Rights that Landlock gives to files and folders: those of its third version. Source: landlock(7)."""

_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1

if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)


class KernelError(Exception):
    """The kernel refused.

    Attributes:
        number: The error's number, as in :mod:`errno`.
    """

    def __init__(self, what: str, number: int) -> None:
        self.number = number
        super().__init__(f"{what}: {os.strerror(number)}")


def prctl(option: int, value: int) -> None:
    """Set a property of this process.

    Raises:
        KernelError: If the kernel refuses.
    """
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def drop_capabilities() -> None:
    """Have the program that this process becomes be without any capability, even if it is root's.

    Raises:
        KernelError: If the kernel forbids it, as it does to a process that has none to give up.
    """
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability)


def unshare(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones; with a PID namespace it is the next child that does.

    Raises:
        KernelError: If the kernel refuses.
    """
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """Mount a file system, or change how one is.

    Raises:
        KernelError: If the kernel refuses.
    """
    source_, target_, kind_, options_ = (
        None if text is None else os.fsencode(text) for text in (source, target, kind, options)
    )
    result = _libc.mount(source_, target_, kind_, ctypes.c_ulong(flags), options_)
    _check(result, f"mount of {kind or source} on {target}")


def bind(source: str, target: str) -> None:
    """Have a file or folder, with all that is mounted below it, at another place too.

    Raises:
        KernelError: If the kernel refuses.
    """
    mount(source, target, None, BIND | REC)


def pivot_root(root: str) -> None:
    """Make the mount ``root`` the root of this mount namespace, and let go of the old one.

    Raises:
        KernelError: If the kernel refuses.
    """
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise KernelError(f"pivot_root on {os.uname().machine}", errno.ENOSYS)
    os.chdir(root)
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount of the old root")
    os.chdir("/")


class _Attributes(ctypes.Structure):
    """Linux's ``struct mount_attr``."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


def make_read_only(path: str, *, recursive: bool = True) -> None:
    """Make a mount read-only, and all that are below it.

    Raises:
        KernelError: If the kernel refuses.
    """
    attributes = _Attributes(set=RDONLY)
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
    """The same for kernels that only do it mount by mount.

    Raises:
        KernelError: If the kernel refuses.
    """
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        _, _, _, _, escaped, options, *_ = line.split(" ")
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), escaped)
        if place != path and not (recursive and place.startswith(f"{path}/")):
            continue
        kept = sum(_KEPT.get(option, 0) for option in options.split(","))
        try:
            mount("none", place, None, REMOUNT | BIND | RDONLY | kept)
        except KernelError as error:
            # What lies under another mount cannot be reached, by a job neither; nor can what another user mounted.
            if error.number not in (errno.ENOENT, errno.EACCES):
                raise


_RULESET = struct.Struct("=QQQ")
"""Linux's ``struct landlock_ruleset_attr``: rights to files, rights to the network, what does not leave the domain."""

_SIGNALS_STAY = 1 << 1
"""``LANDLOCK_SCOPE_SIGNAL``, of the sixth version (Linux 6.12)."""

_PATH_BENEATH = struct.Struct("=Qi")
"""Linux's ``struct landlock_path_beneath_attr``."""


def landlock_rights() -> int:
    """The rights that the kernel's Landlock gives; none if it cannot be used.

    Its second version (Linux 5.19) lets everybody shorten files; its first lets nobody move one to another folder,
    which is too little for a job.
    """
    version = landlock_version()
    if version < 2:
        return 0
    return ALL_RIGHTS if version >= 3 else ALL_RIGHTS & ~_TRUNCATE


def landlock_version() -> int:
    """The version of Landlock that the kernel has; below 1 if it has none, or lets nobody use it."""
    call = ctypes.c_long(_LANDLOCK_CREATE_RULESET)
    version: int = _libc.syscall(call, None, ctypes.c_size_t(0), ctypes.c_uint32(_LANDLOCK_VERSION))
    return version


def landlock_rules(rights: int) -> int:
    """A descriptor of rules that allow nothing yet of what needs these rights, nor signals to processes outside.

    Before Linux 6.12 signals go everywhere.

    Raises:
        KernelError: If the kernel refuses.
    """
    scoped = landlock_version() >= 6
    rules = _RULESET.pack(rights, 0, _SIGNALS_STAY) if scoped else _RULESET.pack(rights, 0, 0)[:8]
    descriptor: int = _libc.syscall(
        ctypes.c_long(_LANDLOCK_CREATE_RULESET), rules, ctypes.c_size_t(len(rules)), ctypes.c_uint32(0)
    )
    if descriptor < 0:
        raise KernelError("landlock_create_ruleset", ctypes.get_errno())
    return descriptor


def landlock_allow(rules: int, descriptor: int, rights: int) -> None:
    """Allow what is done with a file, or with a folder and all that is below it.

    Raises:
        KernelError: If the kernel refuses.
    """
    folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    result = _libc.syscall(
        ctypes.c_long(_LANDLOCK_ADD_RULE),
        ctypes.c_int(rules),
        ctypes.c_int(_LANDLOCK_PATH_BENEATH),
        _PATH_BENEATH.pack(rights if folder else rights & _FILE_RIGHTS, descriptor),
        ctypes.c_uint32(0),
    )
    _check(result, "landlock_add_rule")


def landlock_enforce(rules: int) -> None:
    """Let this process do no more than the rules allow; it has to be without a way to get new privileges.

    Raises:
        KernelError: If the kernel refuses.
    """
    call = ctypes.c_long(_LANDLOCK_RESTRICT_SELF)
    _check(_libc.syscall(call, ctypes.c_int(rules), ctypes.c_uint32(0)), "landlock_restrict_self")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise KernelError(what, ctypes.get_errno())
