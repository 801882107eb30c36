"""Ports: aliases, optional inputs, values that hold S3 URIs, and what a training job leaves next to its model."""

from __future__ import annotations

from typing import Any

import pytest

from dagcast.compile.bind.ports import StepPorts
from dagcast.compile.bind.wire_steps import wire
from dagcast.dag import Edge
from dagcast.definition.references import StepProperty
from dagcast.errors import DiagnosticSink
from dagcast.plugin import InputPort, OutputPort
from tests.support.compiling import check, config, errors_of, only_error, steps_of
from tests.support.wiring import bindings, inputs_of, load, model, output, train, work

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def callback(**outputs: str) -> dict[str, Any]:
    return {"type": "Callback", "sqs_queue_url": QUEUE, "outputs": outputs}


class TestAliases:
    def test_an_input_binds_by_an_alias(self) -> None:
        steps = {
            "a": load("train_data", "log"),
            "b": work(inputs={"train": {"aliases": ["train_data"]}, "x": "s3://b/x"}),
        }
        assert bindings(steps, ["a -> b"]) == ["a.train_data -> b.train (name)"]

    def test_an_output_binds_by_an_alias(self) -> None:
        steps = {"a": load(outputs={"processed": {"aliases": ["train"]}, "log": None}), "b": work("train")}
        assert bindings(steps, ["a -> b"]) == ["a.processed -> b.train (name)"]

    def test_an_edge_may_write_an_alias(self) -> None:
        steps = {
            "a": load(outputs={"x": {"aliases": ["ex"]}, "y": None}),
            "b": work(inputs={"p": {"aliases": ["pe"]}}),
        }
        for edges in (["a.ex -> b.pe"], ["a.ex -> b"], ["a.ex -> b.p", "a -> b", "a.x -> b.pe"]):
            assert inputs_of(steps, edges, "b") == {"p": output("a", "x")}

    def test_inputs_may_give_an_alias(self) -> None:
        steps = {"a": load(outputs={"x": {"aliases": ["ex"]}}), "b": work(inputs={"p": "a.ex"})}
        assert bindings(steps, []) == ["a.x -> b.p (inputs)"]

    @pytest.mark.parametrize("edge", ["t -> e", "t.classifier -> e", "t.classifier -> e.classifier"])
    def test_an_output_that_a_step_has_by_its_type_gets_aliases(self, edge: str) -> None:
        steps = {
            "t": train(outputs={"model": {"aliases": ["classifier"]}}),
            "e": work(inputs={"classifier": None, "x": {"optional": True}}),
        }
        assert [line.partition(" (")[0] for line in bindings(steps, [edge])] == ["t.model -> e.classifier"]

    @pytest.mark.parametrize(
        ("fields", "hint"),
        [
            (train(outputs={"metrics": None}), "known: model, output"),
            (train(outputs={"modle": {"aliases": ["m"]}}), "did you mean 'model'?"),
            (model(outputs={"name": None}), "known: model_name"),
        ],
    )
    def test_an_output_that_the_type_does_not_have(self, fields: dict[str, Any], hint: str) -> None:
        fields["inputs"] = {"model": "s3://my-bucket/m.tar.gz"}
        error = only_error(config({"t": fields}))
        assert (error.code, error.hint) == ("wiring.unknown-port", hint)
        assert str(error.location) == f"<config>.steps.t.outputs.{next(iter(fields['outputs']))}"

    def test_a_port_that_a_step_type_declares_gets_aliases_too(self) -> None:
        steps = {"a": load("fitted", "log"), "m": model(inputs={"model": {"aliases": ["fitted"]}})}
        assert bindings(steps, ["a -> m"]) == ["a.fitted -> m.model (name)"]

    def test_the_name_itself_comes_before_an_alias(self) -> None:
        steps = {"a": load("train", "raw"), "b": work(inputs={"train": {"aliases": ["raw"]}})}
        assert bindings(steps, ["a -> b"]) == ["a.train -> b.train (name)"]

    def test_an_alias_that_means_two_outputs_binds_neither(self) -> None:
        steps = {"a": load("x", "y"), "b": work(inputs={"p": {"aliases": ["x", "y"]}})}
        assert only_error(config(steps, edges=["a -> b"])).hint == "write 'a.x -> b.p' or 'a.y -> b.p'"

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            (
                {"p": {"aliases": ["q"]}, "q": "s3://b/q"},
                "inputs.p has the alias 'q', which is a name of 'q'",
            ),
            (
                {
                    "p": {"aliases": ["z"], "source": "s3://b/p"},
                    "q": {"aliases": ["z"], "source": "s3://b/q"},
                },
                "inputs.q has the alias 'z', which is a name of 'p'",
            ),
        ],
    )
    def test_a_name_belongs_to_one_port(self, inputs: dict[str, Any], message: str) -> None:
        inputs["p"].setdefault("source", "s3://b/p")
        error = only_error(config({"b": work(inputs=inputs)}))
        assert (error.code, error.message) == ("wiring.shared-alias", f"step 'b': {message}")


def test_aliases_of_a_step_type_bind() -> None:
    value = StepProperty("a", "Out")
    steps = {
        "a": StepPorts(outputs=(OutputPort("out", "dataset", value, aliases=("train",)),)),
        "b": StepPorts(
            inputs=(InputPort("data", "model", aliases=("train",)), InputPort("x", "dataset", "s3://b/x"))
        ),
    }
    sink = DiagnosticSink()
    wiring = wire([Edge("a", "b")], steps, frozenset(), sink)
    assert sink.errors == ()
    assert wiring.sources["b"] == {"data": value, "x": "s3://b/x"}


class TestOptional:
    def test_an_input_that_nothing_feeds_is_left_out(self) -> None:
        steps = {"b": work(inputs={"x": {"optional": True}, "y": "s3://b/y"})}
        assert inputs_of(steps, [], "b") == {"y": "s3://b/y"}
        steps = {"b": train(inputs={"x": {"optional": True}, "y": "s3://b/y"})}
        assert [
            each["ChannelName"] for each in steps_of(config(steps))["b"]["Arguments"]["InputDataConfig"]
        ] == ["y"]

    def test_an_edge_feeds_it_all_the_same(self) -> None:
        steps = {"a": load("x"), "b": work(inputs={"x": {"optional": True}})}
        assert bindings(steps, ["a -> b"]) == ["a.x -> b.x (name)"]


class TestAnyKind:
    def test_an_input_without_a_kind_takes_the_only_output(self) -> None:
        steps = {"t": train(), "e": work("model_input", outputs={"metrics": None})}
        assert bindings(steps, ["t -> e"]) == ["t.model -> e.model_input (kind)"]

    def test_an_input_with_a_kind_takes_no_other(self) -> None:
        steps = {"t": train(), "e": work(inputs={"data": {"kind": "dataset"}})}
        error = only_error(config(steps, edges=["t -> e"]))
        assert (error.code, error.hint) == ("wiring.no-ports", "write 't.model -> e.data'")

    def test_two_outputs_of_any_kind_are_not_settled(self) -> None:
        steps = {"a": load(outputs={"m": {"kind": "model"}, "log": None}), "e": work("x")}
        error = only_error(config(steps, edges=["a -> e"]))
        assert (error.code, error.hint) == ("wiring.ambiguous", "write 'a.m -> e.x' or 'a.log -> e.x'")

    def test_an_input_with_the_kind_comes_before_one_without(self) -> None:
        steps = {"t": train(), "e": work(inputs={"x": {"optional": True}, "m": {"kind": "model"}})}
        assert bindings(steps, ["t -> e"]) == ["t.model -> e.m (kind)"]

    def test_a_property_file_is_not_a_second_candidate(self) -> None:
        files = {"Report": {"output": "metrics", "path": "r.json"}}
        steps = {"a": load("metrics", property_files=files), "b": work("x")}
        assert bindings(steps, ["a -> b"]) == ["a.metrics -> b.x (kind)"]
        steps["b"] = work(inputs={"x": {"kind": "report"}})
        assert bindings(steps, ["a -> b"]) == ["a.Report -> b.x (kind)"]


class TestValues:
    def test_a_text_feeds_ports_that_read_s3_by_name(self) -> None:
        steps = {
            "cb": callback(data="String", m="String"),
            "p": work("data"),
            "c": model(inputs={"model": "cb.m"}),
        }
        assert bindings(steps, ["cb -> p"]) == ["cb.m -> c.model (inputs)", "cb.data -> p.data (name)"]
        assert inputs_of(steps, ["cb -> p"], "p") == {"data": {"Get": "Steps.cb.OutputParameters['data']"}}

    def test_it_is_written_on_an_edge(self) -> None:
        steps = {
            "f": {"type": "Lambda", "function_arn": FUNCTION, "outputs": {"where": "String"}},
            "p": work("data"),
        }
        assert bindings(steps, ["f.where -> p.data"]) == ["f.where -> p.data (explicit)"]

    def test_it_never_binds_by_its_kind(self) -> None:
        steps = {"cb": callback(uri="String"), "p": work("data")}
        error = only_error(config(steps, edges=["cb -> p"]))
        assert (error.code, error.hint) == ("wiring.no-ports", "write 'cb.uri -> p.data'")

    def test_a_number_is_not_an_address(self) -> None:
        steps = {"cb": callback(data="Integer"), "p": work("data")}
        found = check(config(steps, edges=["cb -> p"])).errors
        assert {error.code: error.hint for error in found} == {
            "wiring.unfed-input": "give inputs.data in its config",
            "wiring.no-ports": "write 'cb => p' if only the order matters",
        }
        steps["p"] = work(inputs={"data": "cb.data"})
        assert only_error(config(steps)).code == "wiring.kind"


class TestTrainingOutput:
    def test_its_address_is_that_of_the_archive(self) -> None:
        found = inputs_of({"t": train(), "e": work(inputs={"logs": "t.output"})}, [], "e")
        assert found == {
            "logs": {
                "Std:Join": {
                    "On": "/",
                    "Values": [
                        {"Get": "Steps.t.OutputDataConfig.S3OutputPath"},
                        {"Get": "Steps.t.TrainingJobName"},
                        "output/output.tar.gz",
                    ],
                }
            }
        }

    def test_an_uncompressed_output_is_a_folder(self) -> None:
        step = train(request={"OutputDataConfig": {"CompressionType": "NONE"}})
        found = inputs_of({"t": step, "e": work(inputs={"logs": "t.output"})}, [], "e")
        assert found["logs"]["Std:Join"]["Values"][2] == "output/output/"

    def test_it_binds_only_where_it_is_named(self) -> None:
        steps = {"t": train(), "e": work("logs")}
        assert bindings(steps, ["t -> e"]) == ["t.model -> e.logs (kind)"]
        assert bindings(steps, ["t.output -> e"]) == ["t.output -> e.logs (kind)"]
        steps["e"] = work("output", "model")
        error = only_error(config(steps, edges=["t -> e"]))
        assert (error.code, error.hint) == (
            "wiring.unfed-input",
            "write the edge 't.output -> e.output' or 't.model -> e.output', or give inputs.output in its config",
        )


class TestTexts:
    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({"environment": {"A": "t.model"}}, "environment.A"),
            ({"arguments": ["--model", "t.model"]}, "arguments[1]"),
        ],
    )
    def test_a_text_that_names_an_output_is_refused(self, fields: dict[str, Any], place: str) -> None:
        error = only_error(config({"t": train(), "e": work(**fields)}))
        assert error.code == "wiring.output-as-text"
        assert error.message == f"step 'e': {place} is the text 't.model', which names an output of 't'"
        assert error.hint == (
            "write ${step.t.ModelArtifacts.S3ModelArtifacts}; "
            "to send the text itself, set it in the request of 'e'"
        )
        assert str(error.location) == f"<config>.steps.e.{place}"

    def test_in_what_a_function_receives_at_any_depth(self) -> None:
        function = {"type": "Lambda", "function_arn": FUNCTION, "inputs": {"a": {"b": ["m.model_name"]}}}
        steps = {"m": model(inputs={"model": "s3://b/m.tar.gz"}), "f": function}
        (error,) = errors_of(config(steps))
        assert "inputs.a.b[0] is the text 'm.model_name'" in error
        assert "write ${step.m.ModelName};" in error
        steps["f"] = {**function, "inputs": {"a": {"b": ["${step.m.ModelName}"]}}}
        assert steps_of(config(steps))["f"]["Arguments"] == {"a": {"b": [{"Get": "Steps.m.ModelName"}]}}

    def test_the_text_itself_can_be_sent(self) -> None:
        steps = {"t": train(), "e": work(request={"Environment": {"FILE": "t.model"}})}
        assert steps_of(config(steps))["e"]["Arguments"]["Environment"] == {"FILE": "t.model"}

    def test_other_texts_are_texts(self) -> None:
        steps = {
            "t": train(hyperparameters={"own": "t.model", "script": "t.py", "number": "1.5"}),
            "e": work(environment={"A": "t.nothing", "B": "x.model", "C": "t", "D": "s3://b/t.model"}),
        }
        assert errors_of(config(steps)) == []

    def test_a_step_that_runs_later_cannot_be_read(self) -> None:
        steps = {"a": load("x"), "b": work("x", outputs={"y": None})}
        steps["a"]["environment"] = {"Y": "b.y"}
        error = only_error(config(steps, edges=["a -> b"]))
        assert error.hint == (
            "'a' cannot read it, as it does not run after 'b'; to send the text itself, set it in the request of 'a'"
        )
