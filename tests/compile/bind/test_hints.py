"""Hints of wiring: whatever is suggested works when it is pasted."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagcast.errors import Diagnostic
from tests.support.compiling import ALWAYS, JOB, check, config, errors_of, only_error
from tests.support.wiring import bindings, inputs_of, load, model, output, train, work

_LINE = re.compile(r"'(?P<line>[^'\s]+ [-=]> [^'\s]+)'(?P<more> and )?")
_GIVEN = re.compile(r"'(?P<given>[^'\s.]+\.[^'\s.]+)'")


def alternatives(hint: str) -> Iterator[list[str]]:
    """The alternatives that a hint lists: each the lines to write."""
    lines: list[str] = []
    for match in _LINE.finditer(hint):
        lines.append(match["line"])
        if not match["more"]:
            yield lines
            lines = []


def pasted(source: dict[str, Any], error: Diagnostic) -> Iterator[dict[str, Any]]:
    """The configs that follow from what the hint of an error suggests."""
    place = str(error.location)
    for lines in alternatives(error.hint or ""):
        changed = copy.deepcopy(source)
        edge = re.fullmatch(r"<config>\.edges\[(\d+)\]", place)
        if edge is not None:
            index = int(edge[1])
            changed["edges"][index : index + 1] = lines
        else:
            changed["edges"] += lines
        yield changed
    if error.code == "wiring.unknown-source":
        found = re.fullmatch(r"<config>\.steps\.(\w+)\.inputs\.(\w+)", place)
        assert found is not None
        if any(edge.endswith(f"-> {found[1]}.{found[2]}") for edge in source["edges"]):
            return  # An edge feeds the input as well: one of the two has to go, whatever the hint says.
        for match in _GIVEN.finditer(error.hint or ""):
            changed = copy.deepcopy(source)
            changed["steps"][found[1]]["inputs"][found[2]] = match["given"]
            yield changed


def mistakes(source: dict[str, Any]) -> set[tuple[str, str]]:
    """Code and message of each error, without the inputs that are free at the time."""
    return {(error.code, error.message.partition(" (outputs of")[0]) for error in check(source).errors}


def follow_hints(source: dict[str, Any]) -> int:
    """Follow each hint of a config, and check that its error goes and no other comes; the number of hints."""
    before = mistakes(source)
    followed = 0
    for error in check(source).errors:
        own = (error.code, error.message.partition(" (outputs of")[0])
        for changed in pasted(source, error):
            followed += 1
            assert mistakes(changed) <= before - {own}, (str(error), changed["edges"])
    return followed


class TestCases:
    def test_steps_that_run_later_are_not_suggested(self) -> None:
        steps = {"a": work("raw", outputs={"train": None}), "b": work("train", outputs={"scores": None})}
        assert only_error(config(steps, edges=["a -> b"])).hint == "give inputs.raw in its config"

    def test_nor_after_a_cycle_of_depends_on(self) -> None:
        steps = {"a": work("raw"), "b": load("raw", depends_on=["a"])}
        assert only_error(config(steps)).hint == "give inputs.raw in its config"

    def test_as_many_lines_as_are_needed(self) -> None:
        steps = {
            "load": load("data", "metadata"),
            "impute": load("processed", "tables"),
            "map": work("data_in", "tables_in"),
        }
        source = config(steps, edges=["load => impute", "impute -> map"])
        assert only_error(source).hint == (
            "write 'impute.processed -> map.data_in' and 'impute.tables -> map.tables_in', "
            "or 'impute.tables -> map.data_in' and 'impute.processed -> map.tables_in'"
        )
        lines = ["impute.processed -> map.data_in", "impute.tables -> map.tables_in"]
        assert inputs_of(steps, ["load => impute", *lines], "map") == {
            "data_in": output("impute", "processed"),
            "tables_in": output("impute", "tables"),
        }

    def test_unused_outputs_of_predecessors_come_first(self) -> None:
        steps = {"far": load("x", "y"), "near": load("p", "q"), "b": work("one", "two")}
        error = only_error(config(steps, edges=["near.p -> b.one"]))
        assert (error.hint or "").startswith("write the edge 'near.q -> b.two' or 'near.p -> b.two'")

    def test_steps_of_another_branch_are_not_suggested(self) -> None:
        steps = {
            "c": {"type": "Condition", "conditions": ALWAYS, "if_steps": ["a"], "else_steps": ["b"]},
            "a": load("x"),
            "b": work("x"),
        }
        assert only_error(config(steps)).hint == "give inputs.x in its config"
        assert [error.code for error in check(config(steps, edges=["a -> b"])).errors] == [
            "branch.other-branch"
        ]

    def test_a_single_output_is_given_with_its_port(self) -> None:
        steps = {"m": model(inputs={"model": "t"}), "t": train()}
        assert only_error(config(steps)).hint == "write 't.model'"
        steps = {
            "b": work(inputs={"x": "c"}, outputs={"y": None}),
            "c": work(inputs={"z": "b.y"}, outputs={"w": None}),
        }
        assert errors_of(config(steps)) == [
            "<config>.steps.b.inputs.x: step 'b': input 'x' reads 'c', which is neither a URI nor step.port "
            "(an S3 URI starts with s3://)"
        ]

    def test_an_output_is_not_given_where_its_edge_feeds_another_input(self) -> None:
        steps = {"a": load("x"), "b": work(inputs={"p": None, "q": {"source": "a"}})}
        source = config(steps, edges=["a -> b"])
        assert only_error(source).hint == "an S3 URI starts with s3://"
        follow_hints(config(steps, edges=["a.x -> b.p"]))
        assert only_error(config(steps, edges=["a.x -> b.p"])).hint == "write 'a.x'"

    def test_two_edges_are_settled_whatever_their_order(self) -> None:
        steps = {
            "t": train(),
            "a": load("d"),
            "b": work(inputs={"x": None, "data": {"kind": "dataset"}}),
        }
        steps["a"]["outputs"] = {"d": None, "m": {"kind": "model"}}
        for edges in (["t -> b", "a -> b"], ["a -> b", "t -> b"]):
            assert sorted(bindings(steps, edges)) == ["a.d -> b.data (kind)", "t.model -> b.x (kind)"]

    @pytest.mark.parametrize(
        ("steps", "edges"),
        [
            ({"t": train(), "b": work("p", "q")}, ["t -> b"]),
            (
                {"t": train(), "b": work(inputs={"p": {"kind": "dataset"}, "q": {"kind": "report"}})},
                ["t -> b"],
            ),
            ({"a": load("x"), "b": load("x"), "c": work("x")}, ["a -> c", "b -> c"]),
            ({"a": load("x", "y"), "b": work("p", "q")}, ["a.x -> b"]),
            ({"a": load("x"), "b": work()}, ["a -> b"]),
            ({"a": load("x"), "b": work(inputs={"x": "s3://b/x"})}, ["a -> b"]),
            ({"a": load("x"), "b": work(inputs={"x": "a"})}, []),
            ({"a": load("x"), "t": train(), "m": model(inputs={"model": "a"})}, ["t => m"]),
        ],
    )
    def test_hints_of_common_mistakes_work(self, steps: dict[str, Any], edges: list[str]) -> None:
        assert follow_hints(config(steps, edges=edges)) > 0


kinds = st.sampled_from([None, None, "dataset", "model", "report"])


@st.composite
def pipelines(draw: st.DrawFn) -> dict[str, Any]:
    """Pipelines with few names and kinds, so that many edges are ambiguous or join nothing."""
    names = ["a", "b", "c", "d", "e"][: draw(st.integers(2, 5))]
    steps: dict[str, Any] = {}
    for name in names:
        kind = draw(st.sampled_from(["Processing"] * 4 + ["Training", "CreateModel"]))
        if kind == "CreateModel":
            steps[name] = model()
            continue
        inputs: dict[str, Any] = {}
        for port in draw(st.lists(st.sampled_from(["p", "q", "x"]), max_size=3, unique=True)):
            source = draw(st.sampled_from([None, None, None, "s3://b/x", *names]))
            inputs[port] = {"optional": draw(st.booleans())} if source is None else {"source": source}
            declared = draw(kinds)
            if declared is not None:
                inputs[port]["kind"] = declared
            if draw(st.integers(0, 5)) == 0:
                inputs[port]["aliases"] = [draw(st.sampled_from(["y", "z"])) + port]
        steps[name] = {"type": kind, **JOB, "inputs": inputs}
        if kind == "Processing":
            outputs = draw(st.dictionaries(st.sampled_from(["x", "y", "yp"]), kinds, max_size=3))
            steps[name]["outputs"] = {
                port: {"kind": each} if each else None for port, each in outputs.items()
            }
    if draw(st.integers(0, 2)) == 0:
        members = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
        steps["if"] = {
            "type": "Condition",
            "conditions": ALWAYS,
            "if_steps": members[:1],
            "else_steps": members[1:],
        }
    pairs = [(one, other) for index, one in enumerate(names) for other in names[index + 1 :]]
    edges = []
    for one, other in draw(st.lists(st.sampled_from(pairs), max_size=5)):
        form = draw(st.sampled_from(["{} -> {}", "{} -> {}", "{} => {}", "{}.x -> {}", "{} -> {}.p"]))
        edges.append(form.format(one, other))
    return config(steps, edges=list(dict.fromkeys(edges)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(source=pipelines())
def test_every_hint_works_when_it_is_pasted(source: dict[str, Any]) -> None:
    follow_hints(source)


@pytest.mark.parametrize(("outputs", "listed"), [(2, 2), (4, 4), (5, 4), (9, 4)])
def test_a_hint_lists_four_alternatives_at_most(outputs: int, listed: int) -> None:
    source = config(
        {
            "a": {"type": "Processing", **JOB, "outputs": {f"o{n}": None for n in range(outputs)}},
            "b": {"type": "Processing", **JOB, "inputs": {"p": None}},
        },
        edges=["a -> b"],
    )
    assert len(list(alternatives(only_error(source).hint or ""))) == listed
