"""The scripts that the SDKs, and dagcast, put between a container's command and the user's own script."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from dagcast.runner.executor import StepFailedError, StepRun
from dagcast.runner.files import ArchiveError, unpack
from dagcast.runner.launch.command import ML_PATH

_ARCHIVE = "sourcedir.tar.gz"
_DRIVERS = "sm_drivers"
"""The channel of SDK 3's drivers. Source: ``sagemaker.train.constants`` of the SageMaker Python SDK 3."""

_REPACKING = "_repack_model.py"
"""The script that the SDKs put beside a model's own code. Source: ``sagemaker.workflow._utils``, ``REPACK_SCRIPT``."""

_TESTED = re.compile(r"-f '?([\w./ -]+\.txt)'?")


def settle_paths(run: StepRun, folders: list[Path], ml: Path) -> None:
    """Where :data:`ML_PATH` is not mounted, put the real folder into scripts that were not written by the user.

    Args:
        run: The attempt.
        folders: The folders of those scripts, but for the one that the SDKs put beside the user's.
        ml: The real folder.
    """
    if run.launcher.isolation != "paths":
        return
    if shlex.quote(str(ml)) != str(ml):
        run.warn(
            f"{ml}: a shell script cannot name this folder plainly; choose a runs folder without such characters"
        )
        return
    scripts = [script for folder in folders for kind in ("*.sh", "*.py") for script in folder.rglob(kind)]
    scripts += [folder / _REPACKING for folder in (ml / "code", ml / "input" / "data" / "code")]
    for script in scripts:
        text = script.read_bytes() if script.is_file() else b""
        if ML_PATH.encode() in text:
            script.write_bytes(text.replace(ML_PATH.encode(), str(ml).encode()))


def processing_requirements(run: StepRun, code: Path, launchers: list[Path]) -> tuple[Path, str] | None:
    """The requirements that a FrameworkProcessor's script will install.

    The archive is unpacked here first, which also refuses one that would write outside its folder.

    Args:
        run: The attempt.
        code: The folder of the input ``code``.
        launchers: The shell scripts that may unpack and install it.

    Returns:
        A folder and the name of the file in it; ``None`` if there is none.

    Raises:
        StepFailedError: If the archive is refused.
    """
    archive = code / _ARCHIVE
    if not archive.is_file() or not launchers:
        return None
    source = run.folder / "source"
    unpack_code(archive, source)
    named = [
        name for script in launchers for name in _TESTED.findall(script.read_text("utf-8", errors="replace"))
    ]
    return next(((source, name) for name in (*named, "requirements.txt") if _is_inside(source, name)), None)


def driver_requirements(data: Path) -> tuple[Path, str] | None:
    """The requirements that SDK 3's ``sm_train.sh`` will install: a folder and the name of the file in it."""
    described = data / _DRIVERS / "sourcecode.json"
    code = data / "code"
    if not described.is_file():
        return None
    try:
        name = json.loads(described.read_text("utf-8")).get("requirements")
    except (ValueError, AttributeError):
        return None
    if not isinstance(name, str):
        return None
    name = "requirements.txt" if name == "auto" else name
    return (code, name) if _is_inside(code, name) else None


def _is_inside(folder: Path, name: str) -> bool:
    return (folder / name).is_file() and (folder / name).resolve().is_relative_to(folder.resolve())


def before_drivers_words(told: str, log: str) -> str | None:
    """What the user's script said last, where SDK 3's driver only says that a command failed.

    The driver prints the script's output, then what it says in the failure file: a traceback of its own.

    Args:
        told: What is in the failure file.
        log: The end of the job's standard output.
    """
    if f"/{_DRIVERS}/" not in told:
        return None
    before, found, _ = log.rpartition("Command failed with exit code")
    return before if found else None


def unpack_code(archive: Path, folder: Path) -> None:
    """Unpack an archive of code.

    Raises:
        StepFailedError: If it is no archive, or a member would land outside the folder.
    """
    try:
        unpack(archive, folder)
    except ArchiveError as error:
        raise StepFailedError(f"ClientError: {error}") from error
