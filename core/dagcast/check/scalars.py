"""Checks of single values: strings, numbers, booleans, times and binary data.

A reference in the place of a single value is checked for its type only. What it will be, and so what a join
of it with literal text will be, is not known before the pipeline runs, so neither length nor pattern nor
enum apply.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from dagcast.check.patterns import TextTest, compile_pattern, stray_characters
from dagcast.check.problems import Findings, shorten
from dagcast.errors import did_you_mean
from dagcast.paths import FieldPath
from dagcast.sagemaker.service_model import Shape

Checker = Callable[[Any, FieldPath, Findings], None]
"""Checks a value at a path against one shape, and records what is wrong with it."""

# Smithy's integer and long are 32 and 64 bits wide; the service cannot read a number beyond that.
_INTEGER_LIMITS: Final = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}

_FEW_VALUES: Final = 6

_ISO_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?([Zz]|[+-]\d{2}:?\d{2})?)?", re.ASCII
)


def scalar_checker(name: str, shape: Shape) -> Checker:
    """The check of a shape that is a single value.

    Args:
        name: The shape's name, for messages.
        shape: The shape as the model writes it.
    """
    kind: str = shape["type"]
    if kind == "string":
        return _enum_checker(name, shape["enum"]) if shape.get("enum") else _string_checker(shape)
    if kind in _INTEGER_LIMITS:
        return _integer_checker(kind, shape)
    if kind in ("float", "double"):
        return _float_checker(kind, shape)
    return {"boolean": _check_boolean, "timestamp": _check_timestamp, "blob": _check_blob}[kind]


def key_checker(name: str, shape: Shape) -> Checker:
    """The check of a map's key, which is a string in every service model.

    Args:
        name: The name of the key's shape, for messages.
        shape: The shape of the key.
    """
    check = scalar_checker(name, shape)

    def check_key(key: Any, path: FieldPath, findings: Findings) -> None:
        already = len(findings.problems)
        check(key, path, findings)
        if len(findings.problems) > already:
            problem = findings.problems.pop()
            findings.problems.append(replace(problem, message=f"the key of {problem.message}"))

    return check_key


def _enum_checker(name: str, values: list[str]) -> Checker:
    allowed = frozenset(values)

    def check(value: Any, path: FieldPath, findings: Findings) -> None:
        if not isinstance(value, str):
            findings.mismatch(value, path, "string")
        elif value not in allowed:
            known = f"one of {', '.join(values)}" if len(values) <= _FEW_VALUES else f"a value of {name}"
            hint = did_you_mean(value, values)
            findings.report(
                path, f"{{}} must be {known}, not {shorten(value)}", "request.unknown-value", hint
            )

    return check


def _string_checker(shape: Shape) -> Checker:
    shortest, longest = shape.get("min", 0), shape.get("max", math.inf)
    pattern: str | None = shape.get("pattern")
    matches: TextTest | None = None

    def check(value: Any, path: FieldPath, findings: Findings) -> None:
        nonlocal matches, pattern
        if not isinstance(value, str):
            findings.mismatch(value, path, "string")
        elif not shortest <= len(value) <= longest:
            wanted = size(shortest, longest, "character")
            findings.report(
                path, f"{{}} must have {wanted}, and has {len(value)}: {shorten(value)}", "request.length"
            )
        elif pattern is not None:
            # Compiled at the first value: a pipeline meets few of a model's patterns.
            if matches is None:
                matches = compile_pattern(pattern) or _matches_anything
            if not matches(value):
                stray = stray_characters(pattern, value)
                hint = f"it cannot have {', '.join(map(repr, stray))}" if stray else None
                message = f"{{}} must match {pattern}, and does not: {shorten(value)}"
                findings.report(path, message, "request.pattern", hint)

    return check


def _matches_anything(text: str) -> bool:
    return True


def _integer_checker(kind: str, shape: Shape) -> Checker:
    least, most = _INTEGER_LIMITS[kind]
    least, most = max(least, shape.get("min", least)), min(most, shape.get("max", most))

    def check(value: Any, path: FieldPath, findings: Findings) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            findings.mismatch(value, path, kind)
        elif not least <= value <= most:
            findings.report(path, f"{{}} must be {_range(shape)}, not {value}", "request.out-of-range")

    return check


def _float_checker(kind: str, shape: Shape) -> Checker:
    least, most = shape.get("min", -math.inf), shape.get("max", math.inf)

    def check(value: Any, path: FieldPath, findings: Findings) -> None:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            findings.mismatch(value, path, kind)
        elif isinstance(value, float) and not math.isfinite(value):
            findings.report(path, f"{{}} must be a finite number, not {value}", "request.not-finite")
        elif not least <= value <= most:
            findings.report(path, f"{{}} must be {_range(shape)}, not {value}", "request.out-of-range")

    return check


def _check_boolean(value: Any, path: FieldPath, findings: Findings) -> None:
    if not isinstance(value, bool):
        findings.mismatch(value, path, "boolean")


def _check_timestamp(value: Any, path: FieldPath, findings: Findings) -> None:
    # The JSON protocols write a time as seconds since 1970, and people write it as ISO 8601.
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            findings.report(path, f"{{}} must be a finite number, not {value}", "request.not-finite")
    elif not isinstance(value, str) or not _ISO_TIME.fullmatch(value):
        findings.mismatch(value, path, "timestamp")


def _check_blob(value: Any, path: FieldPath, findings: Findings) -> None:
    if not isinstance(value, str):
        findings.mismatch(value, path, "blob")
        return
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        findings.mismatch(value, path, "blob")


def size(least: float, most: float, noun: str) -> str:
    """A count in words: ``at least 1 item``, ``1 to 63 characters``."""
    plural = f"{noun}s"
    if most == math.inf:
        return f"at least {least} {noun if least == 1 else plural}"
    if least == most:
        return f"exactly {least} {noun if least == 1 else plural}"
    if least == 0:
        return f"at most {most} {noun if most == 1 else plural}"
    return f"{least} to {most} {plural}"


def _range(shape: Shape) -> str:
    least, most = shape.get("min"), shape.get("max")
    if least is None and most is None:
        limits = _INTEGER_LIMITS[shape["type"]]
        return f"from {limits[0]} to {limits[1]}"
    if most is None:
        return f"at least {least}"
    if least is None:
        return f"at most {most}"
    return f"from {least} to {most}"
