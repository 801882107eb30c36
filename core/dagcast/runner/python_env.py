"""Prepares the Python environment of a step: the current one, or a kept one made from ``requirements.txt``."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import platform
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagcast.runner.cache import digest_environment
from dagcast.runner.container.helper_process import POLL_SECONDS, run_program
from dagcast.runner.container.job import read_last_lines
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepStoppedError
from dagcast.runner.files import iter_files
from dagcast.runner.launch.filesystem_view import ENVIRONMENTS_FOLDER

_COMPLETE_MARKER = "whole"
"""The name of the file that marks a complete environment."""


def prepare_python(attempt: StepAttempt, requirements: tuple[Path, str] | None) -> Path:
    """Return the interpreter of a step, after creating its environment if needed.

    The environment that dagcast runs in replaces the image. A step with requirements gets an environment on top of it,
    as pip would install into the image: installed packages are found, and new ones come first. Only pip supports that;
    faster tools see one environment only. An environment is kept in the runs folder, by a digest of its inputs.

    Args:
        attempt: The attempt at the step.
        requirements: The folder of the step's code, and the name of the requirements file in it.

    Raises:
        StepFailedError: If the requirements cannot be installed.
        StepStoppedError: If the run is stopping.
    """
    if requirements is None or not attempt.options.requirements or attempt.launcher.isolation == "docker":
        return Path(sys.executable)
    folder, name = requirements
    environments = attempt.options.runs.resolve() / ENVIRONMENTS_FOLDER
    environments.mkdir(parents=True, exist_ok=True)
    environment = environments / _digest(folder, name)
    if not (environment / _COMPLETE_MARKER).exists():
        with _lock(environments / f".{environment.name}.lock", attempt) as lock:
            if not (environment / _COMPLETE_MARKER).exists():
                _create_environment(attempt, folder, name, environment, lock)
    return environment / "bin" / "python"


def _digest(folder: Path, name: str) -> str:
    """Return a digest of an environment's inputs. If the requirements may name local files, it covers the whole folder.

    The packages of the current environment count: they are not installed again, and may have other versions next time.
    """
    text = (folder / name).read_bytes()
    digest = hashlib.sha256(text)
    for value in (digest_environment(), platform.machine(), sys.platform, sys.prefix):
        digest.update(f"\0{value}".encode())
    if any(_may_name_local_files(line.strip()) for line in text.decode(errors="replace").splitlines()):
        for relative, path in iter_files(folder):
            digest.update(f"\0{relative}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _may_name_local_files(line: str) -> bool:
    return (
        line.startswith(("-r", "-c", "-e", "--", ".", "/"))
        or "file:" in line
        or "/" in line.partition("://")[0]
    )


@contextmanager
def _lock(path: Path, attempt: StepAttempt) -> Iterator[int]:
    with path.open("w") as lock:
        while True:
            try:
                # Without blocking, so that a stopping run does not wait for another run's installation.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt.stop.wait(POLL_SECONDS):
                    raise StepStoppedError(f"step {attempt.step.name} was stopped") from None
            else:
                break
        yield lock.fileno()


def _create_environment(attempt: StepAttempt, folder: Path, name: str, environment: Path, lock: int) -> None:
    """Create the environment at its final place, because its programs contain their path, and mark it as complete.

    The installers inherit the lock: if this process is killed they go on, and no other process must start.
    """
    shutil.rmtree(environment, ignore_errors=True)
    log = attempt.folder / "requirements.log"
    has_pip = importlib.util.find_spec("pip") is not None
    venv = [sys.executable, "-m", "venv", *(["--without-pip"] if has_pip else []), str(environment)]
    _run_installer(attempt, venv, folder, log, lock)
    python = environment / "bin" / "python"
    _add_parent_packages(environment)
    if has_pip:
        for program in ("pip", "pip3"):
            script = environment / "bin" / program
            script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n', "utf-8")
            script.chmod(0o755)
    # Settings of the user, such as PIP_TARGET, must not send the packages to another place.
    place = ["--no-user", "--target=", "--root=/", f"--prefix={environment}"]
    install = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *place]
    _run_installer(attempt, [*install, "--requirement", name], folder, log, lock)
    (environment / _COMPLETE_MARKER).touch()


def _add_parent_packages(environment: Path) -> None:
    """Make the packages of the current environment available after the new ones, editable installs too."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    current = dict.fromkeys(
        [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
    )
    lines = [f"import site; site.addsitedir({path!r})\n" for path in current]
    (environment / "lib" / version / "site-packages" / "below.pth").write_text("".join(lines), "utf-8")


def _run_installer(attempt: StepAttempt, argv: list[str], folder: Path, log: Path, lock: int) -> None:
    """Run a program with the user's settings, such as those of pip, and append its output to the log."""
    if run_program(attempt, argv, log, folder=folder, inherited_fds=(lock,)) != 0:
        raise StepFailedError(f"the requirements cannot be installed: {read_last_lines(log)}", log=log)
