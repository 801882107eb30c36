"""Resolve YAML scalars by the core schema of YAML 1.2.

In this schema, ``yes``, ``on``, ``12:30`` and ``2020-12-01`` are strings. An integer with a leading zero, such as
``010``, is rejected: YAML 1.1 resolves it to octal 8, YAML 1.2 to decimal 10. In a config for AWS, it may be an account
id, which would lose its leading zero.
"""

from __future__ import annotations

import math

from dagcast.compile.document.validate_values import (
    MAX_INTEGER,
    MIN_INTEGER,
    DocumentProblem,
    finite_problem,
    range_problem,
)
from dagcast.lazy_pattern import lazy_pattern

Scalar = str | int | float | bool | None

CORE_TAG = "tag:yaml.org,2002:"

_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

WORDS: dict[str, bool | None] = {**dict.fromkeys(_NULLS), **_BOOLEANS}
"""The plain scalars for null and booleans, with their values."""

NUMBER_BEGINNINGS = frozenset("0123456789+-.")
"""The first characters of numbers. Other plain scalars are strings, except those in :data:`WORDS`."""

_DECIMAL = lazy_pattern(r"[-+]?[0-9]+")
_LEADING_ZERO = lazy_pattern(r"[-+]?0[0-9]+")
_OCTAL = lazy_pattern(r"0o[0-7]+")
_HEXADECIMAL = lazy_pattern(r"0x[0-9a-fA-F]+")
_FLOAT = lazy_pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = lazy_pattern(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# A 64-bit integer has at most 22 octal digits. Longer literals are reported as out of range without a conversion, which
# Python rejects for very long ones.
_MAX_INTEGER_SPELLING = 26


def plain_scalar(text: str) -> Scalar | DocumentProblem:
    """Return the value of a scalar without quotes and without a tag."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_BEGINNINGS:
        return text
    integer = _integer(text)
    if integer is not None:
        return integer
    if _FLOAT.fullmatch(text):
        return _finite(text)
    if _NOT_FINITE.fullmatch(text):
        return finite_problem(text)
    return text


def tagged_scalar(tag: str, text: str) -> Scalar | DocumentProblem:
    """Return the value of a scalar with an explicit tag, such as ``!!int "5"``."""
    kind = tag.removeprefix(CORE_TAG) if tag.startswith(CORE_TAG) else None
    if kind == "str":
        return text
    if kind == "null":
        return None if text in _NULLS else _mismatch_problem(tag, text)
    if kind == "bool":
        return _BOOLEANS[text] if text in _BOOLEANS else _mismatch_problem(tag, text)
    if kind == "int":
        integer = _integer(text)
        return _mismatch_problem(tag, text) if integer is None else integer
    if kind == "float":
        if _FLOAT.fullmatch(text):
            return _finite(text)
        return finite_problem(text) if _NOT_FINITE.fullmatch(text) else _mismatch_problem(tag, text)
    return tag_problem(tag, "a scalar")


def tag_problem(tag: str, kind: str) -> DocumentProblem:
    """Return the problem of ``tag`` on a value of ``kind``."""
    if tag in (f"{CORE_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")):
        return DocumentProblem(
            f"the tag {_format_tag(tag)} does not fit {kind}", "document.wrong-tag", "remove the tag"
        )
    return DocumentProblem(
        f"the tag {_format_tag(tag)} is not known: a config holds plain data",
        "document.unknown-tag",
        "remove it; known are !!str, !!int, !!float, !!bool, !!null, !!map and !!seq",
    )


def _integer(text: str) -> int | DocumentProblem | None:
    if _DECIMAL.fullmatch(text):
        if _LEADING_ZERO.fullmatch(text):
            return DocumentProblem(
                f"{text} begins with a zero, which YAML 1.1 reads as octal and YAML 1.2 as decimal",
                "document.ambiguous-number",
                f"write '{text}' if it is text, or the number without the zero",
            )
        base = 10
    elif _OCTAL.fullmatch(text):
        base = 8
    elif _HEXADECIMAL.fullmatch(text):
        base = 16
    else:
        return None
    if len(text) > _MAX_INTEGER_SPELLING:
        return range_problem(text)
    value = int(text, base)
    return value if MIN_INTEGER <= value <= MAX_INTEGER else range_problem(text)


def _finite(text: str) -> float | DocumentProblem:
    value = float(text)
    return value if math.isfinite(value) else finite_problem(text)


def _mismatch_problem(tag: str, text: str) -> DocumentProblem:
    return DocumentProblem(
        f"{text!r} is not a value of the tag {_format_tag(tag)}", "document.wrong-tag", "remove the tag"
    )


def _format_tag(tag: str) -> str:
    return f"!!{tag.removeprefix(CORE_TAG)}" if tag.startswith(CORE_TAG) else tag
