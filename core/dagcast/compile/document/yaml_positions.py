"""Positions of the values of a YAML document, from the events of the parser."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import Any

from yaml.events import AliasEvent, CollectionStartEvent, Event, MappingStartEvent, ScalarEvent

from dagcast.errors import Location
from dagcast.paths import FieldPath

# LF and CR end a line in YAML and in editors. These characters end a line in YAML 1.1, but not in editors.
_EXTRA_LINE_ENDS = "\x85\u2028\u2029"


class Collection:
    """A mapping or list, both while it is parsed and later as the record of its positions.

    Attributes:
        start: The start event.
        is_mapping: Whether it is a mapping.
        items: The values parsed so far. Keys and values alternate for a mapping.
        nodes: The positions of the items, in the same order. A parsed mapping keeps those of its own keys in ``data``.
        data: The dict or list, after it is parsed.
        merged: The mappings that ``<<`` merges.
        count: The number of values, including itself and the content of aliases.
        height: The number of nested levels of collections, including itself.
        index: The positions of the members of a mapping, by key. Created on first use.
    """

    __slots__ = ("count", "data", "height", "index", "is_mapping", "items", "merged", "nodes", "start")

    def __init__(self, start: CollectionStartEvent) -> None:
        self.start = start
        self.is_mapping = type(start) is MappingStartEvent
        self.items: list[Any] = []
        self.nodes: list[Node] = []
        self.data: Any = None
        self.merged: list[Collection] = []
        self.count = 1
        self.height = 1
        self.index: dict[str, tuple[Event, Node]] | None = None


class Alias:
    """An alias: its event and its target."""

    __slots__ = ("event", "target")

    def __init__(self, event: AliasEvent, target: Collection | ScalarEvent) -> None:
        self.event = event
        self.target = target


Node = ScalarEvent | Collection | Alias


class YamlPositions:
    """Positions from the events of the parser. The members of a mapping are indexed on first use."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.root: Node | None = None

    @cached_property
    def _extra_line_ends(self) -> list[int]:
        if not any(character in self._text for character in _EXTRA_LINE_ENDS):
            return []
        return [offset for offset, character in enumerate(self._text) if character in _EXTRA_LINE_ENDS]

    def line(self, event: Event) -> int:
        """Return the 1-based line on which the event starts."""
        mark: Any = event.start_mark
        extra = bisect_left(self._extra_line_ends, mark.index) if self._extra_line_ends else 0
        return int(mark.line) + 1 - extra

    def locate(self, file: str, path: FieldPath, key: bool) -> Location:
        """Return the location of the value at ``path``, or of its deepest existing ancestor."""
        node = self.root
        if node is None:
            return Location(file, 1)
        at: Event = event_of(node)
        for part in path:
            found = _member(node, part)
            if found is None:
                break
            key_event, node = found
            at = key_event if key_event and (key or isinstance(node, Collection)) else event_of(node)
        return Location(file, self.line(at))


def _member(node: Node, part: str | int) -> tuple[Event | None, Node] | None:
    collection = target_of(node)
    if not isinstance(collection, Collection):
        return None
    if collection.is_mapping:
        return _index(collection).get(part) if isinstance(part, str) else None
    if isinstance(part, int) and 0 <= part < len(collection.nodes):
        return None, collection.nodes[part]
    return None


def _index(collection: Collection) -> dict[str, tuple[Event, Node]]:
    if collection.index is None:
        keys = [event_of(node) for node in collection.nodes[::2]]
        # The mapping's own keys come first in the data. zip stops where the merged keys start.
        index = dict(zip(collection.data, zip(keys, collection.nodes[1::2], strict=True), strict=False))
        for merged in collection.merged:
            for key, found in _index(merged).items():
                index.setdefault(key, found)
        collection.index = index
    return collection.index


def target_of(node: Node) -> Collection | ScalarEvent:
    """Return the collection or scalar at a node. If the node is an alias, return its target."""
    return node.target if isinstance(node, Alias) else node


def event_of(node: Node) -> Event:
    """Return the event at which a node starts."""
    if isinstance(node, Collection):
        return node.start
    return node.event if isinstance(node, Alias) else node
