"""Finds what a local run cannot do in a request, before the run starts. Any value can be a reference."""

from __future__ import annotations

import math
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic
from dagcast.runner.executors.executor import StepFailedError
from dagcast.runner.launch.command import ML_PATH
from dagcast.runner.store.s3_uri import UnsafeUriError, parse_s3_uri

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return ``value`` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Return ``value`` if it is a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def remove_nulls(value: Any) -> Any:
    """Return a request without the fields that are ``null``, which count as missing."""
    if isinstance(value, Mapping):
        return {key: remove_nulls(inner) for key, inner in value.items() if inner is not None}
    return [remove_nulls(item) for item in value] if isinstance(value, list | tuple) else value


def raise_problems(problems: Iterator[Diagnostic]) -> None:
    """Fail a step whose resolved arguments cannot run here.

    Raises:
        StepFailedError: If there are problems; the message has all of them.
    """
    found = [str(problem) for problem in problems if problem.severity == "error"]
    if found:
        raise StepFailedError("ValidationException: " + "; ".join(found))


Schema = str | dict[str, Any] | list[Any]
"""The form of a value: ``string``, ``uri`` (of S3), ``scalar``, ``number``, ``count`` (a whole number above 0) or
``boolean``; an object or a list of such. The key ``*`` stands for every key."""

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


def check_schema(step: str, value: Any, schema: Schema, path: str = "") -> Iterator[Diagnostic]:
    """Find fields whose form the service would reject, as far as a local run reads them.

    Args:
        step: The name of the step.
        value: A part of its request.
        schema: The expected form.
        path: The path of ``value``, for messages.
    """
    if value is None or isinstance(value, Reference):
        return
    if isinstance(schema, dict):
        if not isinstance(value, Mapping):
            yield _type_problem(step, path, "an object")
            return
        for key, inner in schema.items():
            if value.get(key) is None and key in _REQUIRED:
                missing = f"{path}.{key}".lstrip(".")
                yield Diagnostic(f"step {step!r}: {missing} is missing", code="request.missing-field")
            for name in value if key == "*" else (key,):
                yield from check_schema(step, value.get(name), inner, f"{path}.{name}".lstrip("."))
    elif isinstance(schema, list):
        if not isinstance(value, list | tuple):
            yield _type_problem(step, path, "a list")
            return
        for number, item in enumerate(value):
            here = f"{path}[{number}]"
            if item is None:
                yield _type_problem(step, here, "a value")
            yield from check_schema(step, item, schema[0], here)
    elif not _SCALAR_SCHEMAS[schema][1](value):
        yield _type_problem(step, path, _SCALAR_SCHEMAS[schema][0])
    elif schema == "uri":
        try:
            parse_s3_uri(value)
        except UnsafeUriError as error:
            yield Diagnostic(f"step {step!r}: {path}: {error}", code="run.unsafe-uri")


def _type_problem(step: str, path: str, expected: str) -> Diagnostic:
    return Diagnostic(f"step {step!r}: {path or 'Arguments'}: expected {expected}", code="request.wrong-type")


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, str | int | float) and math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def _is_count(value: Any) -> bool:
    return not isinstance(value, bool) and re.fullmatch(r"0*[1-9]\d{0,8}", str(value)) is not None


_SCALAR_SCHEMAS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str) and value != ""),
    "uri": ("a string", lambda value: isinstance(value, str) and value != ""),
    "scalar": ("a string or a number", lambda value: isinstance(value, str | int | float)),
    "number": ("a number", _is_number),
    "count": ("a whole number above 0", _is_count),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
}


def cannot_run_here(step: str, what: str, *, hint: str | None = None) -> Diagnostic:
    """Make the problem of a part that a local run does not support, with a remedy."""
    return Diagnostic(
        f"step {step!r}: {what}",
        code="run.unsupported-field",
        hint=hint or f"use --stub {step}=OUTPUTS.json to replace the step",
    )


def needs_image(step: str, what: str, *, stand_in: str | None = None) -> Diagnostic:
    """Make the problem of a step that only its image can run.

    Args:
        step: The name of the step.
        what: What only the image can do.
        stand_in: The distribution whose local image would stand for it, if there is one.
    """
    install = ""
    if stand_in and find_spec(stand_in.replace("-", "_")) is None:
        install = f"pip install {stand_in} to let a local image stand in, "
    elif stand_in:
        install = f"turn on the local image of {stand_in}, which is installed, "
    return cannot_run_here(
        step,
        what,
        hint=f"{install}use --runner docker to run the image, or --stub {step}=OUTPUTS.json to replace the step",
    )


def check_entrypoint(step: str, entrypoint: list[Any]) -> Iterator[Diagnostic]:
    """Find programs and files of an entrypoint that this machine lacks. Paths below ``/opt/ml`` will exist."""
    for number, part in enumerate(entrypoint):
        if not isinstance(part, str) or (number == 0 and replace_python((part,)) == ("python3",)):
            continue
        if number == 0 and "/" not in part:
            if shutil.which(part) is None:
                yield needs_image(step, f"the entrypoint runs {part}, which is missing on this machine")
        elif part.startswith("/") and not is_below(part, ML_PATH) and not Path(part).exists():
            yield needs_image(step, f"the entrypoint names {part}, which is missing on this machine")


def replace_python(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command with ``python3`` instead of the image's interpreter, such as ``/opt/conda/bin/python``.

    The step's Python environment replaces the image's.
    """
    if argv and _PYTHON.fullmatch(PurePosixPath(argv[0]).name) and not is_below(argv[0], ML_PATH):
        return ("python3", *argv[1:])
    return argv


def container_command(specification: Mapping[str, Any], *, image: bool) -> tuple[str, ...]:
    """Return the command of a container; without an entrypoint, the arguments of the image's own entrypoint.

    Args:
        specification: The object with ``ContainerEntrypoint`` and ``ContainerArguments``.
        image: Whether the job runs in its image.
    """
    entrypoint = tuple(map(str, specification.get("ContainerEntrypoint") or ()))
    arguments = tuple(map(str, specification.get("ContainerArguments") or ()))
    return (*(entrypoint if image else replace_python(entrypoint)), *arguments)


def is_below(path: str, folder: str) -> bool:
    """Whether a path of the container is inside a folder and contains no ``..``."""
    pure = PurePosixPath(path)
    return ".." not in pure.parts and PurePosixPath(folder) in pure.parents


def describe_name_problem(name: Any) -> str | None:
    """Describe what is wrong with a name that becomes a part of a path; ``None`` if it is valid or a reference."""
    if not isinstance(name, str):
        return None
    if "/" in name or name in (".", ".."):
        return "has a name that is a path"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "has a name that contains a control character"
    return None


def describe_local_path_problem(path: Any, base: str) -> str | None:
    """Describe what is wrong with a container path that must be below ``base``.

    Returns:
        ``None`` if the path is valid or a reference.
    """
    if isinstance(path, Reference):
        return None
    if not isinstance(path, str) or not path:
        return f"needs a LocalPath below {base}"
    if not is_below(path, base) or "\0" in path:
        return f"has the LocalPath {path}, which is not below {base}"
    return None
