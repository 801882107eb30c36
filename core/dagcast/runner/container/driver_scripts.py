"""Handles the driver scripts that the SDKs and dagcast run between a container's command and the user's script."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from dagcast.runner.executors.executor import StepAttempt, StepFailedError
from dagcast.runner.files import ArchiveError, unpack
from dagcast.runner.launch.command import ML_PATH

_SOURCE_ARCHIVE = "sourcedir.tar.gz"
DRIVER_CHANNEL = "sm_drivers"
"""The channel of SDK 3's driver scripts. Source: ``sagemaker.train.constants`` of the SageMaker Python SDK 3."""

_REPACK_SCRIPT = "_repack_model.py"
"""The script that the SDKs add to a model's code. Source: ``sagemaker.workflow._utils``, ``REPACK_SCRIPT``."""

_REQUIREMENTS_TEST = re.compile(r"-f '?([\w./ -]+\.txt)'?")

_PIP = r"(?:(?:\"[^\"\n]*\"|\S+)\s+-m\s+pip|\$\{?SM_PIP_CMD\}?|\S*\bpip[\d.]*)"
_ARGUMENTS = r"(?:[^;|&\n]|(?<=[<>])&|&(?=>))*"
"""The rest of a shell command. ``&`` belongs to it in ``2>&1`` and ``&>file``."""

_INSTALLATION = re.compile(
    rf"(?m)(?<![^\s;|&({{])(?:{_PIP}\s+install\b(?={_ARGUMENTS}\s(?:-r|--requirement\b)){_ARGUMENTS}"
    rf"|\S+\s+\S*\binstall_requirements\.py\b{_ARGUMENTS}"
    rf"|(?P<typing>{_PIP}\s+uninstall\s+--yes\s+typing\b{_ARGUMENTS}))"
)
"""The commands by which driver scripts install requirements.

Sources: ``sagemaker.processing`` of the SDK 2, ``sagemaker.core.processing`` and ``sagemaker.train.templates`` of the
SDK 3, and the launcher of :mod:`dagcast.compile.steps.processing`.
"""


def rewrite_ml_paths(attempt: StepAttempt, folders: list[Path], ml: Path) -> None:
    """Replace ``/opt/ml`` by the real folder in scripts that the user did not write, if it is not mounted.

    Args:
        attempt: The attempt at the step.
        folders: The folders of those scripts. The SDKs' repack script next to the user's is always included.
        ml: The real folder.
    """
    if attempt.launcher.isolation != "paths":
        return
    if shlex.quote(str(ml)) != str(ml):
        attempt.warn(
            f"{ml}: a shell script cannot use this folder without quotes; use a runs folder without special characters"
        )
        return
    scripts = [script for folder in folders for kind in ("*.sh", "*.py") for script in folder.rglob(kind)]
    scripts += [folder / _REPACK_SCRIPT for folder in (ml / "code", ml / "input" / "data" / "code")]
    for script in scripts:
        text = script.read_bytes() if script.is_file() else b""
        if ML_PATH.encode() in text:
            script.write_bytes(text.replace(ML_PATH.encode(), str(ml).encode()))


def skip_installation(attempt: StepAttempt, scripts: Iterable[Path], requirements: str) -> None:
    """Prevent driver scripts from installing requirements that are installed already, or that the user disabled.

    Args:
        attempt: The attempt at the step.
        scripts: The driver scripts. Their other commands stay.
        requirements: The path of the requirements file, as the scripts name it.
    """
    if attempt.options.requirements and attempt.launcher.isolation == "docker":
        return

    def replace(found: re.Match[str]) -> str:
        command = found[0]
        if requirements not in command and not found["typing"]:
            return command
        return "true" + command[len(command.rstrip()) :]

    for script in scripts:
        text = script.read_bytes().decode("utf-8", "surrogateescape")
        changed = _INSTALLATION.sub(replace, text)
        if changed != text:
            script.write_bytes(changed.encode("utf-8", "surrogateescape"))


def find_processing_requirements(
    attempt: StepAttempt, code: Path, launchers: list[Path]
) -> tuple[Path, str] | None:
    """Find the requirements that the script of a FrameworkProcessor installs.

    The archive is unpacked for that, so one that writes outside its folder is refused.

    Args:
        attempt: The attempt at the step.
        code: The folder of the input ``code``.
        launchers: The shell scripts that may unpack and install it.

    Returns:
        A folder and the name of the requirements file in it; ``None`` if the file does not exist.

    Raises:
        StepFailedError: If the archive is refused.
    """
    archive = code / _SOURCE_ARCHIVE
    if not archive.is_file() or not launchers:
        return None
    source = attempt.folder / "source"
    unpack_code(archive, source)
    names = [
        name
        for script in launchers
        for name in _REQUIREMENTS_TEST.findall(script.read_text("utf-8", errors="replace"))
    ]
    return next(((source, name) for name in (*names, "requirements.txt") if _is_inside(source, name)), None)


def find_driver_requirements(data: Path) -> tuple[Path, str] | None:
    """Find the requirements that SDK 3's ``sm_train.sh`` installs: a folder and the name of the file in it."""
    configuration = data / DRIVER_CHANNEL / "sourcecode.json"
    code = data / "code"
    if not configuration.is_file():
        return None
    try:
        name = json.loads(configuration.read_text("utf-8")).get("requirements")
    except (ValueError, AttributeError):
        return None
    if not isinstance(name, str):
        return None
    name = "requirements.txt" if name == "auto" else name
    return (code, name) if _is_inside(code, name) else None


def _is_inside(folder: Path, name: str) -> bool:
    return (folder / name).is_file() and (folder / name).resolve().is_relative_to(folder.resolve())


def extract_script_output(message: str, log: str) -> str | None:
    """Return the output of the user's script, if the failure file only has the traceback of SDK 3's driver.

    The driver prints the script's output, and then its own message, which the failure file repeats.

    Args:
        message: The content of the failure file.
        log: The end of the job's standard output.
    """
    if f"/{DRIVER_CHANNEL}/" not in message:
        return None
    before, marker, _ = log.rpartition("Command failed with exit code")
    return before if marker else None


def unpack_code(archive: Path, folder: Path) -> None:
    """Unpack an archive of code.

    Raises:
        StepFailedError: If it is not an archive, or a member would be written outside the folder.
    """
    try:
        unpack(archive, folder)
    except ArchiveError as error:
        raise StepFailedError(f"ClientError: {error}") from error
