"""Property paths: the syntax in which references name a value of a step, or of a property file.

Members are separated by dots. ``[0]`` is an item of a list. ``['x']`` or ``["x"]`` is a value of a map, or the item of
this name in a list.
"""

from __future__ import annotations

import re
from typing import Final

from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern

_SEGMENT: Final = lazy_pattern(
    r"""(?P<dot>\.)?(?P<member>[^.\[\]'"]+)
      | \[(?P<index>-?\d+)\]
      | \['(?P<single>[^']*)'\]
      | \["(?P<double>[^"]*)"\]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Segment:
    """One part of a property path.

    Attributes:
        value: A member's name, a key, or the position of an item; a negative position counts from the end.
        is_key: Whether it is in quotes.
    """

    value: str | int
    is_key: bool = False

    def __str__(self) -> str:
        if self.is_key:
            return f"['{self.value}']"
        return f"[{self.value}]" if isinstance(self.value, int) else f".{self.value}"


Segments = tuple[Segment, ...]


def parse_property_path(path: str) -> Segments | None:
    """Return the segments of a path; ``None`` if its syntax is invalid.

    Args:
        path: The path. The empty path has no segments.

    Example:
        >>> [segment.value for segment in parse_property_path("Outputs['train'].Uris[0]")]
        ['Outputs', 'train', 'Uris', 0]
        >>> parse_property_path("Outputs..Uris") is None
        True
    """
    segments: list[Segment] = []
    position = 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        # Every member but the first has a dot before it.
        if found is None or (found["member"] is not None and bool(found["dot"]) != bool(segments)):
            return None
        if found["member"] is not None:
            segments.append(Segment(found["member"]))
        elif found["index"] is not None:
            segments.append(Segment(int(found["index"])))
        else:
            key = found["single"] if found["single"] is not None else found["double"]
            segments.append(Segment(key, is_key=True))
        position = found.end()
    return tuple(segments)


def format_segments(segments: Segments, *, first: bool = True) -> str:
    """Return the text of segments: the opposite of :func:`parse_property_path`.

    Args:
        segments: The segments.
        first: Whether they are the start of a path, so that no dot is before the first member.
    """
    text = "".join(map(str, segments))
    return text[1:] if first and text.startswith(".") else text
