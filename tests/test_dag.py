"""The DAG: its API, its spellings, its files, and its order."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dagcast import DagcastError, PipelineDAG
from dagcast.dag import Edge
from dagcast.errors import CycleError, InvalidInputError, Location

# From alphabets: text from a regular expression takes Hypothesis much longer.
names = st.text("abcXYZ019_-é", min_size=1, max_size=6)
ports = st.builds(str.__add__, st.text("aZ0_-.", max_size=4), st.sampled_from("aZ0_"))


@st.composite
def edges(draw: st.DrawFn, nodes: list[str]) -> Edge:
    source, target = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
    if draw(st.booleans()):
        return Edge(source, target, order_only=draw(st.booleans()))
    return Edge(source, target, source_port=draw(st.none() | ports), target_port=draw(st.none() | ports))


@st.composite
def dags(draw: st.DrawFn) -> PipelineDAG:
    """Any graph, those with cycles included."""
    nodes = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    return PipelineDAG(nodes, draw(st.lists(edges(nodes), max_size=12)))


@st.composite
def acyclic(draw: st.DrawFn) -> PipelineDAG:
    """Graphs whose edges follow a hidden order, which is not the order of the nodes."""
    hidden = draw(st.lists(names, min_size=2, max_size=10, unique=True))
    pairs = st.lists(st.integers(0, len(hidden) - 1), min_size=2, max_size=2, unique=True).map(sorted)
    found = [(hidden[low], hidden[high]) for low, high in draw(st.lists(pairs, max_size=20))]
    return PipelineDAG(draw(st.permutations(hidden)), found)


def order_or_cycle(dag: PipelineDAG) -> tuple[list[str], tuple[str, ...]]:
    try:
        return dag.topological_order(), ()
    except CycleError as error:
        return [], error.cycle


class TestBuilding:
    def test_nodes_and_edges_keep_their_order(self) -> None:
        dag = PipelineDAG()
        dag.add_node("b")
        dag.add_edge("c", "a")
        dag.add_node("b")
        dag.add_edge("a", "b")
        assert dag.nodes == ["b", "c", "a"]
        assert dag.edges == [("c", "a"), ("a", "b")]

    def test_what_it_returns_is_a_copy(self) -> None:
        dag = PipelineDAG(["a"])
        dag.nodes.append("b")
        dag.edges.append(Edge("a", "b"))
        assert dag.nodes == ["a"]
        assert dag.edges == []

    @pytest.mark.parametrize(
        "spelling",
        ["a -> b", "a->b", "  a   ->   b  ", ["a", "b"], ("a", "b"), Edge("a", "b"), [" a ", "b "]],
    )
    def test_spellings_of_a_plain_edge(self, spelling: Any) -> None:
        dag = PipelineDAG()
        dag.add_edge(spelling)
        (edge,) = dag.edges
        assert edge == ("a", "b")
        assert list(edge) == ["a", "b"]
        assert (edge.source_port, edge.target_port, edge.order_only) == (None, None, False)
        assert str(edge) == "a -> b"

    @pytest.mark.parametrize(
        ("spelling", "source_port", "target_port", "text"),
        [
            ("a.out -> b.in", "out", "in", "a.out -> b.in"),
            ("a.out -> b", "out", None, "a.out -> b"),
            ("a -> b.in", None, "in", "a -> b.in"),
            ("a.x.y->b.z.w", "x.y", "z.w", "a.x.y -> b.z.w"),
            (["a.out", "b.in"], "out", "in", "a.out -> b.in"),
        ],
    )
    def test_ports(self, spelling: Any, source_port: str, target_port: str, text: str) -> None:
        edge = Edge.parse(spelling)
        assert (edge.source, edge.target) == ("a", "b")
        assert (edge.source_port, edge.target_port) == (source_port, target_port)
        assert str(edge) == text
        assert edge != ("a", "b")

    def test_two_arguments(self) -> None:
        dag = PipelineDAG()
        dag.add_edge("a.out", "b.in")
        assert dag.edges == [Edge("a", "b", source_port="out", target_port="in")]

    def test_order_only(self) -> None:
        edge = Edge.parse("a => b")
        assert edge.order_only
        assert edge != Edge.parse("a -> b")
        assert str(edge) == "a => b"

    def test_an_edge_given_twice_is_one(self) -> None:
        dag = PipelineDAG(["a", "b"], ["a -> b", ["a", "b"], "a => b", "a.x -> b.y", "a.x->b.y"])
        assert [str(edge) for edge in dag.edges] == ["a -> b", "a => b", "a.x -> b.y"]

    def test_neighbours(self) -> None:
        dag = PipelineDAG(edges=["a -> c", "b -> c", "a => c", "c -> d"])
        assert dag.predecessors("c") == ["a", "b"]
        assert dag.successors("c") == ["d"]
        assert dag.successors("d") == []
        assert len(dag) == 4
        assert "a" in dag
        assert "z" not in dag

    @pytest.mark.parametrize(
        "wrong",
        ["", "a", "->", "a ->", "-> b", "a -> b -> c", "a >> b", "a - > b", "a b -> c", "a. -> b", ".x -> b"],
    )
    def test_text_that_is_not_an_edge_is_refused(self, wrong: str) -> None:
        with pytest.raises(InvalidInputError, match="is not an edge"):
            Edge.parse(wrong)

    @pytest.mark.parametrize(
        "wrong",
        [
            5,
            None,
            True,
            [],
            ["a"],
            ["a", "b", "c"],
            [1, 2],
            [["a"], "b"],
            {"a": "b"},
            {"from": "a", "to": "b"},
        ],
    )
    def test_what_is_not_an_edge_is_refused(self, wrong: Any) -> None:
        with pytest.raises(InvalidInputError, match="is not an edge"):
            Edge.parse(wrong)

    @pytest.mark.parametrize("wrong", ["a.x => b", "a => b.y", "a.x => b.y"])
    def test_order_only_edges_have_no_ports(self, wrong: str) -> None:
        with pytest.raises(InvalidInputError, match="orders ports"):
            Edge.parse(wrong)

    @pytest.mark.parametrize("wrong", ["", "  ", "a b", "a.b", "a>b", "a=b", "a\n", 5, None, ["a"]])
    def test_what_is_not_a_node_is_refused(self, wrong: Any) -> None:
        with pytest.raises(InvalidInputError, match="is not a node"):
            PipelineDAG().add_node(wrong)
        with pytest.raises(InvalidInputError, match="is not a node"):
            PipelineDAG([wrong])

    def test_every_mistake_is_reported_at_once(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            PipelineDAG(["a", "b", "a", 3], ["a -> b", "a -> c", "x", "d => e"])  # type: ignore[list-item]
        messages = [(str(d.location), d.message) for d in caught.value.diagnostics]
        assert messages == [
            ("<dag>.edges[1]", "edge 'a -> c' ends at 'c', which is not a node"),
            ("<dag>.edges[2]", "'x' is not an edge"),
            ("<dag>.edges[3]", "edge 'd => e' ends at 'd', which is not a node"),
            ("<dag>.edges[3]", "edge 'd => e' ends at 'e', which is not a node"),
            ("<dag>.nodes[2]", "node 'a' is listed twice"),
            (
                "<dag>.nodes[3]",
                "3 is not a node: expected a name without spaces and without '.', '>' and '='",
            ),
        ]

    def test_errors_are_in_the_one_tree(self) -> None:
        with pytest.raises(DagcastError):
            PipelineDAG(edges=["x"])

    def test_equality_is_of_content(self) -> None:
        assert PipelineDAG(["a", "b"], ["a -> b"]) == PipelineDAG(["a", "b"], [("a", "b")])
        assert PipelineDAG(["a", "b"], ["a -> b"]) != PipelineDAG(["a", "b"], ["a => b"])
        assert PipelineDAG(["a", "b"]) != PipelineDAG(["b", "a"])
        with pytest.raises(TypeError):
            hash(PipelineDAG())


class TestFiles:
    @given(dag=dags())
    def test_a_dict_holds_the_whole_dag(self, dag: PipelineDAG) -> None:
        data = dag.to_dict()
        again = PipelineDAG.from_dict(json.loads(json.dumps(data)))
        assert again == dag
        assert again.nodes == dag.nodes
        assert again.edges == dag.edges

    @given(dag=dags(), suffix=st.sampled_from([".json", ".yaml", ".yml"]))
    def test_a_file_holds_the_whole_dag(
        self, dag: PipelineDAG, suffix: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.mktemp("dag") / f"dag{suffix}"
        dag.save(path)
        again = PipelineDAG.load(path)
        assert again == dag
        assert again.edges == dag.edges

    def test_the_form_that_is_written(self, tmp_path: Path) -> None:
        dag = PipelineDAG(["a", "b", "c"], ["a -> b", "a.x -> c.y", "b => c"])
        expected = {"nodes": ["a", "b", "c"], "edges": [["a", "b"], "a.x -> c.y", "b => c"]}
        dag.save(tmp_path / "dag.json")
        dag.save(tmp_path / "dag.yaml")
        assert json.loads((tmp_path / "dag.json").read_text()) == expected
        assert yaml.safe_load((tmp_path / "dag.yaml").read_text()) == expected

    def test_other_suffixes_are_not_written(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"\.toml"):
            PipelineDAG().save(tmp_path / "dag.toml")
        assert not list(tmp_path.iterdir())

    def test_toml_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "dag.toml").write_text('nodes = ["a", "b"]\nedges = ["a -> b"]\n')
        assert PipelineDAG.load(tmp_path / "dag.toml") == PipelineDAG(["a", "b"], ["a -> b"])

    def test_nodes_may_be_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "dag.yaml").write_text("edges:\n  - a -> b\n  - [b, c]\n")
        dag = PipelineDAG.load(tmp_path / "dag.yaml")
        assert dag.nodes == ["a", "b", "c"]
        assert dag.node_location("c") == Location(str(tmp_path / "dag.yaml"), 3)

    @pytest.mark.parametrize("text", ["", "nodes:\nedges:\n", "nodes: []\nedges: []\n", "{}"])
    def test_empty_sections_are_an_empty_dag(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "dag.yaml").write_text(text)
        assert PipelineDAG.load(tmp_path / "dag.yaml") == PipelineDAG()

    @pytest.mark.parametrize("value", ["false", "0", '""', "{}", "a", "{a: b}", "3"])
    @pytest.mark.parametrize("section", ["nodes", "edges"])
    def test_sections_are_lists(self, section: str, value: str, tmp_path: Path) -> None:
        (tmp_path / "dag.yaml").write_text(f"{section}: {value}\n")
        with pytest.raises(InvalidInputError, match=f"'{section}' is not a list"):
            PipelineDAG.load(tmp_path / "dag.yaml")

    def test_mistakes_in_a_file_have_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "dag.yaml"
        path.write_text(
            "nodes:\n  - load\n  - train\n  - load\nedges:\n  - load -> trian\n  - x\n  -\nnods: []\n"
        )
        with pytest.raises(InvalidInputError) as caught:
            PipelineDAG.load(path)
        found = [(d.location and d.location.line, d.message, d.hint) for d in caught.value.diagnostics]
        edge = "write 'a -> b', 'a.out -> b.in', 'a => b' or [a, b]"
        assert found == [
            (4, "node 'load' is listed twice", None),
            (6, "edge 'load -> trian' ends at 'trian', which is not a node", "did you mean 'train'?"),
            (7, "'x' is not an edge", edge),
            (8, "null is not an edge", edge),
            (9, "a DAG has no field 'nods'", "did you mean 'nodes'?"),
        ]

    def test_a_missing_file_is_an_error_with_its_name(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match=r"dag\.json: .*the file does not exist"):
            PipelineDAG.load(tmp_path / "dag.json")


class TestOrder:
    @given(dag=acyclic())
    def test_every_node_follows_its_predecessors(self, dag: PipelineDAG) -> None:
        order = dag.topological_order()
        assert sorted(order) == sorted(dag.nodes)
        place = {node: index for index, node in enumerate(order)}
        assert all(place[edge.source] < place[edge.target] for edge in dag.edges)

    @given(dag=acyclic())
    def test_the_first_node_that_can_run_comes_first(self, dag: PipelineDAG) -> None:
        done: set[str] = set()
        for node in dag.topological_order():
            ready = [n for n in dag.nodes if n not in done and done.issuperset(dag.predecessors(n))]
            assert node == ready[0]
            done.add(node)

    @given(dag=acyclic(), seed=st.randoms(use_true_random=False))
    def test_the_order_of_edges_makes_no_difference(self, dag: PipelineDAG, seed: random.Random) -> None:
        shuffled = list(dag.edges)
        seed.shuffle(shuffled)
        assert PipelineDAG(dag.nodes, shuffled).topological_order() == dag.topological_order()

    @given(dag=dags())
    def test_either_an_order_or_a_real_cycle(self, dag: PipelineDAG) -> None:
        order, cycle = order_or_cycle(dag)
        if cycle:
            assert cycle[0] == cycle[-1]
            assert len(set(cycle)) == len(cycle) - 1 >= 1
            pairs = {(edge.source, edge.target) for edge in dag.edges}
            assert all(pair in pairs for pair in pairwise(cycle))
        else:
            place = {node: index for index, node in enumerate(order)}
            assert all(place[edge.source] < place[edge.target] for edge in dag.edges)

    def test_the_cycle_is_printed(self) -> None:
        dag = PipelineDAG(edges=["s -> a", "a -> b", "b -> c", "c -> a", "c -> end"])
        with pytest.raises(CycleError) as caught:
            dag.topological_order()
        assert "the DAG has a cycle: " in str(caught.value)
        around = caught.value.cycle
        assert set(around) == {"a", "b", "c"}
        assert " -> ".join(around) in str(caught.value)

    def test_an_edge_to_itself_is_a_cycle(self) -> None:
        with pytest.raises(CycleError, match="a -> a"):
            PipelineDAG(edges=["a -> a"]).topological_order()

    def test_ten_thousand_nodes(self) -> None:
        count = 10_000
        chain = PipelineDAG(
            (f"n{i}" for i in reversed(range(count))), ((f"n{i}", f"n{i + 1}") for i in range(count - 1))
        )
        assert chain.topological_order() == [f"n{i}" for i in range(count)]

    def test_ten_thousand_nodes_behind_a_cycle(self) -> None:
        # Finding the cycle must not start over from each of the nodes that wait behind it.
        count = 10_000
        edges = [(f"n{i}", f"n{i + 1}") for i in range(count - 1)]
        dag = PipelineDAG(
            [f"n{i}" for i in range(count)] + ["x", "y"], [*edges, "x -> y", "y -> x", "y -> n0"]
        )
        with pytest.raises(CycleError) as caught:
            dag.topological_order()
        assert set(caught.value.cycle) == {"x", "y"}

    def test_a_cycle_of_ten_thousand_nodes(self) -> None:
        count = 10_000
        dag = PipelineDAG(edges=((f"n{i}", f"n{(i + 1) % count}") for i in range(count)))
        with pytest.raises(CycleError) as caught:
            dag.topological_order()
        assert len(caught.value.cycle) == count + 1
