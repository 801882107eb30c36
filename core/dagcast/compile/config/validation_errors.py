"""Pydantic's validation errors, as located diagnostics in the user's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dagcast.errors import DiagnosticSink, Location, did_you_mean
from dagcast.paths import FieldPath, format_path, is_within

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

_CODES = {"reference": "reference.invalid", "name": "config.invalid-name"}
"""By type of an error of dagcast's own: the id of its diagnostic, where it has one of its own."""

FOLLOWING = frozenset({*EXPECTED, "literal_error", "too_short"})
"""Types of error that say nothing more where something inside of the value is wrong.

Of a list, pydantic counts only the items that are right; of a union, it tells what else would have been right.
"""


def report_validation(
    error: ValidationError,
    subject: str,
    model: type[BaseModel],
    locate: Callable[[FieldPath], Location],
    sink: DiagnosticSink,
    *,
    inherited: Callable[[FieldPath], bool] = lambda _: False,
) -> None:
    """Report every mistake that pydantic found in one config model.

    Args:
        error: What pydantic raised.
        subject: What the model describes, such as ``step 'train' (Training)``.
        model: The model.
        locate: Gives the place of a path below the model.
        sink: Takes the diagnostics.
        inherited: Whether the value at a path comes from ``defaults``. A mistake there shows in every step that
            inherits it; it is told of the defaults, and so told once.
    """
    by_path: dict[FieldPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        path = _field_path(detail["loc"], model)
        path += tuple(detail.get("ctx", {}).get("path", ()))
        by_path.setdefault(path, []).append(detail)
    for path, details in by_path.items():
        if details[0]["type"] in FOLLOWING and any(
            is_within(other, path) and path != other for other in by_path
        ):
            continue
        message, code, hint = _explain(path, details, model)
        owner = "defaults" if inherited(path) else subject
        sink.error(f"{owner}: {message}", locate(path), code=code, hint=hint)


def wrong_fields(error: ValidationError) -> frozenset[str]:
    """The top-level fields of a model in which pydantic found mistakes; ``""`` stands for the model as a whole."""
    return frozenset(
        str(detail["loc"][0]) if detail["loc"] else "" for detail in error.errors(include_url=False)
    )


def _spellings(field: str, info: FieldInfo) -> list[str]:
    if isinstance(info.validation_alias, AliasChoices):
        return [str(choice) for choice in info.validation_alias.choices]
    return [info.alias or field]


def _explain(
    path: FieldPath, details: list[ErrorDetails], model: type[BaseModel]
) -> tuple[str, str, str | None]:
    first = details[0]
    kind, context = first["type"], first.get("ctx", {})
    where = f"{format_path(path)}: " if path else ""
    if kind == "missing":
        return f"{format_path(path)!r} is missing", "config.missing-field", None
    if kind == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        name = str(path[-1])
        spellings = [_spellings(field, info) for field, info in owner.model_fields.items()] if owner else []
        same = next((others for others in spellings if name in others), None)
        if same is not None:
            return f"{' and '.join(same)} are the same field", "config.duplicate", "keep one of them"
        hint = did_you_mean(name, [each for others in spellings for each in others])
        return f"there is no field {format_path(path)!r}", "config.unknown-field", hint
    expectations = list(dict.fromkeys(map(_expectation, details)))
    if None not in expectations and kind != "literal_error":
        expected = " or ".join(str(expectation) for expectation in expectations)
        return (
            f"{where}expected {expected}, got {_show(first['input'])}",
            "config.wrong-type",
            _quoting(first),
        )
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        return f"{where}{_size(kind, first)}", "config.length", None
    if kind == "literal_error":
        names = [str(name) for name in _literals(str(context["expected"]))]
        close = did_you_mean(str(first["input"]), names)
        return (
            f"{where}expected {context['expected']}, got {_show(first['input'])}",
            "config.unknown-value",
            close,
        )
    if kind == "string_pattern_mismatch":
        return f"{where}{_show(first['input'])} does not match {context['pattern']}", "config.pattern", None
    message = first["msg"].removeprefix("Input should be ").removeprefix("Value should ")
    if message != first["msg"]:
        message = f"expected {message}, got {_show(first['input'])}"
    return f"{where}{message}", _CODES.get(kind, "config.invalid-value"), context.get("hint")


def _expectation(detail: ErrorDetails) -> str | None:
    """What was expected in place of a value of the wrong type; ``None`` for any other mistake."""
    if detail["type"] == "literal_error":
        return str(detail["ctx"]["expected"]).replace("False", "false").replace("True", "true")
    return EXPECTED.get(detail["type"])


def _size(kind: str, detail: ErrorDetails) -> str:
    """What is wrong with the length of a list or string."""
    limit = detail["ctx"]["min_length" if kind.endswith("short") else "max_length"]
    noun = "character" if kind.startswith("string") else "item"
    bound = "at least" if kind.endswith("short") else "at most"
    return f"expected {bound} {limit} {noun}{'' if limit == 1 else 's'}, got {len(detail['input'])}"


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
        if _is_container(here) and part != "[key]":
            path.append(part)
            here = _item(here)
        elif isinstance(part, str) and (part.endswith("]") or "function-" in part):
            continue
        elif isinstance(here, type) and issubclass(here, BaseModel):
            if part == here.__name__:
                continue
            names = {
                **{n: n for n in here.model_fields},
                **{i.alias or n: n for n, i in here.model_fields.items()},
            }
            path.append(part)
            here = here.model_fields[names[part]].annotation if part in names else None
        elif isinstance(part, int):
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


def _show(value: Any) -> str:
    text = (
        "null" if value is None else "true" if value is True else "false" if value is False else repr(value)
    )
    return text if len(text) <= 80 else f"{text[:77]}..."
