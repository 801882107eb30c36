"""Shared by all jobs: their environment, their folders, and the reasons of failures."""

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
from dagcast.runner.container.driver_scripts import extract_script_output
from dagcast.runner.container.failure_hints import hint_credentials, hint_image_module
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepStoppedError
from dagcast.runner.launch.command import DONT_WRITE_BYTECODE, HOST, ML_PATH, Exit
from dagcast.runner.records.logs import read_log_end
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS

MAX_MESSAGE_CHARACTERS = 1024
"""Maximum length of a failure reason or exit message.

Source: SageMaker Developer Guide, "How Amazon SageMaker Signals Algorithm Success and Failure" and "Save and Access
Metadata Information About Your Processing Job".
"""

INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
"""The exception type, in retry policies, of a job that was killed: the script did not cause it, so a retry may help.

Source: SageMaker Developer Guide, "Retry Policy for Pipeline Steps".
"""

_SIGKILL_EXIT_CODE = 128 + signal.SIGKILL

_INHERITED_VARIABLES = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}
)

_NO_MOUNT_HINT = (
    "it does not exist without a mount namespace; take paths from arguments or SM_* variables, or run"
    " on Linux with user namespaces, or with --runner docker"
)

_READ_ONLY = "Read-only file system"
"""The error message of the system for EROFS."""

_INSTALL_HINT = "packages are installed from a requirements.txt next to the script"

_TAIL_BYTES = 64 * 1024

_MIN_FREE_BYTES = 64 * 1024
"""A disk with fewer free bytes counts as full."""


def base_environment(attempt: StepAttempt) -> dict[str, str]:
    """Return the variables that every job gets, as they are inside the container.

    Of this machine's variables, a job inherits those of programs, language, time zone and GPUs. It gets no credentials,
    tokens or proxies. Its home is :data:`ML_PATH`, so it finds no ``~/.aws``. A container keeps its image's variables.
    """
    environment = {
        "AWS_REGION": attempt.place.region,
        "AWS_DEFAULT_REGION": attempt.place.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "UTF-8",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    if attempt.launcher.isolation != "namespace":
        # In a namespace, bytecode goes to a folder of its own. Else it would lie in outputs and the user's environment.
        environment[DONT_WRITE_BYTECODE] = "1"
    if attempt.launcher.isolation == "docker":
        return environment
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED_VARIABLES or name.startswith("LC_")
    }
    if site.ENABLE_USER_SITE:
        inherited["PYTHONUSERBASE"] = site.getuserbase()
    return {**inherited, **environment, "HOME": ML_PATH}


def utc_now() -> str:
    """Return the current time in the format of Describe responses as JSON."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def make_folders(ml: Path, *names: str) -> None:
    """Create the folder that stands for :data:`ML_PATH`, and empty folders in it.

    Args:
        ml: The folder. Its parent exists, and it does not.
        names: Relative paths of the empty folders. Missing parents are created.
    """
    ml.mkdir()
    for name in names:
        (ml / name).mkdir(parents=True, exist_ok=True)


def write_config(ml: Path, name: str, value: Any) -> None:
    """Write a configuration file of the container; ``name`` is its path relative to :data:`ML_PATH`."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    with (ml / name).open("xb") as file:
        file.write(text.encode())


def resource_config(instance_type: str) -> dict[str, Any]:
    """Return the content of ``resourceconfig.json`` for a job on one host.

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


def warn_about_instance_count(attempt: StepAttempt, count: Any) -> None:
    """Warn that a job with several instances runs on one."""
    if str(count).isdigit() and int(count) > 1:
        attempt.warn(f"InstanceCount is {count}: a local run starts one, host {HOST}, which gets all data")


def resolve_container_path(ml: Path, path: str) -> Path:
    """Return the path on this machine of a container path, after checking that no link redirects it.

    Args:
        ml: The folder that stands for :data:`ML_PATH`.
        path: An absolute path below :data:`ML_PATH`.

    Raises:
        StepFailedError: If the path is not below it, or the job created a link on the way.
    """
    parts = [part for part in path.removeprefix(ML_PATH).split("/") if part]
    if not path.startswith(f"{ML_PATH}/") or ".." in parts:
        raise StepFailedError(f"ClientError: {path} is not below {ML_PATH}")
    target = ml
    for part in parts:
        target /= part
        if target.is_symlink():
            raise StepFailedError(
                f"ClientError: {path} is a link or below one, which a step's output must not be"
            )
    return target


def make_readable(ml: Path) -> None:
    """Restore this user's permissions to read and remove everything that a job left.

    SageMaker reads it as root. Files of other users stay unchanged.
    """
    pending = [ml]
    while pending:
        folder = pending.pop()
        with suppress(PermissionError, FileNotFoundError):
            _add_permissions(folder, folder.lstat().st_mode, 0o700)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        with suppress(PermissionError):
                            _add_permissions(
                                Path(entry.path), entry.stat(follow_symlinks=False).st_mode, 0o400
                            )


def _add_permissions(path: Path, mode: int, wanted: int) -> None:
    if mode & wanted != wanted:
        path.chmod(stat.S_IMODE(mode) | wanted)


def read_message_file(path: Path, characters: int = MAX_MESSAGE_CHARACTERS) -> str | None:
    """Return the start of a file in which a job left a message; ``None`` if it is missing, empty or not a regular file.

    Args:
        path: The file. It is opened without following a link or waiting for a pipe, because the job may have made it.
        characters: The maximum length of the message.

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


def read_last_lines(log: Path, lines: int = 12, characters: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Return the last lines of a log of any size; an empty string if it is missing."""
    return take_last_lines(read_log_end(log, _TAIL_BYTES), lines, characters)


def take_last_lines(text: str, lines: int = 12, characters: int = MAX_MESSAGE_CHARACTERS) -> str:
    """Return the last lines of a text that are not empty, up to a number of characters."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])[-characters:].strip()


def check_exit(
    exit: Exit,
    attempt: StepAttempt,
    stdout: Path,
    stderr: Path,
    *,
    limit: float | None = None,
    failure: Path | None = None,
) -> None:
    """Raise the error of a job that did not succeed.

    The reason has SageMaker's form: the content of the failure file, or else the last lines of the log, then the exit
    code. Source: SageMaker Developer Guide, "How Amazon SageMaker Signals Algorithm Success and Failure".

    Args:
        exit: How the job's process ended.
        attempt: The attempt at the step.
        stdout: The log of its standard output.
        stderr: The log of its standard error.
        limit: Its time limit in seconds, for the message.
        failure: The file in which the job can write why it failed.

    Raises:
        StepFailedError: If it failed, could not start, or exceeded its time limit.
        StepStoppedError: If it was ended because the run is stopping.
    """
    if exit.stopped or (attempt.stop.is_set() and exit.code != 0):
        raise StepStoppedError(f"step {attempt.step.name} was stopped")
    log = stderr if stderr.exists() and stderr.stat().st_size else stdout
    if exit.lost:
        raise StepFailedError(f"InternalServerError: {exit.problem}", kind=INTERNAL_ERROR, log=log)
    if exit.problem is not None:
        raise StepFailedError(f"ClientError: the job could not be started: {exit.problem}", log=log)
    if exit.timed_out:
        seconds = "" if limit is None else f" ({limit:g})"
        raise StepFailedError(f"the job exceeded MaxRuntimeInSeconds{seconds} and was ended", log=log)
    if exit.code == 0:
        return
    message = _read_failure_file(failure) or read_last_lines(stderr) or read_last_lines(stdout)
    script_output = extract_script_output(message, read_log_end(stdout, _TAIL_BYTES))
    if script_output is not None:
        message, log = take_last_lines(script_output), stdout
    code = 128 + exit.signal if exit.signal is not None else exit.code
    reason = (
        f"AlgorithmError: {message}, exit code: {code}" if message else f"AlgorithmError: exit code: {code}"
    )
    kind = INTERNAL_ERROR if code == _SIGKILL_EXIT_CODE else None
    outputs = (message, read_log_end(stderr, _TAIL_BYTES), read_log_end(stdout, _TAIL_BYTES))
    hints = (
        _describe_signal(code),
        hint_credentials(attempt, outputs),
        hint_image_module(attempt, outputs),
        _hint_unmounted_script(attempt, outputs) or _hint_write_access(attempt, outputs),
        _hint_full_disk(attempt.folder),
        _hint_debug(attempt, message),
    )
    raise StepFailedError(reason + "".join(hints), kind=kind, log=log)


def _hint_debug(attempt: StepAttempt, message: str) -> str:
    """Return how to use a breakpoint: without a terminal, pdb ends the script with its own exception."""
    if "bdb.BdbQuit" not in message:
        return ""
    return f" (a breakpoint needs a terminal: use --debug {attempt.step.name})"


def _read_failure_file(failure: Path | None) -> str | None:
    if failure is None:
        return None
    try:
        return read_message_file(failure)
    except UnicodeDecodeError:
        return f"{failure.name} is not UTF-8"


def _describe_signal(code: int | None) -> str:
    if code is None or code <= 128:
        return ""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return ""
    memory = ", possibly because memory ran out" if name == "SIGKILL" else ""
    return f" (killed by {name}{memory})"


def _hint_unmounted_script(attempt: StepAttempt, outputs: Sequence[str]) -> str:
    """Return a hint for a script that seems to have used :data:`ML_PATH` where it is not mounted."""
    if attempt.launcher.isolation != "paths" or not any(ML_PATH in text for text in outputs):
        return ""
    return f". The script uses {ML_PATH}: {_NO_MOUNT_HINT}"


def _hint_write_access(attempt: StepAttempt, outputs: Sequence[str]) -> str:
    """Return a hint for a script that seems to have been denied writing to a file."""
    isolation = attempt.launcher.isolation
    # In a namespace a job writes to a layer over the machine's folders; a few cannot have one, and are read-only.
    errors = {"namespace": (_READ_ONLY,), "paths": (_READ_ONLY, "Permission denied")}.get(isolation, ())
    if not any(error in text for error in errors for text in outputs):
        return ""
    if isolation == "namespace":
        return f". This machine shows that folder read-only to a job; {_INSTALL_HINT}"
    in_tmp = attempt.folder.resolve().is_relative_to(os.path.realpath("/tmp"))
    where = "$TMPDIR, because the runs are in /tmp" if in_tmp else "temporary folders"
    return f". With --runner paths a job can only write to {ML_PATH} and {where}; {_INSTALL_HINT}"


def _hint_full_disk(folder: Path) -> str:
    """Return a hint if the disk is full, which the job could not write down."""
    disk = os.statvfs(folder)
    return f". The disk is full: {folder}" if disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES else ""


def hint_unmounted_path(attempt: StepAttempt) -> str:
    """Return a hint for a job that left nothing where :data:`ML_PATH` is not mounted."""
    return (
        f"; if the script uses {ML_PATH}: {_NO_MOUNT_HINT}" if attempt.launcher.isolation == "paths" else ""
    )


def request_environment(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that a request sets in its container."""
    return {str(name): str(value) for name, value in (request.get("Environment") or {}).items()}


def runtime_limit(request: Mapping[str, Any]) -> float:
    """Return the time limit of a job, in seconds."""
    return float(
        (request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_RUN_TIME_SECONDS)
    )


def has_files(folder: Path) -> bool:
    """Whether a job left files in a folder, even files that cannot be uploaded. S3 has no empty folders."""
    return folder.is_dir() and any(path.is_symlink() or not path.is_dir() for path in folder.rglob("*"))


@contextmanager
def collecting(description: str) -> Iterator[None]:
    """Fail the step if what its job left cannot be collected.

    Raises:
        StepFailedError: If the folder contains what must not be uploaded, such as a link out of it.
    """
    try:
        yield
    except DagcastError as error:
        raise StepFailedError(f"ClientError: {description} cannot be collected: {error}") from error


def request_without(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return the fields of a request that a Describe response repeats: all but ``names``."""
    return {key: value for key, value in request.items() if key not in names}
