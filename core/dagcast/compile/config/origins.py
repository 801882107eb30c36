"""Finds where a value of the pipeline was written, down to the line of the value itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from dagcast.compile.config.reference_syntax import format_references
from dagcast.compile.spec.pipeline import Origin
from dagcast.definition.references import Reference
from dagcast.paths import FieldPath

NO_CONFIG: Mapping[str, Any] = MappingProxyType({})
"""Stands for a config that is not known: values are located no deeper than their origins."""

NOTHING = object()
"""What :func:`value_in` returns where nothing is."""


def origin_at(origins: Mapping[FieldPath, Origin], path: FieldPath) -> Origin | None:
    """Return the origin of the value at ``path``, or of the closest value around it.

    Args:
        origins: The origins of a step, or of the pipeline, by path of the definition.
        path: A path of the definition, such as ``("Arguments", "Environment", "A")``.
    """
    return _nearest_origin(origins, path)[0]


def find_origin(
    origins: Mapping[FieldPath, Origin], path: FieldPath, value: object, config: Mapping[str, Any]
) -> Origin | None:
    """Return the origin of a value, as deep in the config as the value itself is written.

    A field of the config gives a whole list or mapping of the definition, of which this is one value. It is found by
    its path below the field where the definition has the form of the config, and else by the value.

    Args:
        origins: The origins of a step, or of the pipeline, by path of the definition.
        path: A path of the definition.
        value: The value at the path, or a reference in it.
        config: The data of the whole config.
    """
    origin, length = _nearest_origin(origins, path)
    if origin is None or origin.kind != "config":
        return origin
    tail = path[length:]
    field = value_in(config, origin.path)
    if field is NOTHING:
        # Written in the defaults, which have the path of the field, not of the step.
        return replace(origin, path=origin.path + tail)
    if value_in(field, tail) is NOTHING or isinstance(value, Reference):
        found = _find_value(field, tail, value)
        if found is not None:
            return replace(origin, path=origin.path + found)
    return replace(origin, path=origin.path + tail)


def _nearest_origin(origins: Mapping[FieldPath, Origin], path: FieldPath) -> tuple[Origin | None, int]:
    for length in range(len(path), -1, -1):
        found = origins.get(path[:length])
        if found is not None:
            return found, length
    return None, 0


def value_in(data: Any, path: FieldPath) -> Any:
    """Return the value at a path of plain data, or :data:`NOTHING`."""
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part, NOTHING)
        elif isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return NOTHING
    return data


def _find_value(field: Any, tail: FieldPath, value: object) -> FieldPath | None:
    """The path below a field at which a value is written; of several, the one with the most indexes of ``tail``."""
    wanted = format_references(value) if isinstance(value, Reference) else value
    indexes = [part for part in tail if isinstance(part, int)]
    best: FieldPath | None = None
    score = -1
    for path, leaf in _leaves(field):
        if isinstance(value, Reference):
            matches = isinstance(leaf, str) and str(wanted) in leaf
        else:
            matches = type(leaf) is type(wanted) and leaf == wanted
        if matches:
            own = [part for part in path if isinstance(part, int)]
            agree = sum(1 for one, other in zip(own, indexes, strict=False) if one == other)
            if agree > score:
                best, score = path, agree
    return best


def _leaves(value: Any) -> Iterator[tuple[FieldPath, Any]]:
    # Configs are nested up to 100 levels deep, so this need not recurse, and does not.
    waiting: list[tuple[FieldPath, Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, Mapping):
            waiting += reversed([((*path, key), below) for key, below in item.items()])
        elif isinstance(item, (list, tuple)):
            waiting += reversed([((*path, index), below) for index, below in enumerate(item)])
        else:
            yield path, item
