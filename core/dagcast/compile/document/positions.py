"""Positions of the values of a document."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from dagcast.errors import Location
from dagcast.lazy_pattern import lazy_pattern
from dagcast.paths import FieldPath

_LINE_END = lazy_pattern(r"\r\n?|\n")


class Positions(Protocol):
    """Finds the location of a value by its path."""

    def locate(self, file: str, path: FieldPath, key: bool) -> Location:
        """Return the location of the value at ``path``, or of its deepest existing ancestor."""
        ...


class LineIndex:
    """The lines of a text, as editors count them. Only LF, CR LF and CR end a line."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _ends(self) -> list[int]:
        return [match.end() for match in _LINE_END.finditer(self._text)]

    def line(self, offset: int) -> int:
        """Return the 1-based line of the character at ``offset``."""
        return bisect_left(self._ends, offset + 1) + 1


class ValuePosition:
    """The start offsets of one value, and of its key if it has one, in the text.

    Attributes:
        value: Offset of the value.
        key: Offset of the key, for a member of a mapping.
        members: The positions of the members of a mapping or list. ``None`` for any other value.
    """

    __slots__ = ("key", "members", "value")

    def __init__(
        self,
        value: int,
        key: int | None = None,
        members: dict[str, ValuePosition] | list[ValuePosition] | None = None,
    ) -> None:
        self.value = value
        self.key = key
        self.members = members

    def member(self, part: str | int) -> ValuePosition | None:
        """Return the position of a member, or ``None`` if the member does not exist."""
        members = self.members
        if isinstance(members, dict):
            return members.get(part) if isinstance(part, str) else None
        if members is not None and isinstance(part, int) and 0 <= part < len(members):
            return members[part]
        return None


class OffsetPositions:
    """Positions from offsets into the text.

    Args:
        text: The text of the document.
        scan: Returns the position of the top level. Called at the first lookup of a location.
    """

    def __init__(self, text: str, scan: Callable[[], ValuePosition]) -> None:
        self._lines = LineIndex(text)
        self._scan = scan

    @cached_property
    def _root(self) -> ValuePosition:
        return self._scan()

    def locate(self, file: str, path: FieldPath, key: bool) -> Location:
        """Return the location of the value at ``path``, or of its deepest existing ancestor."""
        position = self._root
        for part in path:
            member = position.member(part)
            if member is None:
                break
            position = member
        at_key = position.key is not None and (key or position.members is not None)
        offset = position.key if at_key and position.key is not None else position.value
        return Location(file, self._lines.line(offset))
