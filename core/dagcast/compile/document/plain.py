"""Validate the values of a document. All readers apply these rules, regardless of the file format.

A config becomes the JSON body of service requests. It may contain only values that JSON can represent and the service
accepts: mappings with string keys, lists, strings, numbers, booleans and null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from typing import Any, NamedTuple

from dagcast.paths import FieldPath

MAX_DEPTH = 100
"""Maximum nesting depth of mappings and lists. The top level is level 1. The limit is set by dagcast."""

MAX_VALUES = 1_000_000
"""Maximum number of values of one document. Each use of an alias counts. The limit is set by dagcast."""

MIN_INTEGER = -(2**63)
"""Smallest integer. TOML guarantees 64 bits, and ``long``, the widest integer of botocore's models, has 64 bits."""

MAX_INTEGER = 2**63 - 1
"""Largest integer. See :data:`MIN_INTEGER`."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Refusal(NamedTuple):
    """The reason why a value is invalid in a document: a diagnostic without its location."""

    message: str
    code: str
    hint: str | None = None


def too_deep(depth: int = MAX_DEPTH) -> Refusal:
    """Return the refusal of a mapping or list that is nested in more than ``depth - 1`` others."""
    return Refusal(f"mappings and lists are nested more than {depth} levels deep here", "document.too-deep")


def too_many(limit: int = MAX_VALUES) -> Refusal:
    """Return the refusal of a document that has more than ``limit`` values after its aliases are expanded."""
    return Refusal(f"the document holds more than {limit:,} values", "document.too-large")


def not_finite(spelling: str) -> Refusal:
    """Return the refusal of an infinity or a NaN, with the literal as the user wrote it."""
    return Refusal(
        f"{_shorten(spelling)} is not a finite number, and JSON has no others",
        "document.not-finite",
        "write a finite number, or quote it if it is text",
    )


def out_of_range(spelling: str) -> Refusal:
    """Return the refusal of an integer that does not fit into 64 bits, with the literal as the user wrote it."""
    return Refusal(
        f"the integer {_shorten(spelling)} does not fit 64 bits",
        "document.integer-range",
        "quote it if it is text",
    )


def refuse_text(text: str) -> Refusal | None:
    """Return why ``text`` is invalid in a document, or ``None`` if it is valid."""
    if "\0" in text:
        return Refusal("the string holds a NUL character (U+0000)", "document.bad-character", "remove it")
    if not text.isascii():
        surrogate = _SURROGATE.search(text)
        if surrogate is not None:
            return Refusal(
                f"the string holds half a character (the lone surrogate U+{ord(surrogate.group()):04X})",
                "document.bad-character",
                "write the character itself",
            )
    return None


def refuse_number(value: int | float) -> Refusal | None:
    """Return why ``value`` is invalid in a document, or ``None`` if it is valid."""
    if isinstance(value, float):
        return None if math.isfinite(value) else not_finite(str(value))
    if MIN_INTEGER <= value <= MAX_INTEGER:
        return None
    # Python does not convert integers with thousands of digits to decimal.
    return out_of_range(str(value) if value.bit_length() < 1000 else hex(value))


def kind_of(value: object) -> str:
    """Return a name for the type of ``value`` for messages, such as ``a string``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"a Python object of type {type(value).__name__}"


def plain_copy(data: Any) -> tuple[Any, list[tuple[FieldPath, Refusal]]]:
    """Return a copy of ``data`` with only plain values, and the refusals of invalid values with their paths.

    Converts tuples to lists, other mappings to dicts, enum members to their values, file paths to strings, and
    instances of subclasses of strings and numbers to plain values. An invalid value is ``None`` in the copy.
    """
    copier = _Copier()
    return copier.copy(data, ()), copier.refused


class _Copier:
    def __init__(self) -> None:
        self.refused: list[tuple[FieldPath, Refusal]] = []
        self._values = 0
        self._open: set[int] = set()

    def copy(self, value: Any, path: FieldPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            if self._values == MAX_VALUES + 1:
                self._refuse(path, too_many())
            return None
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, PurePath):
            value = str(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            text = str.__str__(value)
            return text if self._accepts(path, refuse_text(text)) else None
        if isinstance(value, (int, float)):
            number = int(value) if isinstance(value, int) else float(value)
            return number if self._accepts(path, refuse_number(number)) else None
        if isinstance(value, Mapping):
            return self._copy_mapping(value, path) if self._enter(value, path) else None
        if isinstance(value, (list, tuple)):
            return self._copy_list(value, path) if self._enter(value, path) else None
        if isinstance(value, (date, time)):
            return self._refuse(path, _refuse_date(value))
        return self._refuse(
            path, Refusal(f"{kind_of(value)} cannot stand in a config", "document.not-plain-data")
        )

    def _copy_mapping(self, value: Mapping[Any, Any], path: FieldPath) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self._refuse(
                    path, Refusal(f"the key {key!r} is not a string", "document.key-not-string", "quote it")
                )
                continue
            name = str.__str__(key)
            self._accepts((*path, name), refuse_text(name))
            copied[name] = self.copy(item, (*path, name))
        self._open.discard(id(value))
        return copied

    def _copy_list(self, value: Iterable[Any], path: FieldPath) -> list[Any]:
        copied = [self.copy(item, (*path, index)) for index, item in enumerate(value)]
        self._open.discard(id(value))
        return copied

    def _enter(self, value: object, path: FieldPath) -> bool:
        if id(value) in self._open:
            self._refuse(path, Refusal("the value contains itself", "document.recursive"))
            return False
        if len(self._open) >= MAX_DEPTH:
            self._refuse(path, too_deep())
            return False
        self._open.add(id(value))
        return True

    def _accepts(self, path: FieldPath, refusal: Refusal | None) -> bool:
        if refusal is not None:
            self._refuse(path, refusal)
        return refusal is None

    def _refuse(self, path: FieldPath, refusal: Refusal) -> None:
        self.refused.append((path, refusal))


def _refuse_date(value: date | time) -> Refusal:
    text = value.isoformat()
    kind = "a time" if isinstance(value, time) else "a date"
    return Refusal(
        f"{text} is {kind}, which JSON does not have", "document.not-plain-data", f'quote it: "{text}"'
    )


def _shorten(spelling: str) -> str:
    return spelling if len(spelling) <= 40 else f"{spelling[:37]}..."
