"""The Python environment of a step: the current one, or one made from its ``requirements.txt`` and kept."""

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

from dagcast.runner.cache import environment_digest
from dagcast.runner.container.job import tail
from dagcast.runner.container.side_process import LOOK, call
from dagcast.runner.executor import StepFailedError, StepRun, StepStoppedError
from dagcast.runner.files import files_below
from dagcast.runner.launch.filesystem_view import ENVIRONMENTS_FOLDER

_WHOLE = "whole"
"""The file whose presence says that an environment is whole."""


def python_for(run: StepRun, requirements: tuple[Path, str] | None) -> Path:
    """The interpreter of a step.

    The environment that dagcast runs in stands for the image, so a step with requirements gets an environment on top
    of it, as pip would install into the image: what the current one has already is not installed again (which is why
    pip does it, and not a faster tool that sees one environment alone), and what is installed comes first. It is kept
    in the runs folder, by what it is made from.

    Args:
        run: The attempt.
        requirements: The folder of the step's code, and the name of the requirements file in it.

    Raises:
        StepFailedError: If the requirements cannot be installed.
        StepStoppedError: If the run is being stopped.
    """
    if requirements is None or not run.options.requirements or run.launcher.isolation == "docker":
        return Path(sys.executable)
    folder, name = requirements
    home = run.options.runs.resolve() / ENVIRONMENTS_FOLDER
    home.mkdir(parents=True, exist_ok=True)
    made = home / _digest(folder, name)
    if not (made / _WHOLE).exists():
        with _locked(home / f".{made.name}.lock", run) as lock:
            if not (made / _WHOLE).exists():
                _make(run, folder, name, made, lock)
    return made / "bin" / "python"


def _digest(folder: Path, name: str) -> str:
    """What an environment depends on; a file that names files of its folder depends on all of them.

    What the current environment has counts: it is not installed again, and another version may come in its place.
    """
    text = (folder / name).read_bytes()
    digest = hashlib.sha256(text)
    for fact in (environment_digest(), platform.machine(), sys.platform, sys.prefix):
        digest.update(f"\0{fact}".encode())
    if any(_is_local(line.strip()) for line in text.decode(errors="replace").splitlines()):
        for relative, path in files_below(folder):
            digest.update(f"\0{relative}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _is_local(line: str) -> bool:
    return (
        line.startswith(("-r", "-c", "-e", "--", ".", "/"))
        or "file:" in line
        or "/" in line.partition("://")[0]
    )


@contextmanager
def _locked(path: Path, run: StepRun) -> Iterator[int]:
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if run.stop.wait(LOOK):
                    raise StepStoppedError(f"step {run.step.name} was stopped") from None
            else:
                break
        yield lock.fileno()


def _make(run: StepRun, folder: Path, name: str, made: Path, lock: int) -> None:
    """Make the environment where it will stay, since its programs name their folder; the mark comes last.

    The programs that make it hold the lock: if this process is killed, they go on, and nobody else may begin.
    """
    shutil.rmtree(made, ignore_errors=True)
    log = run.folder / "requirements.log"
    own_pip = importlib.util.find_spec("pip") is not None
    venv = [sys.executable, "-m", "venv", *(["--without-pip"] if own_pip else []), str(made)]
    _call(run, venv, folder, log, lock)
    python = made / "bin" / "python"
    _look_below(made)
    if own_pip:
        for program in ("pip", "pip3"):
            script = made / "bin" / program
            script.write_text(f'#!/bin/sh\nexec "{python}" -m pip "$@"\n', "utf-8")
            script.chmod(0o755)
    install = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    _call(run, [*install, "--requirement", name], folder, log, lock)
    (made / _WHOLE).touch()


def _look_below(made: Path) -> None:
    """Let the environment find what the current one has, after its own; editable installs too."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    current = dict.fromkeys(
        [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
    )
    lines = [f"import site; site.addsitedir({path!r})\n" for path in current]
    (made / "lib" / version / "site-packages" / "below.pth").write_text("".join(lines), "utf-8")


def _call(run: StepRun, argv: list[str], folder: Path, log: Path, lock: int) -> None:
    """Run a program with the user's own settings, such as those of pip; its output goes to the log."""
    if call(run, argv, log, folder=folder, keeps=(lock,)) != 0:
        raise StepFailedError(f"the requirements cannot be installed: {tail(log)}", log=log)
