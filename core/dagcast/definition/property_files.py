"""Look up values in JSON data: in property files, for ``JsonGet``, and in the properties of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.definition.property_paths import parse_property_path
from dagcast.errors import DagcastError, did_you_mean

_NAMES = ("OutputName", "InputName", "ChannelName", "MetricName", "Name")


class PathError(DagcastError):
    """A path is malformed, or does not exist in the data."""


def look_up(data: Any, path: str, *, named: bool = False) -> Any:
    """Return the value at a path.

    Args:
        data: JSON data.
        path: Names separated by dots, ``[0]`` and ``['key']``; a negative index counts from the end.
        named: Whether a key selects the list item of that name, as in the properties of steps.

    Raises:
        PathError: If the path is malformed, or does not exist in the data.
    """
    segments = parse_property_path(path)
    if segments is None:
        raise PathError(f"invalid path {path!r}: expected names separated by dots, [0] or ['key']")
    for part in (segment.value for segment in segments):
        if isinstance(data, Mapping) and str(part) in data:
            data = data[str(part)]
            continue
        known: list[str] = [str(key) for key in data] if isinstance(data, Mapping) else []
        if isinstance(data, list | tuple):
            if isinstance(part, int) and -len(data) <= part < len(data):
                data = data[part]
                continue
            items = {
                item[key]: item
                for item in data
                if named and isinstance(item, Mapping)
                for key in _NAMES
                if isinstance(item.get(key), str)
            }
            if part in items:
                data = items[str(part)]
                continue
            known = list(items)
        hint = did_you_mean(str(part), known)
        raise PathError(f"unknown path {path!r}: no {part!r}" + (f" ({hint})" if hint else ""))
    return data
