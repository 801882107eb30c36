"""What of a request cannot run here, said before anything starts. References may stand anywhere in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dagsmith.errors import Diagnostic
from dagsmith_runner.executor import StepFailedError
from dagsmith_runner.launch.command import ML

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """``value`` if it is a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def refuse(problems: Iterator[Diagnostic]) -> None:
    """Fail a step whose references turned out to stand for what cannot run here.

    Raises:
        StepFailedError: If there are problems; it names all of them.
    """
    found = [str(problem) for problem in problems]
    if found:
        raise StepFailedError("ValidationException: " + "; ".join(found))


def cannot(step: str, what: str, *, hint: str | None = None) -> Diagnostic:
    """A part of a step that no local run can do, and what to do about it."""
    return Diagnostic(
        f"step {step!r}: {what}",
        code="cannot-run-here",
        hint=hint or f"--stub {step}=OUTPUTS.json stands for running it",
    )


def needs_image(step: str, what: str) -> Diagnostic:
    """A step that only its image can run."""
    return cannot(
        step, what, hint=f"--runner docker runs the image, --stub {step}=OUTPUTS.json stands for running it"
    )


def program_problems(step: str, entrypoint: list[Any]) -> Iterator[Diagnostic]:
    """Say which programs and files of an entrypoint are not on this machine; those below ``/opt/ml`` will be."""
    for number, part in enumerate(entrypoint):
        if not isinstance(part, str):
            continue
        if number == 0 and "/" not in part:
            if not _PYTHON.fullmatch(part) and shutil.which(part) is None:
                yield needs_image(step, f"the entrypoint runs {part}, which is not on this machine")
        elif part.startswith("/") and not below(part, ML) and not Path(part).exists():
            yield needs_image(step, f"the entrypoint names {part}, which is not on this machine")


def below(path: str, folder: str) -> bool:
    """Whether a path of the container is inside a folder, with no ``..`` on the way."""
    pure = PurePosixPath(path)
    return ".." not in pure.parts and PurePosixPath(folder) in pure.parents


def local_path_problem(path: Any, base: str) -> str | None:
    """What is wrong with a local path of the container that has to be below ``base``; ``None`` for a reference."""
    if isinstance(path, Mapping):
        return None
    if not isinstance(path, str) or not path:
        return f"needs a LocalPath below {base}"
    if not below(path, base) or "\0" in path:
        return f"has the LocalPath {path}, which is not below {base}"
    return None
