"""References in strings: how they are read, and spelled."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dagcast.compile.config.reference_syntax import (
    ReferenceSyntaxError,
    format_references,
    is_reference,
    parse_string,
)
from dagcast.definition.references import (
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
)

# Source: ``ExecutionVariables`` of the SageMaker Python SDK 2.257 and 3.27.
EXECUTION_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "TrainingJobName",
    "ProcessingJobName",
)
names = st.text("abZ09_-", min_size=1, max_size=5)
paths = st.lists(st.sampled_from([".Member", ".a", "['key']", "['a b']", "[0]", "[12]"]), max_size=3).map(
    lambda parts: "Root" + "".join(parts)
)
single = st.one_of(
    st.builds(ParameterRef, names),
    st.builds(ExecutionVariable, st.sampled_from(EXECUTION_VARIABLES)),
    st.builds(StepProperty, names, paths),
    st.builds(JsonGet, names, names, paths),
)
# Mostly made of what has a meaning, so that it comes in every combination.
literals = st.text(st.sampled_from("$${{}}a.\\é "), max_size=8) | st.text(max_size=8)


@st.composite
def joins(draw: st.DrawFn) -> Join:
    """Joins as reading makes them: no empty literals, none next to another, at least one reference."""
    parts: list[str | Reference] = []
    for reference in draw(st.lists(single, min_size=1, max_size=4)):
        parts += [draw(literals), reference]
    parts.append(draw(literals))
    kept = tuple(part for part in parts if part != "")
    return Join("", kept if len(kept) > 1 else (*kept, "!"))


def flat(value: str | Reference) -> list[str | Reference]:
    """The parts of a value, with literals that stand together as one."""
    if not isinstance(value, Join):
        return [value] if value != "" else []
    found: list[str | Reference] = []
    for index, part in enumerate(value.values):
        for each in [*([value.on] if index else []), *flat(part)]:
            if isinstance(each, str) and found and isinstance(found[-1], str):
                found[-1] += each
            elif each != "":
                found.append(each)
    return found


class TestReading:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("${param.Name}", ParameterRef("Name")),
            ("${param.a-b_C9}", ParameterRef("a-b_C9")),
            ("${ param.Name }", ParameterRef("Name")),
            ("${exec.PipelineExecutionId}", ExecutionVariable("PipelineExecutionId")),
            (
                "${step.train.ModelArtifacts.S3ModelArtifacts}",
                StepProperty("train", "ModelArtifacts.S3ModelArtifacts"),
            ),
            ("${step.a.Outputs['x.y'].S3Uri}", StepProperty("a", "Outputs['x.y'].S3Uri")),
            (
                "${json.evaluate.Report.regression_metrics.mse.value}",
                JsonGet("evaluate", "Report", "regression_metrics.mse.value"),
            ),
            ("${json.e.R.list[0].value}", JsonGet("e", "R", "list[0].value")),
        ],
    )
    def test_a_whole_reference_keeps_its_type(self, text: str, expected: Reference) -> None:
        assert parse_string(text) == expected

    def test_the_expressions_of_the_definition(self) -> None:
        def expression(text: str) -> object:
            value = parse_string(text)
            assert isinstance(value, Reference)
            return value.expression

        assert expression("${param.Name}") == {"Get": "Parameters.Name"}
        assert expression("${exec.StartDateTime}") == {"Get": "Execution.StartDateTime"}
        assert expression("${step.train.TrainingJobName}") == {"Get": "Steps.train.TrainingJobName"}
        assert expression("${json.evaluate.Report.a.b}") == {
            "Std:JsonGet": {"PropertyFile": {"Get": "Steps.evaluate.PropertyFiles.Report"}, "Path": "a.b"}
        }
        assert expression("run-${exec.PipelineExecutionId}/${param.N}") == {
            "Std:Join": {
                "On": "",
                "Values": ["run-", {"Get": "Execution.PipelineExecutionId"}, "/", {"Get": "Parameters.N"}],
            }
        }

    @pytest.mark.parametrize("text", ["", "plain", "$", "$$", "a $ b", "{x}", "$ {x}", "}{", "$a{b}", "é 🎉"])
    def test_other_text_is_itself(self, text: str) -> None:
        assert parse_string(text) == text

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("$${", "${"),
            ("$${param.X}", "${param.X}"),
            ("cost: $${x} $$", "cost: ${x} $$"),
            ("$$$${x}", "$${x}"),
            ("$${${param.X}}", Join("", ("${", ParameterRef("X"), "}"))),
            ("$$${param.X}", Join("", ("$", ParameterRef("X")))),
            ("${param.X}$", Join("", (ParameterRef("X"), "$"))),
            ("${param.X}${param.X}", Join("", (ParameterRef("X"), ParameterRef("X")))),
        ],
    )
    def test_escapes(self, text: str, expected: str | Reference) -> None:
        assert parse_string(text) == expected

    @given(text=st.text(st.sampled_from("$${{}}paramexstejonc.X "), max_size=30) | st.text())
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            value = parse_string(text)
        except ReferenceSyntaxError:
            assert "${" in text
            assert not is_reference(text)
        else:
            assert isinstance(value, Reference) == is_reference(text)
            assert parse_string(format_references(value)) == value

    @pytest.mark.parametrize(
        ("text", "message", "hint"),
        [
            ("${x", "'${' without its '}' in '${x'", "write $${ for a literal ${"),
            ("a ${param.X", "'${' without its '}' in 'a ${param.X'", "write $${ for a literal ${"),
            ("${{param.X}}", "'${' without its '}' in '${{param.X}}'", "write $${ for a literal ${"),
            ("${param}", "'${param}' is not a reference", "write ${param.Name}"),
            ("${param.}", "'${param.}' is not a reference", "write ${param.Name}"),
            ("${param.a.b}", "'${param.a.b}' is not a reference", "write ${param.Name}"),
            ("${exec}", "'${exec}' is not a reference", "write ${exec.PipelineExecutionId}"),
            ("${step.a}", "'${step.a}' is not a reference", "write ${step.<step>.<property path>}"),
            ("${step..b}", "'${step..b}' is not a reference", "write ${step.<step>.<property path>}"),
            (
                "${json.a.b}",
                "'${json.a.b}' is not a reference",
                "write ${json.<step>.<property file>.<path>}",
            ),
            (
                "${exec.PipelineExecutionID}",
                "an execution has no variable 'PipelineExecutionID'",
                "did you mean 'PipelineExecutionId'?",
            ),
            (
                "${params.X}",
                "'${params.X}' is not a reference",
                "references start with param, exec, step or json; did you mean 'param'?",
            ),
        ],
    )
    def test_mistakes(self, text: str, message: str, hint: str) -> None:
        with pytest.raises(ReferenceSyntaxError) as caught:
            parse_string(text)
        assert str(caught.value) == message
        assert caught.value.hint == hint

    @pytest.mark.parametrize("text", ["${}", "${ }", "${HOME}", "${a b}", "${5}"])
    def test_a_mistake_of_any_other_kind_says_how_to_escape_it(self, text: str) -> None:
        with pytest.raises(ReferenceSyntaxError) as caught:
            parse_string(text)
        assert "references start with param, exec, step or json" in str(caught.value.hint)


class TestSpelling:
    @given(reference=single)
    def test_a_reference_is_read_again(self, reference: Reference) -> None:
        assert parse_string(format_references(reference)) == reference

    @given(literal=literals)
    @example("$")
    @example("$${${param.X}$$$")
    def test_a_literal_is_read_again(self, literal: str) -> None:
        assert parse_string(format_references(literal)) == literal

    @given(join=joins())
    @example(Join("", ("$", ParameterRef("X"))))
    @example(Join("", ("$$$", ParameterRef("X"), "{", ParameterRef("Y"), "${")))
    def test_a_join_is_read_again(self, join: Join) -> None:
        again = parse_string(format_references(join))
        assert flat(again) == flat(join)

    @given(join=joins(), other=joins(), on=literals)
    def test_a_join_of_joins_is_read_as_one(self, join: Join, other: Join, on: str) -> None:
        nested = Join(on, (join, "x", other))
        assert flat(parse_string(format_references(nested))) == flat(nested)

    def test_a_separator_is_written_out(self) -> None:
        assert format_references(Join("/", ("s3:/", "b", ParameterRef("P")))) == "s3://b/${param.P}"
        assert (
            format_references(Join("$", (ParameterRef("A"), ParameterRef("B")))) == "${param.A}$$${param.B}"
        )


@pytest.mark.parametrize("name", EXECUTION_VARIABLES)
def test_execution_variables(name: str) -> None:
    assert parse_string(f"${{exec.{name}}}") == ExecutionVariable(name)


@pytest.mark.parametrize("name", ["JobName", "pipelineName", "PipelineExecutionID", "TransformJobName"])
def test_other_execution_variables_are_unknown(name: str) -> None:
    with pytest.raises(ReferenceSyntaxError):
        parse_string(f"${{exec.{name}}}")
