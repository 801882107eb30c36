"""Places in a request: where a value stands, and reading and setting it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.plugin import EACH, FieldPath, FrozenDict, RequestField, find_values, freeze, has_local_storage
from dagcast_guardrails.values import Defaults, known

ABSENT = object()
"""Stands for a value that is not there."""

BLOCKED = object()
"""Stands for a value that has no place, since what is around it is not a mapping: a reference, say."""


def paths_of(field: RequestField, arguments: dict[str, Any]) -> list[FieldPath]:
    """Return each path of a field in a request, whether or not there is a value."""
    if EACH in field.within:
        found = find_values(arguments, field.within)
        return [(*base, *field.path) for base, around in found if isinstance(around, dict)]
    around = value_at(arguments, field.within)
    return [(*field.within, *field.path)] if isinstance(around, dict) else []


def takes_value(field: RequestField, arguments: dict[str, Any], path: FieldPath, defaults: Defaults) -> bool:
    """Return whether the service takes the field at a path, going by the instances around it."""
    if field.with_local_storage:
        return True
    around = value_at(arguments, path[: -len(field.path)])
    found = [value for pattern in field.instance_types for _, value in find_values(around, pattern)]
    types = [known(value, defaults) for value in found]
    return not any(isinstance(value, str) and has_local_storage(value) for value in types)


def value_at(value: Any, path: FieldPath) -> Any:
    """The value at a path; :data:`ABSENT` if it is not there, :data:`BLOCKED` if it cannot be there."""
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


def put(container: Any, values: Mapping[FieldPath, Any]) -> Any:
    """A frozen copy of a request with values at paths; mappings on the way are made, and all else is shared."""
    below: dict[str | int, dict[FieldPath, Any]] = {}
    for path, value in values.items():
        below.setdefault(path[0], {})[path[1:]] = value
    made: Any = list(container) if isinstance(container, tuple) else dict(container)
    for part, inner in below.items():
        if () in inner:
            made[part] = freeze(inner[()])
        else:
            around = made[part] if isinstance(part, int) else made.get(part, {})
            made[part] = put(around, inner)
    return tuple(made) if isinstance(made, list) else FrozenDict(made)
