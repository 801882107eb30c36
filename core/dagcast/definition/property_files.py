"""Paths into JSON data, as property references and ``JsonGet`` write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dagcast.errors import DagcastError, did_you_mean

_PART = re.compile(r"""\.?([^.\[\]'"]+)|\[(-?\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_NAMES = ("OutputName", "InputName", "ChannelName", "MetricName", "Name")


class PathError(DagcastError):
    """A path is written wrongly, or leads nowhere."""


def parse_path(path: str) -> tuple[str | int, ...]:
    """The parts of a path such as ``a.b[0]['key']``.

    Raises:
        PathError: If it is no such path.
    """
    parts: list[str | int] = []
    at = 0
    while at < len(path):
        match = _PART.match(path, at)
        if match is None:
            raise PathError(f"{path!r} is no path: expected names with dots, [0] or ['key']")
        name, index, single, double = match.groups()
        if index is not None:
            parts.append(int(index))
        else:
            parts.append(next(text for text in (name, single, double) if text is not None))
        at = match.end()
    return tuple(parts)


def look_up(data: Any, path: str, *, named: bool = False) -> Any:
    """What ``path`` leads to.

    Args:
        data: JSON data.
        path: Names with dots, ``[0]`` and ``['key']``; a negative number counts from the end.
        named: Whether a key into a list finds the item of that name, as it does in the properties of steps.

    Raises:
        PathError: If it leads nowhere; the message says what there is.
    """
    for part in parse_path(path):
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
        raise PathError(f"{path!r} leads nowhere: there is no {part!r}" + (f" ({hint})" if hint else ""))
    return data
