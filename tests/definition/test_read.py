"""Definitions are read, and their references resolved."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from dagcast.definition.conditions import IncomparableError, holds
from dagcast.definition.model import ParameterSpec
from dagcast.definition.parameters import parameter_values
from dagcast.definition.read import read_definition
from dagcast.definition.references import parse
from dagcast.definition.resolve_references import ReferenceFailedError, Scope, resolve
from dagcast.errors import CycleError, InvalidInputError
from dagcast.runner.executors.catalog import executor_for

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests/integration/equivalence/golden").glob("*.json"))
SCOPE = Scope(
    parameters={"Count": 3},
    execution={"PipelineExecutionId": "abc"},
    properties_of=lambda step: {"Outputs": [{"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train"}}]},
    property_file=lambda step, name: {"metrics": [{"value": 0.5}]},
    read_json=lambda uri: {"uri": uri},
)


def read(*steps: dict[str, Any], parameters: tuple[dict[str, Any], ...] = ()) -> Any:
    return read_definition(json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps}))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_definition_can_be_read(path: Path) -> None:
    definition = read_definition(path.read_text("utf-8"))
    top = json.loads(path.read_text("utf-8"))["Steps"]
    assert {step["Name"] for step in top} <= set(definition.by_name)


def test_steps_of_a_branch_depend_on_their_condition_and_the_steps_they_read() -> None:
    compiler = PipelineDAGCompiler(ROOT / "examples/breast_cancer/pipeline.yaml", plugins=[])
    dependencies = read_definition(compiler.compile_definition().definition).dependencies
    register = dependencies["register"]
    assert (register.condition, register.branch) == ("good-enough", "IfSteps")
    assert {"good-enough", "train"} <= set(register.steps)
    assert dependencies["good-enough"].steps == ("evaluate",)


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Get": "Parameters.Count"}, 3),
        ({"Get": "Execution.PipelineExecutionId"}, "abc"),
        ({"Get": "Steps.load.Outputs['train'].S3Output.S3Uri"}, "s3://b/train"),
        ({"Get": "Steps.load.Outputs[0].S3Output.S3Uri"}, "s3://b/train"),
        ({"Std:Join": {"On": "/", "Values": ["a", {"Get": "Parameters.Count"}, 0.5]}}, "a/3/0.5"),
        (
            {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.s.PropertyFiles.F"}, "Path": "metrics[0].value"}},
            0.5,
        ),
        ({"Std:JsonGet": {"S3Uri": "s3://b/x.json", "Path": "uri"}}, "s3://b/x.json"),
        ([{"deep": {"Get": "Parameters.Count"}}], [{"deep": 3}]),
    ],
)
def test_a_reference_is_resolved_to_its_value(value: Any, resolved: Any) -> None:
    assert resolve(parse(value), SCOPE) == resolved


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Get": "Parameters.Cuont"}, r"'Parameters\.Cuont' has no value \(did you mean 'Count'\?\)"),
        (
            {"Get": "Steps.load.Outputs['tain'].S3Output"},
            r"unknown path .*: no 'tain' \(did you mean 'train'\?\)",
        ),
    ],
)
def test_the_error_of_an_unresolved_reference_lists_known_names(value: Any, message: str) -> None:
    with pytest.raises(ReferenceFailedError, match=message):
        resolve(parse(value), SCOPE)


def test_all_errors_of_a_definition_are_reported_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read(
            {"Name": "a", "Type": "Processing", "DependsOn": ["b"]},
            {"Name": "../up", "Type": "Processing"},
            {"Name": "c", "Type": "Processing", "Arguments": {"x": {"Get": "Parameters.No"}}},
            {"Name": "c", "Type": "Processing"},
        )
    messages = [diagnostic.message for diagnostic in caught.value.diagnostics]
    assert any("unknown step 'b'" in message for message in messages)
    assert any("invalid step name '../up'" in message for message in messages)
    assert any("duplicate step 'c'" in message for message in messages)


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_json_that_is_nested_too_deep_is_an_error(depth: int) -> None:
    text = '{"Steps": [{"Name": "a", "Type": "Fail", "Arguments": {"x": ' + "[" * depth + "]" * depth + "}}]}"
    with pytest.raises(InvalidInputError):
        read_definition(text)


def test_json_is_nested_200_levels_deep_at_most() -> None:
    def nested(levels: int) -> str:
        lists = levels - len(("definition", "steps", "step", "arguments"))
        value = "[" * lists + "]" * lists
        return '{"Steps": [{"Name": "a", "Type": "Fail", "Arguments": {"x": ' + value + "}}]}"

    assert [step.name for step in read_definition(nested(200)).steps] == ["a"]
    for levels in (201, 100_000):
        with pytest.raises(InvalidInputError, match="nested more than 200 deep") as caught:
            read_definition(nested(levels))
        assert [item.code for item in caught.value.diagnostics] == ["definition.too-deep"]


def test_a_json_get_reads_a_property_file() -> None:
    get = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.b.Foo.x"}, "Path": "a"}}
    with pytest.raises(InvalidInputError, match="Std:JsonGet: expected the Get of a PropertyFile"):
        read({"Name": "a", "Type": "Fail", "Arguments": {"x": get}}, {"Name": "b", "Type": "Fail"})


# docs/local-run.md, the table of what differs from SageMaker.
RUN_HERE = ["Processing", "Training", "Tuning", "Model", "RegisterModel", "Transform", "Condition", "Fail"]
RUN_HERE += ["Lambda", "Callback"]


@pytest.mark.parametrize("step_type", RUN_HERE)
def test_types_that_run_here_have_an_executor(step_type: str) -> None:
    assert executor_for(step_type) is not None


@pytest.mark.parametrize("step_type", ["EMR", "EMRServerless", "AutoML", "QualityCheck", "Nonsense", ""])
def test_other_types_have_none(step_type: str) -> None:
    assert executor_for(step_type) is None


def test_a_cycle_raises_cycle_error() -> None:
    with pytest.raises(CycleError):
        read(
            {"Name": "a", "Type": "Fail", "DependsOn": ["b"]},
            {"Name": "b", "Type": "Fail", "DependsOn": ["a"]},
        )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["Steps", "Name", "Type", "Arguments", "DependsOn", "Get", "Std:Join", "Parameters"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_text_causes_a_traceback(data: Any) -> None:
    # Any other exception would be a traceback for the user.
    with suppress(InvalidInputError):
        read_definition(json.dumps({"Steps": data} if not isinstance(data, dict) else data))


def test_values_of_parameters_are_converted_and_checked_all_at_once() -> None:
    declared = (
        ParameterSpec("Count", "Integer", 1),
        ParameterSpec("Rate", "Float", 0.5),
        ParameterSpec("Kind", "String", "a", ("a", "b")),
        ParameterSpec("Needed", "Boolean"),
    )
    values = parameter_values(declared, {"Count": "7", "Needed": "true"})
    assert values == {"Count": 7, "Rate": 0.5, "Kind": "a", "Needed": True}
    with pytest.raises(InvalidInputError) as caught:
        parameter_values(declared, {"Count": "x", "Rate": 10**400, "Kind": "c", "Raet": 1})
    assert len(caught.value.diagnostics) == 5
    with pytest.raises(InvalidInputError, match="expected at most 1024 characters, got 1025") as long:
        parameter_values(declared, {"Kind": "a" * 1025})
    assert "--param Needed=VALUE" in str(long.value)


def test_of_very_many_errors_all_are_reported_and_the_first_have_hints() -> None:
    steps = [{"Name": f"step-{n}", "Type": "Fail", "DependsOn": [f"stpe-{n}"]} for n in range(100)]
    with pytest.raises(InvalidInputError) as caught:
        read(*steps)
    assert len(caught.value.diagnostics) == 100
    assert sum(diagnostic.hint is not None for diagnostic in caught.value.diagnostics) == 20


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ({"Type": "Equals", "LeftValue": "a", "RightValue": "a"}, True),
        ({"Type": "GreaterThan", "LeftValue": 2, "RightValue": 2}, False),
        ({"Type": "GreaterThanOrEqualTo", "LeftValue": 2, "RightValue": 2.0}, True),
        ({"Type": "In", "QueryValue": "x", "Values": ["x", "y"]}, True),
        ({"Type": "In", "QueryValue": 2, "Values": [1.5, 2.0]}, True),
        ({"Type": "In", "QueryValue": "x", "Values": []}, False),
        ({"Type": "Equals", "LeftValue": True, "RightValue": False}, False),
        ({"Type": "Not", "Condition": {"Type": "LessThan", "LeftValue": 1, "RightValue": 2}}, False),
        ({"Type": "Not", "Expression": {"Type": "LessThan", "LeftValue": 1, "RightValue": 2}}, False),
        ({"Type": "Or", "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 2}]}, False),
    ],
)
def test_conditions_are_evaluated(condition: dict[str, Any], outcome: bool) -> None:
    assert holds(condition) is outcome


@pytest.mark.parametrize("kind", ["Equals", "LessThan"])
def test_a_text_and_a_number_cannot_be_compared(kind: str) -> None:
    with pytest.raises(IncomparableError, match=f"{kind} cannot compare '2' \\(str\\) with 2 \\(int\\)"):
        holds({"Type": kind, "LeftValue": "2", "RightValue": 2})


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"Type": "Equals", "LeftValue": True, "RightValue": 1}, r"True \(bool\) with 1 \(int\)"),
        ({"Type": "GreaterThan", "LeftValue": 0.5, "RightValue": False}, r"0.5 \(float\) with False"),
        ({"Type": "Equals", "LeftValue": None, "RightValue": "a"}, r"None \(NoneType\) with 'a'"),
        (
            {"Type": "In", "QueryValue": "5", "Values": ["5", 5]},
            r"In cannot compare '5' \(str\) with 5 \(int\)",
        ),
        ({"Type": "In", "QueryValue": 1, "Values": [True]}, r"1 \(int\) with True \(bool\)"),
    ],
)
def test_values_of_different_types_cannot_be_compared(condition: dict[str, Any], message: str) -> None:
    with pytest.raises(IncomparableError, match=message):
        holds(condition)
    with pytest.raises(IncomparableError, match=message):
        holds({"Type": "Not", "Condition": condition})


@pytest.mark.parametrize("text", ["7", "-7", "+7", "007"])
def test_an_integer_may_have_a_sign(text: str) -> None:
    declared = [ParameterSpec("Count", "Integer")]
    assert parameter_values(declared, {"Count": text}) == {"Count": int(text)}


@pytest.mark.parametrize("text", ["0.5", "-3", "+.5", "5.", "1e-4", "2E+3"])
def test_a_float_may_have_every_usual_notation(text: str) -> None:
    declared = [ParameterSpec("Rate", "Float")]
    assert parameter_values(declared, {"Rate": text}) == {"Rate": float(text)}


@pytest.mark.parametrize("given", [True, "5_0", "٣", " 5", "5\n", "1.0", "", "+", "0x1", 1.0, None])
def test_the_hint_for_an_invalid_integer_shows_valid_ones(given: Any) -> None:
    declared = [ParameterSpec("Count", "Integer")]
    with pytest.raises(InvalidInputError) as caught:
        parameter_values(declared, {"Count": given})
    expected = (
        f"parameter 'Count': expected Integer, got {given!r} (digits, perhaps with a sign, such as 5 or -3)"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "given", [True, "1_0.5", "nan", "inf", "-Infinity", "1e999", "٣.5", " 1.5", ".", "1e", "", None]
)
def test_the_hint_for_an_invalid_float_shows_valid_ones(given: Any) -> None:
    declared = [ParameterSpec("Rate", "Float")]
    with pytest.raises(InvalidInputError) as caught:
        parameter_values(declared, {"Rate": given})
    (problem,) = caught.value.diagnostics
    assert problem.message == f"parameter 'Rate': expected Float, got {given!r}"
    assert problem.hint == "a finite number, such as 0.5, -3 or 1e-4"
