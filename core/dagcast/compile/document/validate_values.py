"""Validate the values of a document. All readers apply these rules, regardless of the file format.

A config becomes the JSON body of service requests. It may contain only values that JSON can represent and the service
accepts: mappings with string keys, lists, strings, numbers, booleans and null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import Enum
from pathlib import PurePath
from typing import Any, NamedTuple

from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath

MAX_DEPTH = 100
"""Maximum nesting depth of mappings and lists. The top level is level 1. The limit is set by dagcast."""

MAX_VALUES = 1_000_000
"""Maximum number of values of one document. Each use of an alias counts. The limit is set by dagcast."""

MIN_INTEGER = -(2**63)
"""Smallest integer. TOML guarantees 64 bits, and ``long``, the widest integer of botocore's models, has 64 bits."""

MAX_INTEGER = 2**63 - 1
"""Largest integer. See :data:`MIN_INTEGER`."""

_SURROGATE = lazy_pattern("[\ud800-\udfff]")


class DocumentProblem(NamedTuple):
    """The reason why a value is invalid in a document: a diagnostic without its location."""

    message: str
    code: str
    hint: str | None = None


def depth_problem(depth: int = MAX_DEPTH) -> DocumentProblem:
    """Return the problem of a mapping or list that is nested in more than ``depth - 1`` others."""
    return DocumentProblem(
        f"mappings and lists are nested more than {depth} levels deep here", "document.too-deep"
    )


def size_problem(limit: int = MAX_VALUES) -> DocumentProblem:
    """Return the problem of a document that has more than ``limit`` values after its aliases are expanded."""
    return DocumentProblem(f"the document holds more than {limit:,} values", "document.too-large")


def finite_problem(spelling: str) -> DocumentProblem:
    """Return the problem of an infinity or a NaN, with the literal as the user wrote it."""
    return DocumentProblem(
        f"{_shorten(spelling)} is not a finite number, and JSON has no others",
        "document.not-finite",
        "write a finite number, or quote it if it is text",
    )


def range_problem(spelling: str) -> DocumentProblem:
    """Return the problem of an integer that does not fit into 64 bits, with the literal as the user wrote it."""
    return DocumentProblem(
        f"the integer {_shorten(spelling)} does not fit 64 bits",
        "document.integer-range",
        "quote it if it is text",
    )


def check_text(text: str) -> DocumentProblem | None:
    """Return why ``text`` is invalid in a document, or ``None`` if it is valid."""
    if "\0" in text:
        return DocumentProblem(
            "the string holds a NUL character (U+0000)", "document.bad-character", "remove it"
        )
    if not text.isascii():
        surrogate = _SURROGATE.search(text)
        if surrogate is not None:
            return DocumentProblem(
                f"the string holds half a character (the lone surrogate U+{ord(surrogate.group()):04X})",
                "document.bad-character",
                "write the character itself",
            )
    return None


def check_number(value: int | float) -> DocumentProblem | None:
    """Return why ``value`` is invalid in a document, or ``None`` if it is valid."""
    if isinstance(value, float):
        return None if math.isfinite(value) else finite_problem(str(value))
    if MIN_INTEGER <= value <= MAX_INTEGER:
        return None
    # Python does not convert integers with thousands of digits to decimal.
    return range_problem(str(value) if value.bit_length() < 1000 else hex(value))


def describe_kind(value: object) -> str:
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


def copy_plain_data(data: Any) -> tuple[Any, list[tuple[FieldPath, DocumentProblem]]]:
    """Return a copy of ``data`` with only plain values, and the problems of invalid values with their paths.

    Converts tuples to lists, other mappings to dicts, enum members to their values, file paths to strings, and
    instances of subclasses of strings and numbers to plain values. An invalid value is ``None`` in the copy.
    """
    copier = _Copier()
    return copier.copy(data, ()), copier.refused


class _Copier:
    def __init__(self) -> None:
        self.refused: list[tuple[FieldPath, DocumentProblem]] = []
        self._values = 0
        self._open: set[int] = set()

    def copy(self, value: Any, path: FieldPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            if self._values == MAX_VALUES + 1:
                self._refuse(path, size_problem())
            return None
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, PurePath):
            value = str(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            text = str.__str__(value)
            return text if self._accepts(path, check_text(text)) else None
        if isinstance(value, (int, float)):
            number = int(value) if isinstance(value, int) else float(value)
            return number if self._accepts(path, check_number(number)) else None
        if isinstance(value, Mapping):
            return self._copy_mapping(value, path) if self._enter(value, path) else None
        if isinstance(value, (list, tuple)):
            return self._copy_list(value, path) if self._enter(value, path) else None
        if isinstance(value, (date, time)):
            return self._refuse(path, _date_problem(value))
        return self._refuse(
            path,
            DocumentProblem(f"{describe_kind(value)} is not allowed in a config", "document.not-plain-data"),
        )

    def _copy_mapping(self, value: Mapping[Any, Any], path: FieldPath) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self._refuse(
                    path,
                    DocumentProblem(
                        f"the key {key!r} is not a string", "document.key-not-string", "quote it"
                    ),
                )
                continue
            name = str.__str__(key)
            self._accepts((*path, name), check_text(name))
            copied[name] = self.copy(item, (*path, name))
        self._open.discard(id(value))
        return copied

    def _copy_list(self, value: Iterable[Any], path: FieldPath) -> list[Any]:
        copied = [self.copy(item, (*path, index)) for index, item in enumerate(value)]
        self._open.discard(id(value))
        return copied

    def _enter(self, value: object, path: FieldPath) -> bool:
        if id(value) in self._open:
            self._refuse(path, DocumentProblem("the value contains itself", "document.recursive"))
            return False
        if len(self._open) >= MAX_DEPTH:
            self._refuse(path, depth_problem())
            return False
        self._open.add(id(value))
        return True

    def _accepts(self, path: FieldPath, problem: DocumentProblem | None) -> bool:
        if problem is not None:
            self._refuse(path, problem)
        return problem is None

    def _refuse(self, path: FieldPath, problem: DocumentProblem) -> None:
        self.refused.append((path, problem))


def _date_problem(value: date | time) -> DocumentProblem:
    text = value.isoformat()
    kind = "a time" if isinstance(value, time) else "a date"
    return DocumentProblem(
        f"{text} is {kind}, which JSON does not have", "document.not-plain-data", f'quote it: "{text}"'
    )


def _shorten(spelling: str) -> str:
    return spelling if len(spelling) <= 40 else f"{spelling[:37]}..."
