"""Checks of single values: strings, numbers, booleans, times and binary data.

Of a reference only the type is checked. Its value, and the value of a join that contains it, are unknown before the
pipeline runs, so length, pattern and enum do not apply.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from dagcast.check.patterns import TextMatcher, compile_pattern, find_invalid_characters
from dagcast.check.problems import ProblemCollector, short_repr
from dagcast.errors import did_you_mean, nearest
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath
from dagcast.sagemaker.service_model import ModelShape, botocore_version
from dagcast.suggestions import is_likely

Checker = Callable[[Any, FieldPath, ProblemCollector], None]
"""Checks the value at a path against one shape, and records its problems in the collector."""

# Integer and long have 32 and 64 bits; the service cannot read larger numbers. Source: Smithy specification, "Simple
# types".
_INTEGER_LIMITS: Final = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}

_MAX_LISTED_VALUES: Final = 6

_ISO_TIME: Final = lazy_pattern(
    r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?([Zz]|[+-]\d{2}:?\d{2})?)?", re.ASCII
)


# How many strings, and how long ones, are kept for a shape: a process may compile for days.
_MAX_ACCEPTED: Final = 4096
_MAX_ACCEPTED_LENGTH: Final = 256


_INSTANCE_FAMILY: Final = lazy_pattern(r"ml\.[a-z][a-z0-9-]*")
_ROLE_NAME: Final = lazy_pattern(r"[\w+=,.@-]{1,64}", re.ASCII)


def make_scalar_checker(name: str, shape: ModelShape, accepted: set[str]) -> Checker:
    """Return the check of a shape that is a single value.

    Args:
        name: The shape's name, for messages.
        shape: The shape as the model writes it.
        accepted: Collects strings that the check accepts.
    """
    kind: str = shape["type"]
    if kind == "string":
        if shape.get("enum"):
            return _make_enum_checker(name, shape["enum"], accepted)
        return _make_string_checker(shape, accepted)
    if kind in _INTEGER_LIMITS:
        return _make_integer_checker(kind, shape)
    if kind in ("float", "double"):
        return _make_float_checker(kind, shape)
    return {"boolean": _check_boolean, "timestamp": _check_timestamp, "blob": _check_blob}[kind]


def make_key_checker(name: str, shape: ModelShape, accepted: set[str]) -> Checker:
    """Return the check of a map's key, which is a string in every service model.

    Args:
        name: The name of the key's shape, for messages.
        shape: The shape of the key.
        accepted: Collects strings that the check accepts.
    """
    check = make_scalar_checker(name, shape, accepted)

    def check_key(key: Any, path: FieldPath, collector: ProblemCollector) -> None:
        already = len(collector.problems)
        check(key, path, collector)
        if len(collector.problems) > already:
            problem = collector.problems.pop()
            collector.problems.append(replace(problem, message=f"the key of {problem.message}"))

    return check_key


def _make_enum_checker(name: str, values: list[str], accepted: set[str]) -> Checker:
    allowed = frozenset(values)
    accepted |= allowed

    def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
        if not isinstance(value, str):
            collector.report_mismatch(value, path, "string")
        elif value not in allowed:
            known = (
                f"one of {', '.join(values)}" if len(values) <= _MAX_LISTED_VALUES else f"a value of {name}"
            )
            hint = _hint_value(value, values)
            collector.report(
                path, f"{{}} must be {known}, not {short_repr(value)}", "request.unknown-value", hint
            )

    return check


def _hint_value(value: str, values: list[str]) -> str | None:
    """Return what to write instead of an unknown value, and what to do if the service is newer than botocore."""
    close = nearest(value, values)
    family, _, size = value.rpartition(".")
    is_new_instance = bool(_INSTANCE_FAMILY.fullmatch(family)) and any(
        known.endswith(f".{size}") for known in values
    )
    hint = did_you_mean(value, values)
    if close is not None and not is_new_instance and is_likely(value, close):
        return hint
    newer = (
        f"if SageMaker has it, botocore {botocore_version()} does not know it yet: upgrade botocore, "
        "or write ignore_rules: [request.unknown-value]"
    )
    return f"{hint.rstrip('?')}? {newer}" if close is not None and hint is not None else newer


def _hint_role(value: str, pattern: str | None) -> str | None:
    """Return the ARN to write where the name of a role is given instead of it."""
    is_name = _ROLE_NAME.fullmatch(value) and not value.startswith("arn")
    if pattern is None or ":role/" not in pattern or not is_name:
        return None
    return f"write the role's ARN, such as arn:aws:iam::123456789012:role/{value}"


def _make_string_checker(shape: ModelShape, accepted: set[str]) -> Checker:
    shortest, longest = shape.get("min", 0), shape.get("max", math.inf)
    pattern: str | None = shape.get("pattern")
    matches: TextMatcher | None = None

    def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
        nonlocal matches, pattern
        if not isinstance(value, str):
            collector.report_mismatch(value, path, "string")
        elif not shortest <= len(value) <= longest:
            wanted = format_count(shortest, longest, "character")
            message = f"{{}} must have {wanted}, and has {len(value)}: {short_repr(value)}"
            collector.report(path, message, "request.length", _hint_role(value, pattern))
        else:
            # Compiled for the first value, since a pipeline uses few of a model's patterns.
            if pattern is not None and matches is None:
                matches = compile_pattern(pattern) or _accept_any_text
            if pattern is None or matches is None or matches(value):
                if len(accepted) < _MAX_ACCEPTED and len(value) <= _MAX_ACCEPTED_LENGTH:
                    accepted.add(value)
                return
            invalid = find_invalid_characters(pattern, value)
            hint = f"it cannot have {', '.join(map(repr, invalid))}" if invalid else None
            hint = _hint_role(value, pattern) or hint
            message = f"{{}} must match {pattern}, and does not: {short_repr(value)}"
            collector.report(path, message, "request.pattern", hint)

    return check


def _accept_any_text(text: str) -> bool:
    return True


def _make_integer_checker(kind: str, shape: ModelShape) -> Checker:
    least, most = _INTEGER_LIMITS[kind]
    least, most = max(least, shape.get("min", least)), min(most, shape.get("max", most))

    def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            collector.report_mismatch(value, path, kind)
        elif not least <= value <= most:
            collector.report(
                path, f"{{}} must be {_format_range(shape)}, not {value}", "request.out-of-range"
            )

    return check


def _make_float_checker(kind: str, shape: ModelShape) -> Checker:
    least, most = shape.get("min", -math.inf), shape.get("max", math.inf)

    def check(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            collector.report_mismatch(value, path, kind)
        elif isinstance(value, float) and not math.isfinite(value):
            collector.report(path, f"{{}} must be a finite number, not {value}", "request.not-finite")
        elif not least <= value <= most:
            collector.report(
                path, f"{{}} must be {_format_range(shape)}, not {value}", "request.out-of-range"
            )

    return check


def _check_boolean(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
    if not isinstance(value, bool):
        collector.report_mismatch(value, path, "boolean")


def _check_timestamp(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
    # In AWS's JSON protocols a time is the number of seconds since 1970; people write ISO 8601.
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            collector.report(path, f"{{}} must be a finite number, not {value}", "request.not-finite")
    elif not isinstance(value, str) or not _ISO_TIME.fullmatch(value):
        collector.report_mismatch(value, path, "timestamp")


def _check_blob(value: Any, path: FieldPath, collector: ProblemCollector) -> None:
    if not isinstance(value, str):
        collector.report_mismatch(value, path, "blob")
        return
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        collector.report_mismatch(value, path, "blob")


def format_count(least: float, most: float, noun: str) -> str:
    """Return the limits of a count in words: ``at least 1 item``, ``1 to 63 characters``."""
    plural = f"{noun}s"
    if most == math.inf:
        return f"at least {least} {noun if least == 1 else plural}"
    if least == most:
        return f"exactly {least} {noun if least == 1 else plural}"
    if least == 0:
        return f"at most {most} {noun if most == 1 else plural}"
    return f"{least} to {most} {plural}"


def _format_range(shape: ModelShape) -> str:
    least, most = shape.get("min"), shape.get("max")
    if least is None and most is None:
        limits = _INTEGER_LIMITS[shape["type"]]
        return f"from {limits[0]} to {limits[1]}"
    if most is None:
        return f"at least {least}"
    if least is None:
        return f"at most {most}"
    return f"from {least} to {most}"
