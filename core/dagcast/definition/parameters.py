"""Values of a pipeline's parameters: defaults, overrides, types."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from dagcast.definition.model import ParameterSpec
from dagcast.errors import DiagnosticSink, did_you_mean
from dagcast.lazy_pattern import lazy_pattern
from dagcast.sagemaker.limits import PARAMETER_VALUE_MAX_LENGTH

_BOOLEANS = {"true": True, "false": False}
_INTEGER = lazy_pattern(r"[+-]?[0-9]+")
_NUMBER = lazy_pattern(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_HINTS = {
    "Boolean": "true or false",
    "Integer": "digits, perhaps with a sign, such as 5 or -3",
    "Float": "a finite number, such as 0.5, -3 or 1e-4",
}
"""By type: the valid texts. Python's own conversions accept more, such as ``5_0``."""


def parameter_values(
    parameters: Iterable[ParameterSpec],
    given: Mapping[str, Any],
    owners: Mapping[str, str] = MappingProxyType({}),
    *,
    remedy: str = "--param {name}=VALUE",
) -> dict[str, Any]:
    """Return the value of each parameter: the given one or else the default, converted to the parameter's type.

    Args:
        parameters: The parameters of the pipeline.
        given: Values by name: of the parameter's type, or texts.
        owners: By name of a parameter that a plugin added: the plugin. One error names its parameters without a value.
        remedy: How to give a value to a parameter that has none; ``{name}`` is the parameter.

    Raises:
        InvalidInputError: With every value that is missing or invalid, and every unknown name.
    """
    sink = DiagnosticSink()
    declared = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in declared:
            hint = did_you_mean(name, declared)
            sink.error(f"unknown parameter {name!r}", code="parameter.unknown", hint=hint)
    values: dict[str, Any] = {}
    missing: dict[str, list[str]] = {}
    for name, parameter in declared.items():
        if name not in given and parameter.default is None and name in owners:
            missing.setdefault(owners[name], []).append(name)
            continue
        if name not in given and parameter.default is None:
            hint = remedy.format(name=name)
            sink.error(f"parameter {name!r} has no value", code="parameter.missing", hint=hint)
            continue
        raw = given.get(name, parameter.default)
        kind = parameter.type
        try:
            values[name] = _convert(raw, kind)
        except (ValueError, OverflowError):
            message = f"parameter {name!r}: expected {kind}, got {raw!r}"
            sink.error(message, code="parameter.wrong-type", hint=_HINTS.get(kind))
            continue
        if name in given and isinstance(raw, str) and len(raw) > PARAMETER_VALUE_MAX_LENGTH:
            too_long = f"parameter {name!r}: expected at most {PARAMETER_VALUE_MAX_LENGTH} characters, got {len(raw)}"
            sink.error(too_long, code="parameter.too-long")
        if parameter.enum and values[name] not in parameter.enum:
            hint = did_you_mean(str(raw), map(str, parameter.enum))
            sink.error(
                f"parameter {name!r}: {raw!r} is not among its values",
                code="parameter.unknown-value",
                hint=hint,
            )
    for plugin, names in missing.items():
        what = f"parameter {names[0]!r}" if len(names) == 1 else f"parameters {', '.join(map(repr, names))}"
        verb = "has" if len(names) == 1 else "have"
        flags = " ".join(f"--param {name}=VALUE" for name in names)
        sink.error(
            f"{what} of plugin {plugin!r} {verb} no value",
            code="parameter.missing",
            hint=f"{flags}, or leave the plugin out with --no-plugin {plugin}",
        )
    sink.raise_errors()
    return values


def _convert(raw: Any, kind: Any) -> Any:
    """Return a value converted to a type.

    Raises:
        ValueError: If the value is invalid.
        OverflowError: If it is too large.
    """
    if kind == "String" and isinstance(raw, str):
        return raw
    if kind == "Boolean":
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.casefold() in _BOOLEANS:
            return _BOOLEANS[raw.casefold()]
    if kind == "Integer" and _is_number(raw, int, _INTEGER):
        return int(raw)
    if kind == "Float" and _is_number(raw, int | float, _NUMBER):
        number = float(raw)
        if math.isfinite(number):
            return number
    raise ValueError(kind)


def _is_number(raw: Any, numbers: Any, text: re.Pattern[str]) -> bool:
    """Return whether a value has one of the types ``numbers``, or is a text that matches ``text``."""
    if isinstance(raw, str):
        return text.fullmatch(raw) is not None
    return isinstance(raw, numbers) and not isinstance(raw, bool)
