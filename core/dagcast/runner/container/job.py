"""What all jobs share: their folders, their environment, and why they failed."""

from __future__ import annotations

import codecs
import json
import os
import signal
import site
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.errors import DagcastError
from dagcast.runner.container.drivers import before_drivers_words
from dagcast.runner.executor import StepFailedError, StepRun, StepStoppedError
from dagcast.runner.launch.command import ML_PATH, Exit
from dagcast.runner.logs import end_of
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS

HOST = "algo-1"
"""The name of the only host. Source: SageMaker Developer Guide, "Distributed Training Configuration"."""

TOLD_CHARACTERS = 1024
"""How much of a failure file or exit message is kept. Source: SageMaker Developer Guide, "How Amazon SageMaker Signals
Algorithm Success and Failure" and "Save and Access Metadata Information About Your Processing Job"."""

INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
"""What a retry policy calls the failure of a job that was killed: no script kills itself so, and the machine may do
better the next time. Source of the name: SageMaker Developer Guide, "Retry Policy for Pipeline Steps"."""

_KILLED = 128 + signal.SIGKILL

_KEPT = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"})

_UNMOUNTED = (
    "its folder is not there without a mount namespace; take paths from arguments or from the SM_* variables, or run it"
    " on Linux with user namespaces, or with --runner docker"
)

_REFUSED = ("Permission denied", "Read-only file system")
"""What the system says to a program that writes where it may not: EACCES and EROFS."""

_TAIL_BYTES = 64 * 1024

_ROOM = 64 * 1024
"""Bytes: with less than that, a disk is as good as full."""


def base_environment(run: StepRun) -> dict[str, str]:
    """The variables that every job gets, in the container's terms.

    Of this machine's own variables a job gets where programs are, the language, the time zone and which GPUs there
    are, and nothing else: no credentials, tokens or proxies. Its home is its own :data:`ML_PATH`, so it finds no
    ``~/.aws``. In a container of its own, all of those are the image's.
    """
    environment = {
        "AWS_REGION": run.region,
        "AWS_DEFAULT_REGION": run.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    if run.launcher.isolation == "docker":
        return environment
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    if site.ENABLE_USER_SITE:
        kept["PYTHONUSERBASE"] = site.getuserbase()
    return {**kept, **environment, "HOME": ML_PATH}


def now() -> str:
    """This moment, as a Describe response has it in JSON."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def make_folders(ml: Path, *names: str) -> None:
    """Make the folder that is the job's :data:`ML_PATH`, which must not exist, with these empty folders in it.

    Args:
        ml: The folder; the one that it is in exists.
        names: Relative paths of folders below it; those above them are made too.
    """
    ml.mkdir()
    for name in names:
        (ml / name).mkdir(parents=True, exist_ok=True)


def write_json(ml: Path, name: str, value: Any) -> None:
    """Write a configuration file of the container, whose relative path below :data:`ML_PATH` is ``name``."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    with (ml / name).open("xb") as file:
        file.write(text.encode())


def resource_config(instance_type: str) -> dict[str, Any]:
    """``resourceconfig.json`` of a job on one host.

    Source: SageMaker Developer Guide, "Distributed Training Configuration".
    """
    group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": [HOST]}
    return {
        "current_host": HOST,
        "current_instance_type": instance_type,
        "current_group_name": group["instance_group_name"],
        "hosts": [HOST],
        "instance_groups": [group],
        "network_interface_name": "eth0",
    }


def warn_of_hosts(run: StepRun, count: Any) -> None:
    """Tell the user that a job of several instances runs on one."""
    if str(count).isdigit() and int(count) > 1:
        run.warn(
            f"InstanceCount is {count}: here the job runs once, as host {HOST}, and gets all of the data"
        )


def place(ml: Path, path: str) -> Path:
    """Where a path of the container lies on this machine, checked again after the job had its way with the folders.

    Args:
        ml: The folder that is the job's :data:`ML_PATH`.
        path: An absolute path below :data:`ML_PATH`.

    Raises:
        StepFailedError: If the path is not below it, or the job put a link in its way.
    """
    parts = [part for part in path.removeprefix(ML_PATH).split("/") if part]
    if not path.startswith(f"{ML_PATH}/") or ".." in parts:
        raise StepFailedError(f"ClientError: {path} is no path below {ML_PATH}")
    target = ml
    for part in parts:
        target /= part
        if target.is_symlink():
            raise StepFailedError(f"ClientError: {path} is a link, or below one: nothing is taken from there")
    return target


def take_back(ml: Path) -> None:
    """Let this user read and remove all that a job left, whatever permissions it took away.

    SageMaker reads it as root. What belongs to somebody else stays as it is.
    """
    pending = [ml]
    while pending:
        folder = pending.pop()
        with suppress(PermissionError, FileNotFoundError):
            _allow(folder, folder.lstat().st_mode, 0o700)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        with suppress(PermissionError):
                            _allow(Path(entry.path), entry.stat(follow_symlinks=False).st_mode, 0o400)


def _allow(path: Path, mode: int, wanted: int) -> None:
    if mode & wanted != wanted:
        path.chmod(stat.S_IMODE(mode) | wanted)


def read_told(path: Path, characters: int = TOLD_CHARACTERS) -> str | None:
    """The beginning of a file that a job left to be read; ``None`` if there is no such regular file, or it is empty.

    Raises:
        UnicodeDecodeError: If it is not UTF-8.
    """
    if path.parent.is_symlink():
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        piece = os.read(descriptor, 4 * characters)
    finally:
        os.close(descriptor)
    # A character that is cut in two at the end of the piece is left out.
    text = codecs.getincrementaldecoder("utf-8")().decode(piece, final=len(piece) < 4 * characters)
    return text[:characters].strip() or None


def tail(log: Path, lines: int = 12, characters: int = TOLD_CHARACTERS) -> str:
    """The last lines of a log, however long it is; empty if there is none."""
    return last_lines(end_of(log, _TAIL_BYTES), lines, characters)


def last_lines(text: str, lines: int = 12, characters: int = TOLD_CHARACTERS) -> str:
    """The last lines of a text that are not empty, and no more characters of them."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])[-characters:].strip()


def check_exit(
    exit: Exit,
    run: StepRun,
    stdout: Path,
    stderr: Path,
    *,
    limit: float | None = None,
    failure: Path | None = None,
) -> None:
    """Do nothing if the process of a job ended well.

    The reason of a failure has SageMaker's form: what the job wrote into its failure file, else the last lines of its
    log, then the exit code. Source: SageMaker Developer Guide, "How Amazon SageMaker Signals Algorithm Success and
    Failure".

    Args:
        exit: How it ended.
        run: The attempt.
        stdout: The log of its standard output.
        stderr: The log of its standard error.
        limit: The seconds it had.
        failure: The file in which it may say why it failed.

    Raises:
        StepFailedError: If it failed, could not be started or ran for too long.
        StepStoppedError: If it ended since the run is being stopped.
    """
    if exit.stopped or (run.stop.is_set() and exit.code != 0):
        raise StepStoppedError(f"step {run.step.name} was stopped")
    log = stderr if stderr.exists() and stderr.stat().st_size else stdout
    if exit.lost:
        raise StepFailedError(f"InternalServerError: {exit.problem}", kind=INTERNAL_ERROR, log=log)
    if exit.problem is not None:
        raise StepFailedError(f"ClientError: the job could not be started: {exit.problem}", log=log)
    if exit.timed_out:
        seconds = "" if limit is None else f" ({limit:g})"
        raise StepFailedError(
            f"the job ran for longer than MaxRuntimeInSeconds{seconds} and was ended", log=log
        )
    if exit.code == 0:
        return
    told = _told(failure) or tail(stderr) or tail(stdout)
    words = before_drivers_words(told, end_of(stdout, _TAIL_BYTES))
    if words is not None:
        told, log = last_lines(words), stdout
    code = 128 + exit.signal if exit.signal is not None else exit.code
    reason = f"AlgorithmError: {told}, exit code: {code}" if told else f"AlgorithmError: exit code: {code}"
    kind = INTERNAL_ERROR if code == _KILLED else None
    said = (told, end_of(stderr, _TAIL_BYTES), end_of(stdout, _TAIL_BYTES))
    hints = (_killed(code), _hard_coded(run, said) or _outside(run, said), _full(run.folder))
    raise StepFailedError(reason + "".join(hints), kind=kind, log=log)


def _told(failure: Path | None) -> str | None:
    if failure is None:
        return None
    try:
        return read_told(failure)
    except UnicodeDecodeError:
        return f"what {failure.name} says is not UTF-8"


def _killed(code: int | None) -> str:
    if code is None or code <= 128:
        return ""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return ""
    memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f" (killed by {name}{memory})"


def _hard_coded(run: StepRun, said: Sequence[str]) -> str:
    """Where :data:`ML_PATH` is not mounted: say so to a script that seems to have looked for it."""
    if run.launcher.isolation != "paths" or not any(ML_PATH in text for text in said):
        return ""
    return f". The script names {ML_PATH}: {_UNMOUNTED}"


def _outside(run: StepRun, said: Sequence[str]) -> str:
    """To a script that seems to have been kept from writing somewhere: say where it may."""
    if run.launcher.isolation == "docker" or not any(word in text for word in _REFUSED for text in said):
        return ""
    in_tmp = run.launcher.isolation == "paths" and run.folder.resolve().is_relative_to(
        os.path.realpath("/tmp")
    )
    where = "$TMPDIR alone, as the runs are in /tmp" if in_tmp else "temporary folders alone"
    return f". A job writes to {ML_PATH} and to {where}: elsewhere, what it leaves is lost in SageMaker"


def _full(folder: Path) -> str:
    """On a disk without room: say so for the job, which could not write it down."""
    disk = os.statvfs(folder)
    return f". The disk is full: {folder}" if disk.f_bavail * disk.f_frsize < _ROOM else ""


def elsewhere(run: StepRun) -> str:
    """What to add when a job left nothing where :data:`ML_PATH` is not mounted: it may have written beside it."""
    return (
        f"; if the script names {ML_PATH} itself: {_UNMOUNTED}" if run.launcher.isolation == "paths" else ""
    )


def own_variables(request: Mapping[str, Any]) -> dict[str, str]:
    """The variables that a request gives to its container."""
    return {str(name): str(value) for name, value in (request.get("Environment") or {}).items()}


def runtime_limit(request: Mapping[str, Any]) -> float:
    """The seconds that a job may run."""
    return float(
        (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_RUN_TIME_SECONDS)
    )


def has_files(folder: Path) -> bool:
    """Whether a job left anything in a folder, even what cannot be handed over; S3 has no empty folders."""
    return folder.is_dir() and any(path.is_symlink() or not path.is_dir() for path in folder.rglob("*"))


@contextmanager
def taking(what: str) -> Iterator[None]:
    """Fail the step if what its job left cannot be taken.

    Raises:
        StepFailedError: If something in it must not be handed over.
    """
    try:
        yield
    except DagcastError as error:
        raise StepFailedError(f"ClientError: {what} cannot be taken: {error}") from error


def request_without(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What a Describe response repeats of a request: all but ``names``."""
    return {key: value for key, value in request.items() if key not in names}
