"""What is known of a value when the pipeline is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import Join, ParameterRef, PipelineSpec, Reference

UNKNOWN = object()
"""Stands for a value that only an execution knows."""

Defaults = Mapping[str, Any]


def defaults_of(spec: PipelineSpec) -> Defaults:
    """The default of each parameter; :data:`UNKNOWN` for one that has none."""
    return {
        parameter.name: UNKNOWN if parameter.default is None else parameter.default
        for parameter in spec.parameters
    }


def known(value: Any, defaults: Defaults) -> Any:
    """The value itself, or what it is where a start gives no parameters; :data:`UNKNOWN` if that cannot be said."""
    if isinstance(value, ParameterRef):
        return defaults.get(value.name, UNKNOWN)
    if isinstance(value, Join):
        parts = [known(part, defaults) for part in value.values]
        return UNKNOWN if UNKNOWN in parts else value.on.join(str(part) for part in parts)
    return UNKNOWN if isinstance(value, Reference) else value


def items(value: Any) -> tuple[Any, ...]:
    """The items of a list; any other value alone."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def show(value: Any, defaults: Defaults) -> str:
    """A value for a message; of a reference also what it is by default."""
    if isinstance(value, Reference):
        default = known(value, defaults)
        return str(value) if default is UNKNOWN else f"{value} (by default {show(default, defaults)})"
    return str(value).lower() if isinstance(value, bool) else repr(value)
