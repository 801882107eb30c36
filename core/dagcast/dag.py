"""The DAG: nodes, and the edges between them.

A node is a name; what it does stands in the config, under ``steps``. An edge says that its target runs after
its source, and, unless it is order-only, that data flows along it::

    preprocess -> train                 data flows; which ports are found by wiring
    preprocess.train -> train.train     from an output port to an input port
    warm_up => train                    order only: no data flows
"""

from __future__ import annotations

import heapq
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Union

from dagcast.compile.document.document import Document, document_from_data, read_document
from dagcast.compile.document.plain import kind_of
from dagcast.errors import CycleError, Diagnostic, DiagnosticSink, InvalidInputError, Location, did_you_mean

EdgeLike = Union["Edge", str, Sequence[str]]
Locate = Callable[[tuple[str | int, ...]], Location]

_NODE = re.compile(r"[^\s.>=]+")
_END = re.compile(r"\s*(?P<node>[^\s.>=]+?)(?:\.(?P<port>[^\s>=]+))?\s*\Z")
_ARROW = re.compile(r"(->|=>)")


@dataclass(frozen=True, eq=False)
class Edge:
    """One edge of a DAG.

    An edge without ports that is not order-only equals the pair ``(source, target)``, and unpacks like it.

    Attributes:
        source: The node that comes first.
        target: The node that comes after.
        source_port: An output port of the source, if the edge names one.
        target_port: An input port of the target, if the edge names one.
        order_only: Whether the target only waits, and no data flows.
        location: Where the edge was written, if it came from a file.
    """

    source: str
    target: str
    source_port: str | None = None
    target_port: str | None = None
    order_only: bool = False
    location: Location | None = None

    @classmethod
    def parse(cls, edge: EdgeLike, location: Location | None = None) -> Edge:
        """The edge that a string such as ``a.out -> b.in``, or a pair ``["a", "b.in"]``, stands for.

        Raises:
            InvalidInputError: If it is neither.
        """
        if isinstance(edge, Edge):
            return edge
        order_only = False
        if isinstance(edge, str):
            parts = _ARROW.split(edge)
            ends: Sequence[object] = parts[::2]
            order_only = "=>" in parts
        else:
            ends = edge if isinstance(edge, (list, tuple)) else ()
        matches = [_END.match(end) if isinstance(end, str) else None for end in ends]
        if len(matches) != 2 or matches[0] is None or matches[1] is None:
            _refuse(
                f"{_shown(edge)} is not an edge",
                location,
                "write 'a -> b', 'a.out -> b.in', 'a => b' or [a, b]",
            )
        first, second = matches[0], matches[1]
        if order_only and (first["port"] or second["port"]):
            _refuse(f"{edge!r} orders ports", location, "an order-only edge joins nodes: write 'a => b'")
        return cls(first["node"], second["node"], first["port"], second["port"], order_only, location)

    @property
    def _key(self) -> tuple[object, ...]:
        pair = (self.source, self.target)
        extras = (self.source_port, self.target_port, self.order_only)
        return pair + extras if any(extras) else pair

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Edge):
            return self._key == other._key
        if isinstance(other, tuple):
            return self._key == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __iter__(self) -> Iterator[str]:
        return iter((self.source, self.target))

    def __str__(self) -> str:
        source = f"{self.source}.{self.source_port}" if self.source_port else self.source
        target = f"{self.target}.{self.target_port}" if self.target_port else self.target
        return f"{source} {'=>' if self.order_only else '->'} {target}"

    def as_data(self) -> str | list[str]:
        """The edge as a DAG file holds it: a pair where that says everything, else a string."""
        return [self.source, self.target] if len(self._key) == 2 else str(self)


class PipelineDAG:
    """A directed acyclic graph of named nodes.

    Args:
        nodes: The names of the nodes. When given, edges may join only these.
        edges: Edges as strings, pairs or :class:`Edge`.

    Raises:
        InvalidInputError: If an edge cannot be read, a node is named twice, or an edge ends at a node that is
            not among ``nodes``; it holds every such mistake.
    """

    def __init__(self, nodes: Iterable[str] = (), edges: Iterable[EdgeLike] = ()) -> None:
        data = {"nodes": list(nodes), "edges": [e.as_data() if isinstance(e, Edge) else e for e in edges]}
        self._nodes: dict[str, Location | None] = {}
        self._edges: dict[Edge, None] = {}
        sink = DiagnosticSink()
        _fill(self, document_from_data(data, "<dag>"), sink)
        sink.raise_errors()

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes, in the order they were added."""
        return list(self._nodes)

    @property
    def edges(self) -> list[Edge]:
        """The edges, in the order they were added."""
        return list(self._edges)

    def add_node(self, node: str) -> None:
        """Add a node; adding one that is there already changes nothing.

        Raises:
            InvalidInputError: If ``node`` is not a name: text without spaces and without ``.``, ``>`` and ``=``.
        """
        self._add_node(node, None)

    def add_edge(self, source: EdgeLike, target: str | None = None) -> None:
        """Add an edge, and its nodes where they are missing.

        Args:
            source: The source node (or ``node.port``), or a whole edge if ``target`` is left out.
            target: The target node (or ``node.port``).

        Raises:
            InvalidInputError: If the edge cannot be read.
        """
        edge = Edge.parse(source) if target is None else Edge.parse([source, target])  # type: ignore[list-item]
        for node in edge:
            self._add_node(node, edge.location)
        self._edges[edge] = None

    def node_location(self, node: str) -> Location | None:
        """Where the node was written, if it came from a file."""
        return self._nodes.get(node)

    def predecessors(self, node: str) -> list[str]:
        """The nodes with an edge to ``node``, in the order of the edges."""
        return list(dict.fromkeys(edge.source for edge in self._edges if edge.target == node))

    def successors(self, node: str) -> list[str]:
        """The nodes with an edge from ``node``, in the order of the edges."""
        return list(dict.fromkeys(edge.target for edge in self._edges if edge.source == node))

    def topological_order(self) -> list[str]:
        """The nodes, each after all it depends on; where that leaves a choice, as they were added.

        Raises:
            CycleError: If there is a cycle; it names one.
        """
        return topological_order(self._nodes, [(edge.source, edge.target) for edge in self._edges])

    def to_dict(self) -> dict[str, Any]:
        """The DAG as JSON-ready data: ``{"nodes": [...], "edges": [...]}``."""
        return {"nodes": self.nodes, "edges": [edge.as_data() for edge in self._edges]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PipelineDAG:
        """The DAG that :meth:`to_dict` gave, or data of the same form.

        Raises:
            InvalidInputError: With every mistake in ``data``.
        """
        return cls._from_document(document_from_data(dict(data), "<dag>"))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PipelineDAG:
        """Read a DAG from a JSON, YAML or TOML file; errors name file and line.

        Raises:
            InvalidInputError: With every mistake in the file.
        """
        return cls._from_document(read_document(path))

    @classmethod
    def from_edges(
        cls, edges: object, nodes: Mapping[str, Location], locate: Locate, sink: DiagnosticSink
    ) -> PipelineDAG:
        """The DAG of a config file.

        Args:
            edges: What stands under ``edges``; ``None`` for nothing.
            nodes: The names of the steps, and where each is written.
            locate: Gives the place of a path of the config.
            sink: Takes every mistake in the edges.
        """
        dag = cls()
        dag._nodes.update(nodes)
        _fill_edges(dag, edges, locate, sink, known=dag._nodes)
        return dag

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the DAG to a ``.json``, ``.yaml`` or ``.yml`` file.

        Raises:
            ValueError: If the suffix is another.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".json":
            text = json.dumps(self.to_dict(), indent=2) + "\n"
        elif suffix in (".yaml", ".yml"):
            import yaml

            text = yaml.safe_dump(self.to_dict(), sort_keys=False, default_style='"')
        else:
            raise ValueError(
                f"cannot save a DAG as {suffix or 'a file without suffix'!r}: use .json or .yaml"
            )
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def _from_document(cls, document: Document) -> PipelineDAG:
        dag = cls()
        sink = DiagnosticSink()
        for key in document.data:
            if key not in ("nodes", "edges"):
                hint = did_you_mean(str(key), ("nodes", "edges"))
                sink.error(
                    f"a DAG has no field {key!r}", document.locate((key,)), code="unknown-field", hint=hint
                )
        _fill(dag, document, sink)
        sink.raise_errors()
        return dag

    def _add_node(self, node: str, location: Location | None) -> None:
        if not _is_name(node):
            _refuse(_no_name(node), location, None)
        self._nodes.setdefault(node, location)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PipelineDAG):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> PipelineDAG:
        copied = PipelineDAG()
        copied._nodes.update(self._nodes)
        copied._edges.update(self._edges)
        return copied

    def __contains__(self, node: object) -> bool:
        return node in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        return f"PipelineDAG({len(self._nodes)} nodes, {len(self._edges)} edges)"


def topological_order(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[str]:
    """``nodes`` ordered so that each follows all its predecessors, otherwise in the order given.

    Raises:
        CycleError: If there is a cycle.
    """
    rank = {node: index for index, node in enumerate(nodes)}
    successors: dict[str, list[str]] = {node: [] for node in rank}
    waiting = dict.fromkeys(rank, 0)
    for source, target in edges:
        successors[source].append(target)
        waiting[target] += 1
    names = list(rank)
    ready = [rank[node] for node, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        node = names[heapq.heappop(ready)]
        order.append(node)
        for successor in successors[node]:
            waiting[successor] -= 1
            if waiting[successor] == 0:
                heapq.heappush(ready, rank[successor])
    if len(order) < len(names):
        raise CycleError(_cycle({node: successors[node] for node, count in waiting.items() if count}))
    return order


def _cycle(successors: dict[str, list[str]]) -> list[str]:
    """A cycle of a graph in which every node waits for another: the shortest through one of its nodes."""
    predecessors: dict[str, list[str]] = {node: [] for node in successors}
    for node, following in successors.items():
        for successor in following:
            if successor in predecessors:
                predecessors[successor].append(node)
    # Every node has a predecessor, so walking back from any ends in a cycle.
    start = next(iter(successors))
    passed: set[str] = set()
    while start not in passed:
        passed.add(start)
        start = predecessors[start][0]
    came_from: dict[str, str] = {}
    frontier = [start]
    while start not in came_from:
        following = []
        for node in frontier:
            for successor in successors[node]:
                if successor in successors and successor not in came_from:
                    came_from[successor] = node
                    following.append(successor)
        frontier = following
    cycle = [start, came_from[start]]
    while cycle[-1] != start:
        cycle.append(came_from[cycle[-1]])
    return cycle[::-1]


def _is_name(node: object) -> bool:
    return isinstance(node, str) and _NODE.fullmatch(node) is not None


def _no_name(node: object) -> str:
    return f"{node!r} is not a node: expected a name without spaces and without '.', '>' and '='"


def _shown(value: object) -> str:
    return kind_of(value) if value is None or isinstance(value, bool) else repr(value)


def _fill(dag: PipelineDAG, document: Document, sink: DiagnosticSink) -> None:
    nodes = document.data.get("nodes")
    edges = document.data.get("edges")
    if nodes is not None and not isinstance(nodes, list):
        sink.error("'nodes' is not a list of names", document.locate(("nodes",)), code="type")
        nodes = None
    for index, node in enumerate(nodes or ()):
        location = document.locate(("nodes", index))
        if not _is_name(node):
            sink.error(_no_name(node), location, code="type")
        elif node in dag._nodes:
            sink.error(f"node {node!r} is listed twice", location, code="duplicate")
        else:
            dag._nodes[node] = location
    _fill_edges(dag, edges, document.locate, sink, known=dict(dag._nodes) if nodes else None)


def _fill_edges(
    dag: PipelineDAG,
    edges: object,
    locate: Locate,
    sink: DiagnosticSink,
    known: Mapping[str, object] | None,
) -> None:
    """Add edges from a document; ``known`` are the nodes that they may join, or ``None`` for any."""
    if edges is None:
        return
    if not isinstance(edges, list):
        sink.error("'edges' is not a list of edges", locate(("edges",)), code="type")
        return
    for index, item in enumerate(edges):
        location = locate(("edges", index))
        try:
            edge = Edge.parse(item, location)
        except InvalidInputError as error:
            sink.extend(error.diagnostics)
            continue
        unknown = [node for node in dict.fromkeys(edge) if known is not None and node not in known]
        for node in unknown:
            message = f"edge '{edge}' ends at {node!r}, which is not a node"
            sink.error(message, location, code="unknown-node", hint=did_you_mean(node, known or ()))
        if not unknown:
            for node in edge:
                dag._nodes.setdefault(node, location)
            dag._edges.setdefault(edge, None)


def _refuse(message: str, location: Location | None, hint: str | None) -> NoReturn:
    raise InvalidInputError([Diagnostic(message, location, code="edge", hint=hint)])
