"""Wiring: the order of its rules, and the mistakes that it reports."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAG
from dagcast.compile.bind.ports import InputPort, OutputPort, StepPorts
from dagcast.compile.bind.wire_steps import wire
from dagcast.compile.bind.wiring import Wiring
from dagcast.dag import Edge
from dagcast.definition.references import StepProperty
from dagcast.errors import DiagnosticSink, Location
from tests.support.compiling import ALWAYS, JOB, PIPELINE, check, config, errors_of, only_error, steps_of
from tests.support.wiring import bindings, inputs_of, load, model, output, train, work


class TestPrecedence:
    def test_ports_on_the_edge_win_over_names(self) -> None:
        steps = {"a": load("x", "y"), "b": work("x")}
        assert inputs_of(steps, ["a.y -> b.x"], "b") == {"x": output("a", "y")}
        assert bindings(steps, ["a.y -> b.x"]) == ["a.y -> b.x (explicit)"]

    def test_they_win_even_over_a_plain_edge(self) -> None:
        steps = {"a": load("x", "y"), "b": work("x", "y")}
        assert inputs_of(steps, ["a -> b", "a.y -> b.x"], "b") == {
            "x": output("a", "y"),
            "y": output("a", "y"),
        }

    def test_inputs_of_the_config_win_over_names(self) -> None:
        steps = {"a": load("x", "y"), "b": work(inputs={"x": "a.y"})}
        assert inputs_of(steps, ["a -> b"], "b") == {"x": output("a", "y")}
        assert bindings(steps, ["a -> b"]) == ["a.y -> b.x (inputs)"]

    def test_inputs_of_the_config_need_no_edge(self) -> None:
        steps = {"b": work(inputs={"x": "a.y"}), "a": load("x", "y")}
        assert bindings(steps, []) == ["a.y -> b.x (inputs)"]
        assert list(steps_of(config(steps))) == ["a", "b"]

    def test_the_same_name_wins_over_kinds(self) -> None:
        steps = {"a": load("x", "y"), "b": work("y", z={})} | {"b": work("y")}
        assert bindings(steps, ["a -> b"]) == ["a.y -> b.y (name)"]

    def test_an_edge_joins_all_ports_of_the_same_names(self) -> None:
        steps = {"a": load("x", "y", "z"), "b": work("z", "x")}
        assert sorted(bindings(steps, ["a -> b"])) == ["a.x -> b.x (name)", "a.z -> b.z (name)"]
        # In the order in which the inputs are declared.
        assert list(inputs_of(steps, ["a -> b"], "b")) == ["z", "x"]

    def test_the_one_pair_of_fitting_kinds_comes_last(self) -> None:
        steps = {"a": load("x"), "b": work("y")}
        assert bindings(steps, ["a -> b"]) == ["a.x -> b.y (kind)"]

    def test_kinds_are_those_that_the_config_says(self) -> None:
        steps = {
            "a": {"type": "Processing", **JOB, "outputs": {"r": {"kind": "report"}, "d": None}},
            "b": {"type": "Processing", **JOB, "inputs": {"one": {"kind": "report"}}},
        }
        assert bindings(steps, ["a -> b"]) == ["a.r -> b.one (kind)"]

    def test_two_edges_of_different_kinds(self) -> None:
        steps = {
            "t": train(),
            "a": load("d"),
            "b": work(inputs={"m": {"kind": "model"}, "in": None}),
        }
        assert sorted(bindings(steps, ["a -> b", "t -> b"])) == [
            "a.d -> b.in (kind)",
            "t.model -> b.m (kind)",
        ]

    def test_what_one_edge_takes_is_not_left_for_another(self) -> None:
        """The edge from 'a' can only go to 'p'; so the one from 'b', which fits twice, goes to 'q'."""
        steps = {
            "a": load("one"),
            "b": {"type": "Processing", **JOB, "outputs": {"r": {"kind": "report"}, "d": None}},
            "c": work(inputs={"p": None, "q": {"kind": "report"}}),
        }
        expected = ["a.one -> c.p (kind)", "b.r -> c.q (kind)"]
        assert bindings(steps, ["a -> c", "b -> c"]) == expected
        assert bindings(steps, ["b -> c", "a -> c"]) == expected

    def test_half_written_edges(self) -> None:
        steps = {"a": load("x", "y"), "b": work("p", "y")}
        assert bindings(steps, ["a.y -> b", "a.x -> b.p"]) == ["a.x -> b.p (explicit)", "a.y -> b.y (name)"]
        assert bindings({"a": load("x"), "b": work("p")}, ["a -> b.p"]) == ["a.x -> b.p (kind)"]
        assert bindings({"a": load("x"), "b": work("p")}, ["a.x -> b"]) == ["a.x -> b.p (kind)"]

    def test_a_half_written_edge_wins_over_a_plain_one(self) -> None:
        steps = {"a": load("x", "y"), "c": load("y"), "b": work("y", "z")}
        found = bindings(steps, ["c -> b", "a.x -> b.y"])
        assert found == ["a.x -> b.y (explicit)", "c.y -> b.z (kind)"]

    def test_a_reference_is_reason_enough(self) -> None:
        steps = {"a": train(), "b": {"type": "Fail", "error_message": "${step.a.TrainingJobName}"}}
        assert bindings(steps, ["a -> b"]) == ["a -> b (reference)"]

    def test_a_reference_deep_in_the_config_too(self) -> None:
        steps = {
            "a": train(),
            "b": train(
                request={"RetryStrategy": {"MaximumRetryAttempts": "${step.a.BillableTimeInSeconds}"}}
            ),
        }
        assert bindings(steps, ["a -> b"]) == ["a -> b (reference)"]
        assert list(steps_of(config({"b": steps["b"], "a": steps["a"]}))) == ["a", "b"]

    def test_a_branch_is_reason_enough(self) -> None:
        steps = {"c": {"type": "Condition", "conditions": ALWAYS, "if_steps": ["b"]}, "b": {"type": "Fail"}}
        assert bindings(steps, ["c -> b"]) == ["c -> b (branch)"]

    def test_order_only(self) -> None:
        steps = {"a": load("x"), "b": work()}
        assert bindings(steps, ["a => b"]) == ["a -> b (order)"]
        assert steps_of(config(steps, edges=["a => b"]))["b"]["DependsOn"] == ["a"]
        assert "DependsOn" not in steps_of(config({**steps, "b": work("x")}, edges=["a -> b"]))["b"]

    def test_an_open_input_comes_into_being_by_an_edge(self) -> None:
        steps = {"t": train(), "b": work()}
        assert inputs_of(steps, ["t.model -> b.m"], "b") == {
            "m": {"Get": "Steps.t.ModelArtifacts.S3ModelArtifacts"}
        }

    def test_the_same_twice_is_once(self) -> None:
        steps = {"a": load("x"), "b": work("x")}
        one = steps_of(config(steps, edges=["a -> b"]))
        for edges in (["a -> b", "a -> b"], ["a.x -> b.x", "a -> b"], [["a", "b"], "a.x -> b", "a -> b.x"]):
            assert steps_of(config(steps, edges=edges)) == one
        assert (
            steps_of(config({**steps, "b": work(inputs={"x": "a.x"})}, edges=["a -> b", "a.x -> b.x"])) == one
        )

    def test_one_output_feeds_many(self) -> None:
        steps = {"a": load("x"), "b": work("x", "y"), "c": work("z")}
        assert bindings(steps, ["a -> b", "a.x -> b.y", "a -> c"]) == [
            "a.x -> b.y (explicit)",
            "a.x -> b.x (name)",
            "a.x -> c.z (kind)",
        ]


class TestGiven:
    @pytest.mark.parametrize("uri", ["s3://b/x", "s3://b/x.y/z", "https://b.s3.amazonaws.com/x"])
    def test_addresses(self, uri: str) -> None:
        assert inputs_of({"b": work(inputs={"x": uri, "y": {"source": uri}})}, [], "b") == {
            "x": uri,
            "y": uri,
        }

    def test_references_and_joins(self) -> None:
        steps = {"b": work(inputs={"x": "${param.P}", "y": "s3://b/${exec.PipelineExecutionId}"})}
        found = steps_of(config(steps, parameters={"P": "s3://b/x"}))["b"]["Arguments"]["ProcessingInputs"]
        assert found[0]["S3Input"]["S3Uri"] == {"Get": "Parameters.P"}
        assert found[1]["S3Input"]["S3Uri"] == {
            "Std:Join": {"On": "", "Values": ["s3://b/", {"Get": "Execution.PipelineExecutionId"}]}
        }

    def test_names_of_things_that_exist(self) -> None:
        step = {"type": "Transform", "instance_type": "ml.m5.xlarge"}
        steps = {"t": {**step, "inputs": {"model_name": "my-model", "data": "s3://b/x"}}}
        assert steps_of(config(steps))["t"]["Arguments"]["ModelName"] == "my-model"

    @pytest.mark.parametrize(
        ("given", "code", "message", "hint"),
        [
            (
                "a",
                "wiring.unknown-source",
                "input 'q' reads 'a', which is neither a URI nor step.port",
                "write 'a.x' or 'a.y'",
            ),
            (
                "data/train",
                "wiring.unknown-source",
                "input 'q' reads 'data/train', which is neither a URI nor step.port",
                "an S3 URI starts with s3://",
            ),
            (
                "./train.csv",
                "wiring.unknown-source",
                "input 'q' reads './train.csv', which is neither a URI nor step.port",
                "an S3 URI starts with s3://",
            ),
            ("", "wiring.unknown-source", "input 'q' reads '', which is neither a URI nor step.port", None),
            (
                "aa.x",
                "reference.unknown-step",
                "input 'q' reads 'aa.x', but step 'aa' does not exist",
                "did you mean 'a'?",
            ),
            (
                "a.z",
                "wiring.unknown-port",
                "input 'q' reads 'a.z', but 'a' has no output 'z'",
                "known: x, y",
            ),
        ],
    )
    def test_what_is_not_a_source(self, given: str, code: str, message: str, hint: str | None) -> None:
        error = only_error(config({"a": load("x", "y"), "b": train(inputs={"q": given})}))
        assert (error.code, error.message) == (code, f"step 'b': {message}")
        assert hint is None or error.hint == hint
        assert str(error.location) == "<config>.steps.b.inputs.q"

    def test_inputs_that_a_type_does_not_have_are_refused(self) -> None:
        error = only_error(config({"a": train(), "m": model(inputs={"modl": "a.model"})}))
        assert (error.code, error.hint) == ("wiring.unknown-port", "did you mean 'model'?")
        assert str(error.location) == "<config>.steps.m.inputs.modl"

    def test_a_name_does_not_go_where_an_address_belongs(self) -> None:
        for fields, edges in (({"inputs": {"q": "m.model_name"}}, []), ({}, ["m.model_name -> b.q"])):
            error = only_error(config({"m": model(), "b": work() | fields}, edges=edges))
            assert (
                error.message
                == "output 'model_name' of 'm' is a model-name, but input 'q' of 'b' takes a dataset"
            )


class TestMistakes:
    def test_no_pair_lists_the_ports(self) -> None:
        error = only_error(config({"a": load("x"), "b": {"type": "Fail"}}, edges=["a -> b"]))
        assert error.message == "edge 'a -> b' joins no ports (outputs of 'a': x; inputs of 'b': none free)"
        assert error.hint == "write 'a => b' if only the order matters"
        assert str(error.location) == "<config>.edges[0]"

    def test_no_pair_into_a_step_with_open_inputs(self) -> None:
        error = only_error(config({"a": load("x"), "b": work()}, edges=["a -> b"]))
        assert error.hint == "write 'a.x -> b.x', or 'a => b' if only the order matters"

    def test_more_than_one_pair_lists_them_all(self) -> None:
        error = only_error(config({"a": load("x", "y"), "b": work("p", "q")}, edges=["a -> b"]))
        assert error.message == "edge 'a -> b' could join more than one pair of ports"
        assert error.hint == "write 'a.x -> b.p' and 'a.y -> b.q', or 'a.y -> b.p' and 'a.x -> b.q'"

    def test_half_written_edges_list_what_is_left(self) -> None:
        steps = {"a": load("x", "y"), "b": work("p", "q")}
        assert only_error(config(steps, edges=["a.x -> b"])).hint == (
            "write 'a.x -> b.p' and 'a.y -> b.q', or 'a.y -> b.p' and 'a.x -> b.q'"
        )
        error = check(config(steps, edges=["a -> b.q"])).errors
        assert [item.hint for item in error if item.code == "wiring.ambiguous"] == [
            "write 'a.x -> b.q' or 'a.y -> b.q'"
        ]

    @pytest.mark.parametrize("edges", [["a -> c", "b -> c"], ["b -> c", "a -> c"]])
    def test_two_plain_edges_for_one_input_are_never_settled_by_order(self, edges: list[str]) -> None:
        steps = {"a": load("x"), "b": load("x"), "c": work("x")}
        error = only_error(config(steps, edges=edges))
        assert error.code == "wiring.ambiguous"
        assert error.message == f"input 'x' of 'c' is fed by both edges '{edges[0]}' and '{edges[1]}'"
        assert error.hint == (
            f"write '{edges[1][0]} => c' if only the order matters, or remove one of the edges"
        )

    @pytest.mark.parametrize("edges", [["a -> c", "b -> c"], ["b -> c", "a -> c"]])
    def test_nor_by_kind(self, edges: list[str]) -> None:
        steps = {"a": load("x"), "b": load("y"), "c": work("z")}
        assert only_error(config(steps, edges=edges)).code == "wiring.ambiguous"

    def test_an_input_is_fed_once(self) -> None:
        steps = {"a": load("x"), "b": load("x"), "c": work("x")}
        error = only_error(config(steps, edges=["a.x -> c.x", "b.x -> c.x"]))
        assert (error.code, error.hint) == ("wiring.fed-twice", "keep one of them")
        steps["c"] = work(inputs={"x": "s3://b/x"})
        assert only_error(config(steps, edges=["b.x -> c.x"])).code == "wiring.fed-twice"
        # A plain edge takes no part that is given; then it joins nothing.
        assert only_error(config(steps, edges=["b -> c"])).code == "wiring.no-ports"

    def test_misspelt_ports(self) -> None:
        steps = {"a": train(), "m": model()}
        assert errors_of(config(steps, edges=["a.modl -> m.moddel"])) == [
            "<config>.edges[0]: edge 'a.modl -> m.moddel': 'a' has no output 'modl' (did you mean 'model'?)",
            "<config>.edges[0]: edge 'a.modl -> m.moddel': 'm' has no input 'moddel' (did you mean 'model'?)",
        ]

    def test_an_input_that_nothing_feeds_lists_what_could(self) -> None:
        error = only_error(config({"a": load("x"), "t": train(), "b": work("y")}))
        assert error.code == "wiring.unfed-input"
        assert error.message == "step 'b': nothing feeds its input 'y'"
        assert error.hint == "write the edge 'a.x -> b.y', or give inputs.y in its config"
        assert str(error.location) == "<config>.steps.b.inputs.y"

    def test_a_missing_input_is_one_mistake(self) -> None:
        """The request lacks a required member: that follows, and is not reported."""
        error = only_error(
            config(
                {
                    "t": {"type": "Transform", "instance_type": "ml.m5.xlarge"}
                    | {"inputs": {"data": "s3://b/x"}}
                }
            )
        )
        assert (error.code, error.message) == (
            "wiring.unfed-input",
            "step 't': nothing feeds its input 'model_name'",
        )

    def test_inputs_that_an_invalid_step_would_feed_are_not_reported(self) -> None:
        broken = {"type": "Processing", **JOB, "outputs": {"x": 5}}
        steps = {"a": broken, "b": work("x"), "c": work("q"), "d": work(inputs={"i": "a.x"})}
        found = errors_of(config(steps, edges=["a -> b", "a.x -> c.q"]))
        assert found == [
            "<config>.steps.a.outputs.x: step 'a' (Processing): outputs.x: expected a mapping, got 5"
        ]

    @pytest.mark.parametrize(
        ("bucket", "code"),
        [
            ("Bad_Bucket", "config.pattern"),
            (5, "config.wrong-type"),
            (None, "pipeline.missing-bucket"),
        ],
    )
    def test_an_output_without_a_bucket_is_one_mistake(self, bucket: object, code: str) -> None:
        steps = {"a": load("x"), "b": work("x", outputs={"y": None}), "t": train(inputs={"q": "b.y"})}
        steps["t"]["output_path"] = "s3://b/models"
        error = only_error({**config(steps, edges=["a -> b"]), "pipeline": {**PIPELINE, "bucket": bucket}})
        assert error.code == code

    def test_but_what_is_wrong_elsewhere_is(self) -> None:
        steps = {"a": {"type": "Nope"}, "b": work("x"), "c": work("y")}
        codes = [error.code for error in check(config(steps, edges=["a -> b"])).errors]
        assert codes == ["config.unknown-type", "wiring.unfed-input"]

    def test_an_edge_to_itself_is_a_cycle_and_nothing_else(self) -> None:
        assert only_error(config({"a": work("x", outputs={"x": None})}, edges=["a -> a"])).code == "dag.cycle"

    def test_an_edge_from_an_unknown_node(self) -> None:
        dag = PipelineDAG(edges=["load -> b"])
        error = only_error(config({"b": work("x")}), dag)
        assert error.message == "node 'load' has no config under steps"


KINDS = ["dataset", "model", "report", "boolean", "endpoint-config-name"]
VALUES = {"boolean", "endpoint-config-name"}
"""Those of them that are not S3 URIs."""


@st.composite
def ported(draw: st.DrawFn) -> dict[str, StepPorts]:
    """Steps with few port names and kinds, so that they meet often."""
    names = st.sampled_from(["p", "q", "r"])
    kinds = st.sampled_from(KINDS)
    steps: dict[str, StepPorts] = {}
    for step in ("a", "b", "c", "d"):
        outputs = draw(st.dictionaries(names, kinds, max_size=3))
        inputs = draw(st.dictionaries(names, kinds, max_size=3))
        sources = st.none() | st.sampled_from(["s3://b/x", "a.p", "b.q", "a", "z.z"])
        steps[step] = StepPorts(
            inputs=tuple(
                InputPort(name, kind, draw(sources), draw(st.booleans())) for name, kind in inputs.items()
            ),
            outputs=tuple(OutputPort(name, kind, StepProperty(step, name)) for name, kind in outputs.items()),
            open_inputs=draw(st.booleans()),
            locate=lambda path, step=step: Location(f"{step}{path}"),  # type: ignore[misc]
        )
    return steps


half = st.none() | st.sampled_from(["p", "q", "r"])
any_edges = st.lists(
    st.builds(
        lambda ends, source, target, order: Edge(
            *ends,
            source_port=None if order else source,
            target_port=None if order else target,
            order_only=order,
        ),
        st.sampled_from([("a", "b"), ("a", "c"), ("b", "c"), ("a", "d"), ("b", "d"), ("c", "d")]),
        half,
        half,
        st.sampled_from([False, False, False, True]),
    ),
    max_size=7,
    unique_by=lambda edge: str(edge),
)


def run(steps: dict[str, StepPorts], edges: list[Edge]) -> tuple[Wiring, DiagnosticSink]:
    sink = DiagnosticSink()
    return wire(edges, steps, frozenset(), sink), sink


@pytest.mark.parametrize("turn", [1, -1])
def test_an_input_that_is_fed_twice_is_reported_once_whichever_edge_is_first(turn: int) -> None:
    def ports(name: str, *outputs: str, inputs: bool = False) -> StepPorts:
        made = tuple(OutputPort(output, "dataset", StepProperty(name, output)) for output in outputs)
        return StepPorts(inputs=(), outputs=made, open_inputs=inputs, locate=lambda path: Location(name))

    steps = {"a": ports("a", "r"), "b": ports("b", "p"), "c": ports("c", inputs=True)}
    written = [
        Edge("a", "c", source_port="r", target_port="r"),
        Edge("b", "c", source_port="p", target_port="r"),
    ]
    _, sink = run(steps, [Edge("a", "c"), Edge("b", "c"), *written[::turn]])
    assert [error.code for error in sink.errors] == ["wiring.fed-twice"]


class TestAnyPorts:
    @settings(max_examples=150)
    @given(steps=ported(), edges=any_edges)
    def test_an_input_has_one_source_and_every_edge_an_outcome(
        self, steps: dict[str, StepPorts], edges: list[Edge]
    ) -> None:
        wiring, sink = run(steps, edges)
        fed = [(b.target, b.input) for b in wiring.bindings if b.input is not None]
        sources = {(b.target, b.input): (b.source, b.output) for b in wiring.bindings if b.input is not None}
        for binding in wiring.bindings:
            if binding.input is not None and binding.output is not None:
                assert (binding.source, binding.output) == sources[binding.target, binding.input]
                out = steps[binding.source].output(binding.output)
                assert out is not None
                assert wiring.sources[binding.target][binding.input] == out.value
                declared = steps[binding.target].input(binding.input)
                assert declared is not None or steps[binding.target].open_inputs
                value = {out.kind, declared.kind if declared else "dataset"} & VALUES
                assert not value or (declared is not None and declared.kind == out.kind)
        # The same source twice is possible: given in the config, and by an edge.
        assert len(set(fed)) == len(sources)
        if not sink.errors:
            for edge in edges:
                assert any((b.source, b.target) == (edge.source, edge.target) for b in wiring.bindings), edge
            for name, ports in steps.items():
                assert all(not p.required or p.name in wiring.sources[name] for p in ports.inputs)
        assert all(diagnostic.location is not None for diagnostic in sink.diagnostics)

    @settings(max_examples=150)
    @given(steps=ported(), edges=any_edges, seed=st.randoms(use_true_random=False))
    def test_the_order_of_edges_never_changes_the_result(
        self, steps: dict[str, StepPorts], edges: list[Edge], seed: random.Random
    ) -> None:
        shuffled = list(edges)
        seed.shuffle(shuffled)
        (one, first), (other, second) = run(steps, edges), run(steps, shuffled)
        assert bool(first.errors) == bool(second.errors)
        assert sorted({error.code for error in first.errors}) == sorted(
            {error.code for error in second.errors}
        )
        if not first.errors:
            assert one.sources == other.sources
            assert set(one.bindings) == set(other.bindings)
            assert set(one.order) == set(other.order)

    @given(steps=ported(), edges=any_edges)
    def test_what_the_edges_name_is_what_they_join(
        self, steps: dict[str, StepPorts], edges: list[Edge]
    ) -> None:
        wiring, sink = run(steps, edges)
        if sink.errors:
            return
        for edge in edges:
            if edge.source_port and edge.target_port:
                out = steps[edge.source].output(edge.source_port)
                assert out is not None
                assert wiring.sources[edge.target][edge.target_port] == out.value
