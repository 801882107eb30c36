"""Parse YAML with libyaml, and build plain data from its events in one pass.

Data is built from the parser's events, not from PyYAML's nodes. This is as fast and keeps the position of every alias.
It does not recurse, so a document cannot exhaust the stack. :mod:`dagcast.compile.document.yaml_scalars` resolves the
values of scalars.
"""

from __future__ import annotations

from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from dagcast.compile.document.plain import MAX_DEPTH, MAX_VALUES, Refusal, refuse_text, too_deep, too_many
from dagcast.compile.document.yaml_places import Alias, Collection, Place, YamlPositions, event_of, target_of
from dagcast.compile.document.yaml_scalars import (
    CORE_TAG,
    NUMBER_BEGINNINGS,
    WORDS,
    plain_scalar,
    refuse_tag,
    tagged_scalar,
)
from dagcast.compile.document.yaml_syntax import syntax_diagnostic
from dagcast.errors import DiagnosticSink, InvalidInputError, Location


def read_yaml(text: str, file: str, sink: DiagnosticSink) -> tuple[Any, YamlPositions]:
    """Return the content of a YAML document and the positions of its values.

    An empty document is an empty mapping. Merge keys (``<<``) are resolved. Explicit keys override merged keys and come
    first. An alias refers to the same object as its anchor.

    Args:
        text: The document, without a byte order mark.
        file: The file name for messages.
        sink: Receives all diagnostics, including those of a raised error.

    Raises:
        InvalidInputError: If the document has a syntax error, contains itself, or is nested too deep or too large.
    """
    # Without libyaml, use PyYAML's own parser, which is ten times slower.
    loader_class: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    positions = YamlPositions(text)
    try:
        loader = loader_class(text)
        try:
            return _Builder(loader, file, sink, positions).build(), positions
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        sink.extend([syntax_diagnostic(error, text, file)])
        raise InvalidInputError(sink.errors) from None


_ONLY_STRINGS = {str}


class _Builder:
    """Builds data from events."""

    def __init__(
        self,
        loader: yaml.SafeLoader | yaml.CSafeLoader,
        file: str,
        sink: DiagnosticSink,
        positions: YamlPositions,
    ) -> None:
        self._loader = loader
        self._file = file
        self._sink = sink
        self._positions = positions
        self._open: list[Collection] = []
        self._anchored: dict[str, tuple[Any, Collection | ScalarEvent]] = {}

    def build(self) -> Any:
        """Return the data of the only document. A second document is an error."""
        # The items at the top level: empty, or one value.
        items: list[Any] = []
        places: list[Place] = []
        documents = Collection(SequenceStartEvent(None, None, True))
        documents.items, documents.places = items, places
        get_event = self._loader.get_event
        while True:
            event: Any = get_event()
            kind = type(event)
            if kind is ScalarEvent:
                value = event.value
                if event.tag is not None or event.anchor is not None:
                    value = self._scalar(event)
                elif event.style:
                    # Only double-quoted strings have escapes, which can produce invalid characters.
                    if event.style == '"':
                        value = self._scalar(event)
                elif value in WORDS or value[0] in NUMBER_BEGINNINGS:
                    value = self._scalar(event)
                items.append(value)
                places.append(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                collection = self._begin(event)
                items, places = collection.items, collection.places
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                collection = self._end()
                parent = self._open[-1] if self._open else documents
                parent.count += collection.count - 1
                if parent.height <= collection.height:
                    parent.height = collection.height + 1
                items, places = parent.items, parent.places
                items.append(collection.data)
                places.append(collection)
            elif kind is AliasEvent:
                self._alias(event, items, places)
            elif kind is DocumentStartEvent:
                if items:
                    self._second_document(event)
            elif kind is StreamEndEvent:
                return self._finish(items, places)

    def _scalar(self, event: ScalarEvent) -> Any:
        if event.tag is not None and event.tag != "!":
            value = tagged_scalar(event.tag, event.value)
        elif event.style:
            value = event.value
        else:
            value = plain_scalar(event.value)
        if isinstance(value, str):
            value = refuse_text(value) or value
        if isinstance(value, Refusal):
            # Use the text instead, so that an invalid key is not also reported as a key that is not a string.
            self._refuse(value, event)
            value = event.value
        if event.anchor is not None:
            self._anchored[event.anchor] = (value, event)
        return value

    def _begin(self, event: CollectionStartEvent) -> Collection:
        if len(self._open) >= MAX_DEPTH:
            self._end_here(too_deep(), event)
        collection = Collection(event)
        if event.tag is not None:
            name = "map" if collection.is_mapping else "seq"
            if event.tag not in ("!", CORE_TAG + name):
                self._refuse(refuse_tag(event.tag, "a mapping" if collection.is_mapping else "a list"), event)
        if event.anchor is not None:
            self._anchored[event.anchor] = (None, collection)
        self._open.append(collection)
        return collection

    def _end(self) -> Collection:
        collection = self._open.pop()
        collection.count += len(collection.items) // 2 if collection.is_mapping else len(collection.items)
        if collection.count > MAX_VALUES:
            self._end_here(too_many(), collection.start)
        if collection.is_mapping:
            self._end_mapping(collection)
        else:
            collection.data = collection.items
        return collection

    def _end_mapping(self, collection: Collection) -> None:
        keys = collection.items[::2]
        if not keys or set(map(type, keys)) == _ONLY_STRINGS:
            collection.data = dict(zip(keys, collection.items[1::2], strict=True))
            if len(collection.data) == len(keys) and "<<" not in collection.data:
                collection.items = []
                return
        places = collection.places
        data: dict[str, Any] = {}
        kept: dict[str, tuple[Place, Place]] = {}
        merges: list[Place] = []
        for key, value, key_place, place in zip(
            keys, collection.items[1::2], places[::2], places[1::2], strict=True
        ):
            if _is_plain(key_place, "<<"):
                merges.append(place)
                if len(merges) > 1:
                    self._refuse(_refuse_second_merge(), event_of(key_place))
            elif not isinstance(key, str):
                self._refuse(_refuse_key(key_place), event_of(key_place))
            elif key in data:
                line = self._positions.line(event_of(kept[key][0]))
                message = f"the key {key!r} is given twice, first on line {line}"
                self._refuse(
                    Refusal(message, "document.duplicate-key", "remove one of them"), event_of(key_place)
                )
            else:
                data[key] = value
                kept[key] = (key_place, place)
        collection.places = [place for pair in kept.values() for place in pair]
        for place in merges:
            self._merge(collection, place)
        for merged in collection.merged:
            data = {**data, **{key: value for key, value in merged.data.items() if key not in data}}
        collection.data = data
        collection.items = []

    def _merge(self, collection: Collection, place: Place) -> None:
        """Record the mappings that a ``<<`` merges, in order of precedence."""
        target = target_of(place)
        sources = target.places if isinstance(target, Collection) and not target.is_mapping else [place]
        for source in sources:
            mapping = target_of(source)
            if isinstance(mapping, Collection) and mapping.is_mapping:
                collection.merged.append(mapping)
            else:
                refusal = Refusal(
                    "'<<' merges mappings, and this is none",
                    "document.invalid-merge",
                    "write '<<: *anchor', or quote the '<<' if it is a key",
                )
                self._refuse(refusal, event_of(source))

    def _alias(self, event: AliasEvent, items: list[Any], places: list[Place]) -> None:
        name = str(event.anchor)
        found = self._anchored.get(name)
        if found is None:
            message = f"there is no anchor &{name} before this alias"
            self._refuse(Refusal(message, "document.unknown-alias", "quote it if it is text"), event)
            # Use the name as text instead, so that an unknown alias as a key is not reported twice.
            found = name, ScalarEvent(None, None, (True, False), name, event.start_mark, event.end_mark)
        value, target = found
        if isinstance(target, Collection):
            if target in self._open:
                message = f"the alias *{name} stands inside of what it repeats, which would have no end"
                self._end_here(Refusal(message, "document.recursive"), event)
            if len(self._open) + target.height > MAX_DEPTH:
                self._end_here(too_deep(), event)
            value = target.data
            current = self._open[-1]
            current.height = max(current.height, target.height + 1)
            current.count += target.count - 1
            if current.count > MAX_VALUES:
                self._end_here(too_many(), event)
        items.append(value)
        places.append(Alias(event, target))

    def _finish(self, items: list[Any], places: list[Place]) -> Any:
        if not items:
            return {}
        place = self._positions.root = places[0]
        return {} if _is_plain(place, "") else items[0]

    def _second_document(self, event: Event) -> None:
        refusal = Refusal(
            "a second document begins here, and a config is one",
            "document.syntax",
            "remove the '---' before it",
        )
        self._end_here(refusal, event)

    def _refuse(self, refusal: Refusal, event: Event) -> None:
        location = Location(self._file, self._positions.line(event))
        self._sink.error(refusal.message, location, code=refusal.code, hint=refusal.hint)

    def _end_here(self, refusal: Refusal, event: Event) -> NoReturn:
        self._refuse(refusal, event)
        raise InvalidInputError(self._sink.errors)


def _is_plain(place: Place, text: str) -> bool:
    """Return whether the place is the scalar ``text``, without quotes and without a tag."""
    return isinstance(place, ScalarEvent) and place.value == text and not place.style and place.tag is None


def _refuse_second_merge() -> Refusal:
    return Refusal("there is more than one '<<' here", "document.duplicate-key", "write '<<: [*a, *b]'")


def _refuse_key(place: Place) -> Refusal:
    target = target_of(place)
    if isinstance(target, ScalarEvent):
        spelling = target.value
        message = f"the key {spelling or 'null'} is not a string"
        return Refusal(message, "document.key-not-string", f"quote it: '{spelling}'")
    return Refusal(
        "a key must be a string, not a mapping or a list",
        "document.key-not-string",
        "quote the value if it begins with '{' or '['",
    )
