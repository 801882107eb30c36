"""The parts of a DAG: nodes, edges, and their topological order.

A node is the name of a step of the config. An edge makes its target run after its source. Unless the edge is
order-only, data flows along it::

    preprocess -> train                 data flows; wiring selects the ports
    preprocess.train -> train.train     from an output port to an input port
    warm_up => train                    order only: no data flows

:class:`dagcast.PipelineDAG` holds nodes and edges, and reads and writes files:
``compile/config/pipeline_dag.py``.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY
from typing import NoReturn, Union

from dagcast.errors import CycleError, Diagnostic, InvalidInputError, Location
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern

EdgeLike = Union["Edge", str, Sequence[str]]

_NODE = lazy_pattern(r"[^\s.>=]+")
_END = lazy_pattern(r"\s*(?P<node>[^\s.>=]+?)(?:\.(?P<port>[^\s>=]+))?\s*\Z")
_ARROW = lazy_pattern(r"(->|=>)")
_WORD = lazy_pattern(r"\w(?:[\w.-]*\w)?")
_MAX_GUESSED = 300
"""Longest text in which the ends of an edge are looked for."""
_MAX_CHAIN = 6
"""A chain of so many ends is not written out as edges."""
_TARGET_KEYS = frozenset({"to", "target", "destination", "dst"})


@dataclass(frozen=True, eq=False)
class Edge:
    """One edge of a DAG.

    An edge without ports that is not order-only equals the pair ``(source, target)``, and unpacks like it.

    Attributes:
        source: The node that comes first.
        target: The node that comes after.
        source_port: An output port of the source, if the edge names one.
        target_port: An input port of the target, if the edge names one.
        order_only: Whether the target waits without reading data.
        location: Where the edge was written, if it came from a file.

    Example:
        >>> edge = Edge.parse("load.data -> train.train")
        >>> edge.source_port, edge.target_port
        ('data', 'train')
        >>> Edge("load", "train") == ("load", "train")
        True
    """

    source: str
    target: str
    _: KW_ONLY
    source_port: str | None = None
    target_port: str | None = None
    order_only: bool = False
    location: Location | None = None

    @classmethod
    def parse(cls, edge: EdgeLike, location: Location | None = None) -> Edge:
        """Return the edge of a string such as ``a.out -> b.in``, or of a pair ``["a", "b.in"]``.

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
            raise_invalid_edge(
                f"{_describe_value(edge)} is not an edge",
                location,
                _hint_edges(edge) or "write 'a -> b', 'a.out -> b.in', 'a => b' or [a, b]",
            )
        first, second = matches[0], matches[1]
        if order_only and (first["port"] or second["port"]):
            raise_invalid_edge(
                f"{edge!r} orders ports", location, "an order-only edge joins nodes: write 'a => b'"
            )
        return cls(
            first["node"],
            second["node"],
            source_port=first["port"],
            target_port=second["port"],
            order_only=order_only,
            location=location,
        )

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
        """Return the edge as data of a DAG file: a pair if it has no ports and is not order-only, else a string."""
        return [self.source, self.target] if len(self._key) == 2 else str(self)


def topological_order(
    nodes: Iterable[str], edges: Iterable[tuple[str, str]], location: Location | None = None
) -> list[str]:
    """Return ``nodes`` ordered so that each follows all its predecessors, otherwise in the order given.

    Args:
        nodes: The names of the nodes.
        edges: Pairs of nodes, of which the first comes before the second.
        location: The file of the graph, for the error.

    Raises:
        CycleError: If there is a cycle; it names the shortest through one of its nodes.

    >>> topological_order(["c", "b", "a"], [("a", "b")])
    ['c', 'a', 'b']
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
        cycle = _find_cycle({node: successors[node] for node, count in waiting.items() if count})
        raise CycleError(cycle, location)
    return order


def _find_cycle(successors: dict[str, list[str]]) -> list[str]:
    """Return a cycle of a graph in which every node waits for another: the shortest through one of its nodes."""
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


def find_node_problem(node: object) -> str | None:
    """Return why a value cannot be the name of a node; ``None`` if it can."""
    if isinstance(node, str) and _NODE.fullmatch(node):
        return None
    return f"{node!r} is not a node: expected a name without spaces and without '.', '>' and '='"


def raise_invalid_edge(message: str, location: Location | None, hint: str | None = None) -> NoReturn:
    """Raise InvalidInputError for one mistake in a DAG."""
    raise InvalidInputError([Diagnostic(message, location, code="dag.invalid-edge", hint=hint)])


def _hint_edges(value: object) -> str | None:
    """Return the edges that a value seems to mean: two ends in a text or a mapping, or a chain of ends."""
    ends: list[object] = []
    if isinstance(value, str):
        ends = list(_WORD.findall(value)) if len(value) <= _MAX_GUESSED else []
    elif isinstance(value, dict) and len(value) == 1:
        ends = [*value, *value.values()]
    elif isinstance(value, dict) and len(value) == 2:
        ends = list(value.values())
        if str(next(iter(value))).lower() in _TARGET_KEYS:
            ends.reverse()
    elif isinstance(value, (list, tuple)):
        ends = list(value[:_MAX_CHAIN])
    texts = [end for end in ends if isinstance(end, str) and _END.match(end)]
    if len(texts) != len(ends) or not 2 <= len(ends) < _MAX_CHAIN:
        return None
    edges = [f"'{one} -> {other}'" for one, other in itertools.pairwise(texts)]
    return f"write {' and '.join(edges)}"


def _describe_value(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    return "null" if value is None else repr(value)
