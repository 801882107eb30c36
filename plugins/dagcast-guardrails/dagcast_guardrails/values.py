"""Resolve values as far as they are known at compile time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import Join, ParameterRef, PipelineSpec, Reference

UNKNOWN = object()
"""A value that is unknown before an execution."""

Defaults = Mapping[str, Any]


def parameter_defaults(spec: PipelineSpec) -> Defaults:
    """Return the default of each parameter; :data:`UNKNOWN` for parameters without one."""
    return {
        parameter.name: UNKNOWN if parameter.default is None else parameter.default
        for parameter in spec.parameters
    }


def resolve_value(value: Any, defaults: Defaults) -> Any:
    """Return a value with parameters replaced by their defaults; :data:`UNKNOWN` if it depends on other references."""
    if isinstance(value, ParameterRef):
        return defaults.get(value.name, UNKNOWN)
    if isinstance(value, Join):
        parts = [resolve_value(part, defaults) for part in value.values]
        return UNKNOWN if UNKNOWN in parts else value.on.join(str(part) for part in parts)
    return UNKNOWN if isinstance(value, Reference) else value


def as_items(value: Any) -> tuple[Any, ...]:
    """Return the items of a list; a tuple of one for any other value."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def format_value(value: Any, defaults: Defaults) -> str:
    """Format a value for a message; for a reference, include its default."""
    if isinstance(value, Reference):
        default = resolve_value(value, defaults)
        return str(value) if default is UNKNOWN else f"{value} (default {format_value(default, defaults)})"
    return str(value).lower() if isinstance(value, bool) else repr(value)
