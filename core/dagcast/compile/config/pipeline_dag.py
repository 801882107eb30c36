"""The DAG of a pipeline: nodes and edges from Python, from a file, or from a config's own ``edges``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dagcast.compile.document.document import Document, document_from_data, read_document
from dagcast.dag import Edge, EdgeLike, find_node_problem, raise_invalid_edge, topological_order
from dagcast.errors import DiagnosticSink, InvalidInputError, Location, did_you_mean, nearest
from dagcast.paths import FieldPath

LocateValue = Callable[[FieldPath], Location]
"""Returns the place of the value at a path of a document."""


class PipelineDAG:
    """A directed acyclic graph of named nodes.

    Args:
        nodes: The names of the nodes. When given, edges may join only these.
        edges: Edges as strings, pairs or :class:`Edge`.

    Raises:
        InvalidInputError: If an edge cannot be read, a node is named twice, or an edge ends at a node that is
            not among ``nodes``; it holds every such mistake.

    Example:
        >>> dag = PipelineDAG(edges=["load -> train", "train.model -> register.model"])
        >>> dag.add_edge("load => report")
        >>> dag.nodes
        ['load', 'train', 'register', 'report']
        >>> dag.topological_order()
        ['load', 'train', 'register', 'report']
        >>> dag.predecessors("report")
        ['load']
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
        """The names of the nodes, in the order in which they were added."""
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
        """Return the location of a node that was read from a file, or ``None``."""
        return self._nodes.get(node)

    def predecessors(self, node: str) -> list[str]:
        """Return the nodes with an edge to ``node``, in the order of the edges."""
        return list(dict.fromkeys(edge.source for edge in self._edges if edge.target == node))

    def successors(self, node: str) -> list[str]:
        """Return the nodes with an edge from ``node``, in the order of the edges."""
        return list(dict.fromkeys(edge.target for edge in self._edges if edge.source == node))

    def topological_order(self) -> list[str]:
        """Return the nodes, each after its predecessors, otherwise in the order in which they were added.

        Raises:
            CycleError: If there is a cycle; it names one.
        """
        return topological_order(self._nodes, [(edge.source, edge.target) for edge in self._edges])

    def to_dict(self) -> dict[str, Any]:
        """Return the DAG as JSON-ready data: ``{"nodes": [...], "edges": [...]}``."""
        return {"nodes": self.nodes, "edges": [edge.as_data() for edge in self._edges]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PipelineDAG:
        """Return the DAG of data that :meth:`to_dict` returned, or of data in the same form.

        Raises:
            InvalidInputError: With every mistake in ``data``.

        Example:
            >>> PipelineDAG.from_dict({"nodes": ["load", "train"], "edges": ["load -> train"]}).nodes
            ['load', 'train']
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
        cls, edges: object, nodes: Mapping[str, Location], locate: LocateValue, sink: DiagnosticSink
    ) -> tuple[PipelineDAG, frozenset[str]]:
        """Return the DAG of a config file, and the nodes that wrong edges may have been meant to end at.

        Args:
            edges: The value of ``edges``; ``None`` if it is missing.
            nodes: The names of the steps, each with its location.
            locate: Returns the location of a path of the config.
            sink: Collects the errors in the edges.
        """
        dag = cls()
        dag._nodes.update(nodes)
        unclear = _fill_edges(dag, edges, locate, sink, known=dag._nodes)
        return dag, unclear

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
                    f"a DAG has no field {key!r}",
                    document.locate((key,), key=True),
                    code="dag.unknown-field",
                    hint=hint,
                )
        _fill(dag, document, sink)
        sink.raise_errors()
        return dag

    def _add_node(self, node: str, location: Location | None) -> None:
        problem = find_node_problem(node)
        if problem is not None:
            raise_invalid_edge(problem, location)
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


DAGLike = PipelineDAG | str | os.PathLike[str] | Mapping[str, Any]
"""A DAG, or a file or a mapping that contains it."""


def read_dag(dag: DAGLike, sink: DiagnosticSink) -> PipelineDAG | None:
    """Return a DAG from Python, from a file or from a mapping.

    Args:
        dag: The DAG, or a file or mapping that contains it.
        sink: Collects every mistake.

    Returns:
        The DAG, or ``None`` if it is invalid.
    """
    if isinstance(dag, PipelineDAG):
        return dag
    try:
        return PipelineDAG.from_dict(dag) if isinstance(dag, Mapping) else PipelineDAG.load(dag)
    except InvalidInputError as error:
        sink.extend(error.diagnostics)
        return None


def _fill(dag: PipelineDAG, document: Document, sink: DiagnosticSink) -> None:
    nodes = document.data.get("nodes")
    edges = document.data.get("edges")
    if nodes is not None and not isinstance(nodes, list):
        sink.error("'nodes' is not a list of names", document.locate(("nodes",)), code="dag.wrong-type")
        nodes = None
    for index, node in enumerate(nodes or ()):
        location = document.locate(("nodes", index))
        problem = find_node_problem(node)
        if problem is not None:
            sink.error(problem, location, code="dag.wrong-type")
        elif node in dag._nodes:
            sink.error(f"node {node!r} is listed twice", location, code="dag.duplicate-node")
        else:
            dag._nodes[node] = location
    _fill_edges(dag, edges, document.locate, sink, known=dict(dag._nodes) if nodes else None)


def _fill_edges(
    dag: PipelineDAG,
    edges: object,
    locate: LocateValue,
    sink: DiagnosticSink,
    known: Mapping[str, object] | None,
) -> frozenset[str]:
    """Add edges from a document.

    Args:
        dag: The DAG.
        edges: The value of ``edges``.
        locate: Returns the location of a path of the document.
        sink: Collects the errors in the edges.
        known: The nodes that edges may join, or ``None`` for any.

    Returns:
        The nodes that the wrong edges may have been meant to end at.
    """
    if edges is None:
        return frozenset()
    if not isinstance(edges, list):
        hint = _hint_list(edges)
        sink.error("'edges' is not a list of edges", locate(("edges",)), code="dag.wrong-type", hint=hint)
        return frozenset(dag._nodes)
    unclear: set[str] = set()
    names = tuple(known or ())
    for index, item in enumerate(edges):
        location = locate(("edges", index))
        try:
            edge = Edge.parse(item, location)
        except InvalidInputError as error:
            sink.extend(error.diagnostics)
            unclear.update(dag._nodes)
            continue
        unknown = [node for node in dict.fromkeys(edge) if known is not None and node not in known]
        for node in unknown:
            sink.error(
                f"edge '{edge}' ends at {node!r}, which is not a node",
                location,
                code="dag.unknown-node",
                hint=did_you_mean(node, names) or (None if known else "declare the steps under 'steps'"),
                # Where no node exists, all edges end nowhere for the same reason.
                cause=f"step {node!r}" if known else "no steps",
            )
        if not unknown:
            for node in edge:
                dag._nodes.setdefault(node, location)
            dag._edges.setdefault(edge, None)
        else:
            unclear.add(edge.target if edge.target not in unknown else nearest(edge.target, names) or "")
    return frozenset(unclear)


def _hint_list(edges: object) -> str | None:
    """Return how to write edges as a list, if they are one edge or a mapping of sources and targets."""
    if isinstance(edges, str):
        return f"write [{edges}]" if "->" in edges or "=>" in edges else None
    if isinstance(edges, dict):
        pairs = [
            (source, target)
            for source, targets in edges.items()
            for target in (targets if isinstance(targets, list) else [targets])
        ]
        if pairs and all(find_node_problem(node) is None for pair in pairs for node in pair):
            return f"write [{', '.join(f'{source} -> {target}' for source, target in pairs)}]"
    return None
