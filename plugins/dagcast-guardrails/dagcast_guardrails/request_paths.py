"""Paths of fields in a request: find them, read values and set values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import EACH, FieldPath, FrozenDict, RequestField, find_values, freeze, has_local_storage
from dagcast_guardrails.values import Defaults, resolve_value

ABSENT = object()
"""The result of reading a field without a value."""

BLOCKED = object()
"""The result of reading a field whose container is not a mapping, such as a reference."""


def find_paths(field: RequestField, arguments: dict[str, Any]) -> list[FieldPath]:
    """Return each path of a field in a request, with or without a value."""
    if EACH in field.within:
        found = find_values(arguments, field.within)
        return [(*base, *field.path) for base, around in found if isinstance(around, dict)]
    around = value_at(arguments, field.within)
    return [(*field.within, *field.path)] if isinstance(around, dict) else []


def accepts_value(
    field: RequestField, arguments: dict[str, Any], path: FieldPath, defaults: Defaults
) -> bool:
    """Return whether the service accepts the field at a path, given the instance types of the request."""
    if field.with_local_storage:
        return True
    around = value_at(arguments, path[: -len(field.path)])
    found = [value for pattern in field.instance_types for _, value in find_values(around, pattern)]
    types = [resolve_value(value, defaults) for value in found]
    return not any(isinstance(value, str) and has_local_storage(value) for value in types)


def value_at(value: Any, path: FieldPath) -> Any:
    """Return the value at a path; :data:`ABSENT` without one, :data:`BLOCKED` if the container is not a mapping."""
    for part in path:
        if isinstance(part, int):
            value = value[part]
        elif not isinstance(value, dict):
            return BLOCKED
        else:
            value = value.get(part, ABSENT)
            if value is ABSENT:
                return ABSENT
    return value


def put_values(container: Any, values: Mapping[FieldPath, Any]) -> Any:
    """Return a frozen copy of a request with values at paths. Missing mappings are created; the rest is shared."""
    below: dict[str | int, dict[FieldPath, Any]] = {}
    for path, value in values.items():
        below.setdefault(path[0], {})[path[1:]] = value
    made: Any = list(container) if isinstance(container, tuple) else dict(container)
    for part, inner in below.items():
        if () in inner:
            made[part] = freeze(inner[()])
        else:
            around = made[part] if isinstance(part, int) else made.get(part, {})
            made[part] = put_values(around, inner)
    return tuple(made) if isinstance(made, list) else FrozenDict(made)
