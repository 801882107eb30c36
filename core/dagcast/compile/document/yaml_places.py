"""Where the values of a YAML document are written, by the events of its parser."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from typing import Any

from yaml.events import AliasEvent, CollectionStartEvent, Event, MappingStartEvent, ScalarEvent

from dagcast.errors import Location
from dagcast.paths import FieldPath

# LF and CR end a line for everyone. YAML 1.1 counts these too, editors do not.
_EXTRA_LINE_ENDS = "\x85\u2028\u2029"


class Collection:
    """A mapping or list, while it is read and afterwards as the record of its positions.

    Attributes:
        start: The event that began it.
        items: The values read so far; keys and values by turns for a mapping.
        places: Where they are, in the same order. A mapping keeps those that are in ``data``, in its order.
        data: The dict or list, once it is read.
        merged: The mappings that ``<<`` merges in.
        count: How many values it stands for, itself and the content of aliases included.
        height: How many levels of collections it has, itself included.
        index: Where the members of a mapping are, by key; made when first asked for.
    """

    __slots__ = ("count", "data", "height", "index", "is_mapping", "items", "merged", "places", "start")

    def __init__(self, start: CollectionStartEvent) -> None:
        self.start = start
        self.is_mapping = type(start) is MappingStartEvent
        self.items: list[Any] = []
        self.places: list[Place] = []
        self.data: Any = None
        self.merged: list[Collection] = []
        self.count = 1
        self.height = 1
        self.index: dict[str, tuple[Event, Place]] | None = None


class Alias:
    """An alias: the event, and what it stands for."""

    __slots__ = ("event", "target")

    def __init__(self, event: AliasEvent, target: Collection | ScalarEvent) -> None:
        self.event = event
        self.target = target


Place = ScalarEvent | Collection | Alias


class YamlPositions:
    """Positions by the parser's events; a mapping's members are indexed when one of them is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.root: Place | None = None

    @cached_property
    def _extra_line_ends(self) -> list[int]:
        if not any(character in self._text for character in _EXTRA_LINE_ENDS):
            return []
        return [offset for offset, character in enumerate(self._text) if character in _EXTRA_LINE_ENDS]

    def line(self, event: Event) -> int:
        """The 1-based line on which what the event stands for begins."""
        mark: Any = event.start_mark
        extra = bisect_left(self._extra_line_ends, mark.index) if self._extra_line_ends else 0
        return int(mark.line) + 1 - extra

    def locate(self, file: str, path: FieldPath, key: bool) -> Location:
        """The place of the value at ``path``, or of its deepest ancestor that exists."""
        place = self.root
        if place is None:
            return Location(file, 1)
        at: Event = event_of(place)
        for part in path:
            found = _member(place, part)
            if found is None:
                break
            key_event, place = found
            at = key_event if key_event and (key or isinstance(place, Collection)) else event_of(place)
        return Location(file, self.line(at))


def _member(place: Place, part: str | int) -> tuple[Event | None, Place] | None:
    collection = target_of(place)
    if not isinstance(collection, Collection):
        return None
    if collection.is_mapping:
        return _index(collection).get(part) if isinstance(part, str) else None
    if isinstance(part, int) and 0 <= part < len(collection.places):
        return None, collection.places[part]
    return None


def _index(collection: Collection) -> dict[str, tuple[Event, Place]]:
    if collection.index is None:
        keys = [event_of(place) for place in collection.places[::2]]
        # The keys that are written out come first in the data, so zip stops where the merged ones begin.
        index = dict(zip(collection.data, zip(keys, collection.places[1::2], strict=True), strict=False))
        for merged in collection.merged:
            for key, found in _index(merged).items():
                index.setdefault(key, found)
        collection.index = index
    return collection.index


def target_of(place: Place) -> Collection | ScalarEvent:
    """What stands at a place, or what the alias there stands for."""
    return place.target if isinstance(place, Alias) else place


def event_of(place: Place) -> Event:
    """The event at which a place begins."""
    if isinstance(place, Collection):
        return place.start
    return place.event if isinstance(place, Alias) else place
