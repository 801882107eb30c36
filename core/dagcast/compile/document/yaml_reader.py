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

from dagcast.compile.document.validate_values import (
    MAX_DEPTH,
    MAX_VALUES,
    DocumentProblem,
    check_text,
    depth_problem,
    size_problem,
)
from dagcast.compile.document.yaml_positions import (
    Alias,
    Collection,
    Node,
    YamlPositions,
    event_of,
    target_of,
)
from dagcast.compile.document.yaml_scalars import (
    CORE_TAG,
    NUMBER_BEGINNINGS,
    WORDS,
    plain_scalar,
    tag_problem,
    tagged_scalar,
)
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
        from dagcast.compile.document.yaml_syntax import syntax_diagnostic

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
        nodes: list[Node] = []
        documents = Collection(SequenceStartEvent(None, None, True))
        documents.items, documents.nodes = items, nodes
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
                nodes.append(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                collection = self._begin(event)
                items, nodes = collection.items, collection.nodes
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                collection = self._end()
                parent = self._open[-1] if self._open else documents
                parent.count += collection.count - 1
                if parent.height <= collection.height:
                    parent.height = collection.height + 1
                items, nodes = parent.items, parent.nodes
                items.append(collection.data)
                nodes.append(collection)
            elif kind is AliasEvent:
                self._alias(event, items, nodes)
            elif kind is DocumentStartEvent:
                if items:
                    self._second_document(event)
            elif kind is StreamEndEvent:
                return self._finish(items, nodes)

    def _scalar(self, event: ScalarEvent) -> Any:
        if event.tag is not None and event.tag != "!":
            value = tagged_scalar(event.tag, event.value)
        elif event.style:
            value = event.value
        else:
            value = plain_scalar(event.value)
        if isinstance(value, str):
            value = check_text(value) or value
        if isinstance(value, DocumentProblem):
            # Use the text instead, so that an invalid key is not also reported as a key that is not a string.
            self._refuse(value, event)
            value = event.value
        if event.anchor is not None:
            self._anchored[event.anchor] = (value, event)
        return value

    def _begin(self, event: CollectionStartEvent) -> Collection:
        if len(self._open) >= MAX_DEPTH:
            self._end_here(depth_problem(), event)
        collection = Collection(event)
        if event.tag is not None:
            name = "map" if collection.is_mapping else "seq"
            if event.tag not in ("!", CORE_TAG + name):
                self._refuse(
                    tag_problem(event.tag, "a mapping" if collection.is_mapping else "a list"), event
                )
        if event.anchor is not None:
            self._anchored[event.anchor] = (None, collection)
        self._open.append(collection)
        return collection

    def _end(self) -> Collection:
        collection = self._open.pop()
        collection.count += len(collection.items) // 2 if collection.is_mapping else len(collection.items)
        if collection.count > MAX_VALUES:
            self._end_here(size_problem(), collection.start)
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
        nodes = collection.nodes
        data: dict[str, Any] = {}
        kept: dict[str, tuple[Node, Node]] = {}
        merges: list[Node] = []
        for key, value, key_node, node in zip(
            keys, collection.items[1::2], nodes[::2], nodes[1::2], strict=True
        ):
            if _is_plain(key_node, "<<"):
                merges.append(node)
                if len(merges) > 1:
                    self._refuse(_second_merge_problem(), event_of(key_node))
            elif not isinstance(key, str):
                self._refuse(_key_problem(key_node), event_of(key_node))
            elif key in data:
                line = self._positions.line(event_of(kept[key][0]))
                message = f"the key {key!r} is given twice, first on line {line}"
                self._refuse(
                    DocumentProblem(message, "document.duplicate-key", "remove one of them"),
                    event_of(key_node),
                )
            else:
                data[key] = value
                kept[key] = (key_node, node)
        collection.nodes = [node for pair in kept.values() for node in pair]
        for node in merges:
            self._merge(collection, node)
        for merged in collection.merged:
            data = {**data, **{key: value for key, value in merged.data.items() if key not in data}}
        collection.data = data
        collection.items = []

    def _merge(self, collection: Collection, node: Node) -> None:
        """Record the mappings that a ``<<`` merges, in order of precedence."""
        target = target_of(node)
        sources = target.nodes if isinstance(target, Collection) and not target.is_mapping else [node]
        for source in sources:
            mapping = target_of(source)
            if isinstance(mapping, Collection) and mapping.is_mapping:
                collection.merged.append(mapping)
            else:
                problem = DocumentProblem(
                    "'<<' merges mappings, and this is not a mapping",
                    "document.invalid-merge",
                    "write '<<: *anchor', or quote the '<<' if it is a key",
                )
                self._refuse(problem, event_of(source))

    def _alias(self, event: AliasEvent, items: list[Any], nodes: list[Node]) -> None:
        name = str(event.anchor)
        found = self._anchored.get(name)
        if found is None:
            message = f"no anchor &{name} precedes this alias"
            self._refuse(DocumentProblem(message, "document.unknown-alias", "quote it if it is text"), event)
            # Use the name as text instead, so that an unknown alias as a key is not reported twice.
            found = name, ScalarEvent(None, None, (True, False), name, event.start_mark, event.end_mark)
        value, target = found
        if isinstance(target, Collection):
            if target in self._open:
                message = f"the alias *{name} is inside the value that it repeats"
                self._end_here(DocumentProblem(message, "document.recursive"), event)
            if len(self._open) + target.height > MAX_DEPTH:
                self._end_here(depth_problem(), event)
            value = target.data
            current = self._open[-1]
            current.height = max(current.height, target.height + 1)
            current.count += target.count - 1
            if current.count > MAX_VALUES:
                self._end_here(size_problem(), event)
        items.append(value)
        nodes.append(Alias(event, target))

    def _finish(self, items: list[Any], nodes: list[Node]) -> Any:
        if not items:
            return {}
        node = self._positions.root = nodes[0]
        return {} if _is_plain(node, "") else items[0]

    def _second_document(self, event: Event) -> None:
        problem = DocumentProblem(
            "a second document begins here, and a config is one",
            "document.syntax",
            "remove the '---' before it",
        )
        self._end_here(problem, event)

    def _refuse(self, problem: DocumentProblem, event: Event) -> None:
        location = Location(self._file, self._positions.line(event))
        self._sink.error(problem.message, location, code=problem.code, hint=problem.hint)

    def _end_here(self, problem: DocumentProblem, event: Event) -> NoReturn:
        self._refuse(problem, event)
        raise InvalidInputError(self._sink.errors)


def _is_plain(node: Node, text: str) -> bool:
    """Return whether the node is the scalar ``text``, without quotes and without a tag."""
    return isinstance(node, ScalarEvent) and node.value == text and not node.style and node.tag is None


def _second_merge_problem() -> DocumentProblem:
    return DocumentProblem(
        "there is more than one '<<' here", "document.duplicate-key", "write '<<: [*a, *b]'"
    )


def _key_problem(node: Node) -> DocumentProblem:
    target = target_of(node)
    if isinstance(target, ScalarEvent):
        spelling = target.value
        message = f"the key {spelling or 'null'} is not a string"
        return DocumentProblem(message, "document.key-not-string", f"quote it: '{spelling}'")
    return DocumentProblem(
        "a key must be a string, not a mapping or a list",
        "document.key-not-string",
        "quote the value if it begins with '{' or '['",
    )
