"""Pydantic's validation errors, as located diagnostics in the user's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dagsmith.errors import DiagnosticSink, Location, did_you_mean

FieldPath = tuple[str | int, ...]

EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""By type of pydantic error: what was expected."""


def report_validation(
    error: ValidationError,
    subject: str,
    model: type[BaseModel],
    locate: Callable[[FieldPath], Location],
    sink: DiagnosticSink,
) -> None:
    """Report every mistake that pydantic found in one config model.

    Args:
        error: What pydantic raised.
        subject: What the model describes, such as ``step 'train' (Training)``.
        model: The model.
        locate: Gives the place of a path below the model.
        sink: Takes the diagnostics.
    """
    by_path: dict[FieldPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        path = _field_path(detail["loc"], model)
        path += tuple(detail.get("ctx", {}).get("path", ()))
        by_path.setdefault(path, []).append(detail)
    for path, details in by_path.items():
        if details[0]["type"] == "too_short" and any(other[: len(path)] == path != other for other in by_path):
            # Pydantic counts only the items that were right.
            continue
        message, code, hint = _explain(path, details, model)
        sink.error(f"{subject}: {message}", locate(path), code=code, hint=hint)


def wrong_fields(error: ValidationError) -> frozenset[str]:
    """The top-level fields of a model in which pydantic found mistakes; ``""`` stands for the model as a whole."""
    return frozenset(str(detail["loc"][0]) if detail["loc"] else "" for detail in error.errors(include_url=False))


def field_names(model: type[BaseModel]) -> list[str]:
    """The names that a config may use for the fields of a model."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _explain(
    path: FieldPath, details: list[ErrorDetails], model: type[BaseModel]
) -> tuple[str, str, str | None]:
    first = details[0]
    kind, context = first["type"], first.get("ctx", {})
    where = f"{_spell(path)}: " if path else ""
    if kind == "missing":
        return f"{_spell(path)!r} is missing", "missing-field", None
    if kind == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        name = str(path[-1])
        hint = did_you_mean(name, field_names(owner)) if owner is not None else None
        return f"there is no field {_spell(path)!r}", "unknown-field", hint
    if all(detail["type"] in EXPECTED for detail in details):
        expected = " or ".join(dict.fromkeys(EXPECTED[detail["type"]] for detail in details))
        return f"{where}expected {expected}, got {_show(first['input'])}", "type", _quoting(first)
    if kind == "literal_error":
        names = [str(name) for name in _literals(str(context["expected"]))]
        close = did_you_mean(str(first["input"]), names)
        return f"{where}expected {context['expected']}, got {_show(first['input'])}", "value", close
    if kind == "string_pattern_mismatch":
        return f"{where}{_show(first['input'])} does not match {context['pattern']}", "pattern", None
    message = first["msg"].removeprefix("Input should be ").removeprefix("Value should ")
    if message != first["msg"]:
        message = f"expected {message}, got {_show(first['input'])}"
    return f"{where}{message}", kind, context.get("hint")


def _quoting(detail: ErrorDetails) -> str | None:
    value = detail["input"]
    if detail["type"] == "string_type" and isinstance(value, (int, float)):
        return f'write "{_show(value)}" in quotes'
    if detail["type"] in ("int_type", "float_type") and isinstance(value, str) and value.strip().isdigit():
        return f"write {value.strip()} without quotes"
    return None


def _field_path(location: Iterable[str | int], model: type[BaseModel]) -> FieldPath:
    """The path of config keys in a pydantic location, without the names of union members and validators."""
    path: list[str | int] = []
    here: Any = model
    for part in location:
        if isinstance(part, str) and (part == "[key]" or part.endswith("]") or "function-" in part):
            continue
        if isinstance(here, type) and issubclass(here, BaseModel):
            names = {**{n: n for n in here.model_fields}, **{i.alias or n: n for n, i in here.model_fields.items()}}
            path.append(part)
            here = here.model_fields[names[part]].annotation if part in names else None
        elif isinstance(part, int) or _is_container(here):
            path.append(part)
            here = _item(here)
        elif part in ("str", "int", "float", "bool") or _names_model(here, str(part)):
            continue
        else:
            path.append(part)
            here = None
        if not isinstance(here, type):
            here = _model_in(here) if not _is_container(here) else here
    return tuple(path)


def _model_at(model: type[BaseModel], path: FieldPath) -> type[BaseModel] | None:
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            names = {info.alias or name: name for name, info in here.model_fields.items()}
            here = here.model_fields[names.get(str(part), str(part))].annotation
        else:
            here = _item(here)
        if not _is_container(here):
            here = _model_in(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _is_container(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (dict, list, tuple)


def _item(annotation: Any) -> Any:
    arguments = [item for item in get_args(annotation) if item is not Ellipsis]
    return arguments[-1] if arguments else None


def _model_in(annotation: Any) -> Any:
    """The config model that an annotation such as ``Model | None`` holds, or the annotation itself."""
    if isinstance(annotation, type):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
    return annotation


def _names_model(annotation: Any, name: str) -> bool:
    return any(getattr(argument, "__name__", None) == name for argument in get_args(annotation))


def _literals(expected: str) -> list[str]:
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def _spell(path: FieldPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _show(value: Any) -> str:
    text = "null" if value is None else "true" if value is True else "false" if value is False else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
