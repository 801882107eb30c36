"""What of a request cannot run here, said before anything starts. References may stand anywhere in it."""

from __future__ import annotations

import math
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic
from dagcast.runner.executor import StepFailedError
from dagcast.runner.launch.command import ML_PATH
from dagcast.runner.store.uri import UnsafeUriError, parse

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """``value`` if it is a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def without_nulls(value: Any) -> Any:
    """A request without the fields that are ``null``, which are as good as left out."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list | tuple) else value


def refuse(problems: Iterator[Diagnostic]) -> None:
    """Fail a step whose references turned out to stand for what cannot run here.

    Raises:
        StepFailedError: If there are problems; it names all of them.
    """
    found = [str(problem) for problem in problems]
    if found:
        raise StepFailedError("ValidationException: " + "; ".join(found))


Shape = str | dict[str, Any] | list[Any]
"""``text``, ``uri`` (of S3), ``scalar``, ``number``, ``whole`` (a number above 0) or ``truth``; an object or a list of
such."""

_REQUIRED = frozenset(
    {
        "AlgorithmSpecification",
        "AppSpecification",
        "ChannelName",
        "FilePath",
        "InputName",
        "Name",
        "OutputDataConfig",
        "OutputName",
        "PropertyFileName",
        "Regex",
    }
)


def shape_problems(step: str, value: Any, shape: Shape, path: str = "") -> Iterator[Diagnostic]:
    """Say which fields have another form than the service would take, as far as a local run reads them.

    Args:
        step: The name of the step.
        value: A part of its request; references in it may stand for any value.
        shape: The form that it should have.
        path: Where it is.
    """
    if value is None or isinstance(value, Reference):
        return
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            yield _wrong(step, path, "an object")
            return
        for key, inner in shape.items():
            if value.get(key) is None and key in _REQUIRED:
                missing = f"{path}.{key}".lstrip(".")
                yield Diagnostic(f"step {step!r}: {missing} is missing", code="request.missing-field")
            for name in value if key == "*" else (key,):
                yield from shape_problems(step, value.get(name), inner, f"{path}.{name}".lstrip("."))
    elif isinstance(shape, list):
        if not isinstance(value, list | tuple):
            yield _wrong(step, path, "a list")
            return
        for number, item in enumerate(value):
            here = f"{path}[{number}]"
            if item is None:
                yield _wrong(step, here, "a value")
            yield from shape_problems(step, item, shape[0], here)
    elif not _KINDS[shape][1](value):
        yield _wrong(step, path, _KINDS[shape][0])
    elif shape == "uri":
        try:
            parse(value)
        except UnsafeUriError as error:
            yield Diagnostic(f"step {step!r}: {path}: {error}", code="request.unsafe-uri")


def _wrong(step: str, path: str, expected: str) -> Diagnostic:
    return Diagnostic(f"step {step!r}: {path or 'Arguments'}: expected {expected}", code="request.wrong-type")


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, str | int | float) and math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"0*[1-9]\d{0,8}", str(value)) is not None


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a text", lambda value: isinstance(value, str) and value != ""),
    "uri": ("a text", lambda value: isinstance(value, str) and value != ""),
    "scalar": ("a text or a number", lambda value: isinstance(value, str | int | float)),
    "number": ("a number", _is_number),
    "whole": ("a whole number above 0", _is_whole),
    "truth": ("true or false", lambda value: isinstance(value, bool)),
}


def cannot(step: str, what: str, *, hint: str | None = None) -> Diagnostic:
    """A part of a step that no local run can do, and what to do about it."""
    return Diagnostic(
        f"step {step!r}: {what}",
        code="run.unsupported-field",
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
        if not isinstance(part, str) or (number == 0 and with_python((part,)) == ("python3",)):
            continue
        if number == 0 and "/" not in part:
            if shutil.which(part) is None:
                yield needs_image(step, f"the entrypoint runs {part}, which is not on this machine")
        elif part.startswith("/") and not below(part, ML_PATH) and not Path(part).exists():
            yield needs_image(step, f"the entrypoint names {part}, which is not on this machine")


def with_python(argv: tuple[str, ...]) -> tuple[str, ...]:
    """A command with ``python3`` in the place of the image's own interpreter, such as ``/opt/conda/bin/python``.

    The step's Python environment stands for the image's, wherever the image has it.
    """
    if argv and _PYTHON.fullmatch(PurePosixPath(argv[0]).name) and not below(argv[0], ML_PATH):
        return ("python3", *argv[1:])
    return argv


def container_command(specification: Mapping[str, Any], *, image: bool) -> tuple[str, ...]:
    """The command of a container; without an entrypoint, the arguments of what the image itself runs.

    Args:
        specification: What has ``ContainerEntrypoint`` and ``ContainerArguments``.
        image: Whether it will run in its own image.
    """
    entrypoint = tuple(map(str, specification.get("ContainerEntrypoint") or ()))
    arguments = tuple(map(str, specification.get("ContainerArguments") or ()))
    return (*(entrypoint if image else with_python(entrypoint)), *arguments)


def below(path: str, folder: str) -> bool:
    """Whether a path of the container is inside a folder, with no ``..`` on the way."""
    pure = PurePosixPath(path)
    return ".." not in pure.parts and PurePosixPath(folder) in pure.parents


def name_problem(name: Any) -> str | None:
    """What is wrong with a name that may become a part of a path; ``None`` for what is no text, such as a reference."""
    if not isinstance(name, str):
        return None
    if "/" in name or name in (".", ".."):
        return "has a path for a name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "has a control character in its name"
    return None


def local_path_problem(path: Any, base: str) -> str | None:
    """What is wrong with a local path of the container that has to be below ``base``; ``None`` for a reference."""
    if isinstance(path, Reference):
        return None
    if not isinstance(path, str) or not path:
        return f"needs a LocalPath below {base}"
    if not below(path, base) or "\0" in path:
        return f"has the LocalPath {path}, which is not below {base}"
    return None
