"""Reports validation errors of pydantic as located diagnostics."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dagcast.compile.config.field_hints import hint_field
from dagcast.compile.config.fields import renamed_fields
from dagcast.compile.config.pydantic_paths import ConfigPath, resolve_location
from dagcast.errors import DiagnosticSink, Location, nearest
from dagcast.lazy_pattern import lazy_pattern
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

_CODES = {
    "reference": "reference.invalid",
    "name": "config.invalid-name",
    "operator": "config.unknown-value",
}
"""By type of an error of dagcast's own: the id of its diagnostic, where it has one of its own."""

_MAX_REWRITTEN = 80
"""Most characters of a value that a hint repeats."""
_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_-]*")

FOLLOWING = frozenset({*EXPECTED, "literal_error", "too_short"})
"""Types of error that say nothing more where something inside of the value is wrong.

Of a list, pydantic counts only the items that are right; of a union, it tells what else would have been right.
"""


class LocateInConfig(Protocol):
    """Returns the location of a path below a model; with ``key``, of the key that ends the path."""

    def __call__(self, path: FieldPath, /, *, key: bool = False) -> Location:
        """Return the location."""
        ...


def report_validation(
    error: ValidationError,
    subject: str,
    model: type[BaseModel],
    locate: LocateInConfig,
    sink: DiagnosticSink,
    *,
    inherited: Callable[[FieldPath], bool] = lambda _: False,
    step: str | None = None,
    guessed: Collection[FieldPath] = (),
    inputs: Collection[str] = (),
) -> None:
    """Report every mistake that pydantic found in one config model.

    Args:
        error: What pydantic raised.
        subject: What the model describes, such as ``step 'train' (Training)``.
        model: The model.
        locate: Returns the location of a path below the model.
        sink: Takes the diagnostics.
        inherited: Whether the value at a path comes from ``defaults``. A mistake there shows in every step that
            inherits it; it is reported once, as one of the defaults.
        step: The step that the model describes, if it describes one.
        guessed: The paths of values whose misspelt key is reported. That one of them has another type follows.
        inputs: The inputs of the step that its type has. A field with the name of one belongs under ``inputs``.
    """
    by_path: dict[FieldPath, tuple[ConfigPath, list[ErrorDetails]]] = {}
    for detail in error.errors(include_url=False):
        place = resolve_location(model, detail["loc"], detail["input"])
        place = place._replace(path=place.path + tuple(detail.get("ctx", {}).get("path", ())))
        by_path.setdefault(place.path, (place, []))[1].append(detail)
    meant = _meant_fields(by_path.values())
    for path, (place, details) in by_path.items():
        if details[0]["type"] == "missing" and path in meant:
            continue
        if details[0]["type"] in EXPECTED and path in guessed:
            continue
        if details[0]["type"] in FOLLOWING and any(
            is_within(other, path) and path != other for other in by_path
        ):
            continue
        message, code, hint = _explain(path, details, place.owner)
        if code == "config.unknown-field" and len(path) == 1 and path[0] in inputs:
            hint = f"it is an input: write inputs: {{{path[0]}: ...}}"
        from_defaults = inherited(path)
        owner = "defaults" if from_defaults else subject
        at_key = place.in_key or details[0]["type"] == "extra_forbidden"
        sink.error(
            f"{owner}: {message}",
            locate(path, key=at_key),
            code=code,
            hint=hint,
            inherited_by=step if from_defaults else None,
        )


def _meant_fields(mistakes: Iterable[tuple[ConfigPath, list[ErrorDetails]]]) -> set[FieldPath]:
    """The fields that a misspelt one seems to be: that they are missing follows from the spelling."""
    meant = set()
    for place, details in mistakes:
        if details[0]["type"] == "extra_forbidden":
            name = str(place.path[-1])
            field = renamed_fields(place.owner).get(name) or nearest(name, writable_fields(place.owner))
            if field is not None:
                meant.add((*place.path[:-1], field))
    return meant


def wrong_fields(error: ValidationError) -> frozenset[str]:
    """The top-level fields of a model in which pydantic found mistakes; ``""`` stands for the model as a whole."""
    return frozenset(
        str(detail["loc"][0]) if detail["loc"] else "" for detail in error.errors(include_url=False)
    )


def unknown_fields(error: ValidationError) -> frozenset[str]:
    """Return the keys of a model that no field has."""
    return frozenset(
        str(detail["loc"][0])
        for detail in error.errors(include_url=False)
        if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1
    )


def writable_fields(owner: type[BaseModel] | None) -> list[str]:
    """Return the names to suggest for a field of a model; not the names in Python of fields with an alias."""
    if owner is None:
        return []
    return [
        name
        for field, info in owner.model_fields.items()
        for name in _spellings(field, info)
        if name != field or info.alias in (None, field)
    ]


def _spellings(field: str, info: FieldInfo) -> list[str]:
    """The ways to write a field, the one to suggest first."""
    if isinstance(info.validation_alias, AliasChoices):
        return [str(choice) for choice in info.validation_alias.choices]
    return [info.alias, field] if info.alias and info.alias != field else [field]


def _explain(
    path: FieldPath, details: list[ErrorDetails], owner: type[BaseModel] | None
) -> tuple[str, str, str | None]:
    first = details[0]
    kind, context = first["type"], first.get("ctx", {})
    where = f"{format_path(path)}: " if path else ""
    if kind == "missing":
        return f"{format_path(path)!r} is missing", "config.missing-field", None
    if kind == "extra_forbidden":
        return explain_key(path, owner)
    expectations = list(dict.fromkeys(map(_expectation, details)))
    if None not in expectations and kind != "literal_error":
        expected = " or ".join(str(expectation) for expectation in expectations)
        return (
            f"{where}expected {expected}, got {_show(first['input'])}",
            "config.wrong-type",
            _rewriting(first),
        )
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        return f"{where}{_size(kind, first)}", "config.length", None
    if kind == "literal_error":
        close = nearest(str(first["input"]), _literals(str(context["expected"])))
        return (
            f"{where}expected {context['expected']}, got {_show(first['input'])}",
            "config.unknown-value",
            None if close is None else f"did you mean {close!r}?",
        )
    if kind == "string_pattern_mismatch":
        return f"{where}{_show(first['input'])} does not match {context['pattern']}", "config.pattern", None
    message = first["msg"].removeprefix("Input should be ").removeprefix("Value should ")
    if message != first["msg"]:
        message = f"expected {message}, got {_show(first['input'])}"
    return f"{where}{message}", _CODES.get(kind, "config.invalid-value"), context.get("hint")


def explain_key(path: FieldPath, owner: type[BaseModel] | None) -> tuple[str, str, str | None]:
    """Return message, code and hint of a key that is not a field of the model."""
    name = str(path[-1])
    spellings = [_spellings(field, info) for field, info in owner.model_fields.items()] if owner else []
    same = next((others for others in spellings if name in others), None)
    if same is not None:
        return f"{' and '.join(same)} are the same field", "config.duplicate", "keep one of them"
    renamed = renamed_fields(owner).get(name)
    if renamed is not None:
        message = f"{format_path(path)!r} is called {renamed!r}, apart from 'entry_point', which is a script"
        return message, "config.renamed-field", f"write {renamed}"
    hint = hint_field(name, writable_fields(owner), (owner,) if owner else ())
    return f"unknown field {format_path(path)!r}", "config.unknown-field", hint


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


def _rewriting(detail: ErrorDetails) -> str | None:
    """How to write a value so that it has the expected type, where that is a matter of quotes or brackets."""
    kind, value = detail["type"], detail["input"]
    if kind == "string_type" and isinstance(value, (int, float)):
        return f'write "{_show(value)}" in quotes'
    if kind in ("int_type", "float_type") and isinstance(value, str) and value.strip().isdigit():
        return f"write {value.strip()} without quotes"
    if kind == "dict_type" and value and isinstance(value, (list, tuple)):
        names = [item for item in value if isinstance(item, str) and _NAME.fullmatch(item)]
        if len(names) == len(value) and sum(map(len, names)) < _MAX_REWRITTEN:
            return f"write {{{', '.join(f'{name}: ' for name in names)}}}"
    if kind in ("list_type", "tuple_type") and isinstance(value, str) and _NAME.fullmatch(value):
        return f"write [{value}]" if len(value) < _MAX_REWRITTEN else None
    if kind in ("list_type", "tuple_type") and isinstance(value, dict):
        return "write a list of such mappings, in brackets"
    return None


def _literals(expected: str) -> list[str]:
    """The values of a ``Literal``, read from pydantic's list of them: ``'a', 'b' or 'c'``."""
    return [double or single for single, double in re.findall(r"'([^']*)'|\"([^\"]*)\"", expected)]


def _show(value: Any) -> str:
    text = (
        "null" if value is None else "true" if value is True else "false" if value is False else repr(value)
    )
    return text if len(text) <= 80 else f"{text[:77]}..."
