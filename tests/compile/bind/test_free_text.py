"""Free text that names an output of a step is refused wherever it would be sent as it is, with the line to write."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dagcast.errors import Diagnostic
from tests.support.compiling import JOB, check, config, errors_of, only_error
from tests.support.wiring import model

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
TRAIN = "${step.prep.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri}"
NAME = "${step.make.ModelName}"
TUNED: dict[str, Any] = {
    "type": "Tuning",
    **JOB,
    "objective": {"name": "a"},
    "metric_definitions": {"a": "a=(.*)"},
    "max_jobs": 2,
    "ranges": {"n": {"type": "Integer", "min": 1, "max": 5}},
}


def pipeline(fields: dict[str, Any]) -> dict[str, Any]:
    """A pipeline with a step ``d`` after steps with outputs."""
    return config(
        {
            "make": model(inputs={"model": "s3://my-bucket/m.tar.gz"}),
            "prep": {
                "type": "Processing",
                **JOB,
                "outputs": {"train": None, "e": None},
                "property_files": {"Rep": {"output": "e", "path": "e.json"}},
            },
            "call": {"type": "Lambda", "function_arn": FUNCTION, "outputs": {"n": "Integer", "s": "String"}},
            "d": fields,
        }
    )


def compared(**sides: Any) -> dict[str, Any]:
    return {"type": "Condition", "conditions": [{"op": "==", "right": "x", **sides}]}


CASES: dict[str, tuple[dict[str, Any], tuple[Any, ...], str]] = {
    "input of a function": (
        {"type": "Lambda", "function_arn": FUNCTION, "inputs": {"m": "make.model_name"}},
        ("inputs", "m"),
        NAME,
    ),
    "deep in an input": (
        {"type": "Callback", "sqs_queue_url": QUEUE, "inputs": {"m": {"a": ["prep.train"]}}},
        ("inputs", "m", "a", 0),
        TRAIN,
    ),
    "argument": ({"type": "Processing", **JOB, "arguments": ["-x", "prep.train"]}, ("arguments", 1), TRAIN),
    "option": (
        {"type": "Processing", **JOB, "arguments": ["--model=make.model_name"]},
        ("arguments", 0),
        f"--model={NAME}",
    ),
    "environment": (
        {"type": "Training", **JOB, "environment": {"X": "prep.train"}},
        ("environment", "X"),
        TRAIN,
    ),
    "hyperparameter": (
        {"type": "Training", **JOB, "hyperparameters": {"X": "make.model_name"}},
        ("hyperparameters", "X"),
        NAME,
    ),
    "hyperparameter of a search": (
        {**TUNED, "hyperparameters": {"x": "prep.train"}},
        ("hyperparameters", "x"),
        TRAIN,
    ),
    "message": ({"type": "Fail", "error_message": "make.model_name"}, ("error_message",), NAME),
    "left side": (compared(left="make.model_name"), ("conditions", 0, "left"), NAME),
    "right side": (compared(left="x", right="make.model_name"), ("conditions", 0, "right"), NAME),
    "number": (
        compared(left="call.n", op=">", right=3),
        ("conditions", 0, "left"),
        "${step.call.OutputParameters['n']}",
    ),
    "value of a report": (
        compared(left="prep.Rep.metrics.auc", op=">=", right=0.8),
        ("conditions", 0, "left"),
        "${json.prep.Rep.metrics.auc}",
    ),
    "member": (
        {"type": "Condition", "conditions": [{"value": "make.model_name", "in": ["a"]}]},
        ("conditions", 0, "value"),
        NAME,
    ),
    "nested condition": (
        {"type": "Condition", "conditions": [{"not": {"left": "call.s", "op": "==", "right": "x"}}]},
        ("conditions", 0, "not", "left"),
        "${step.call.OutputParameters['s']}",
    ),
    "EMR argument": (
        {"type": "EMR", "cluster_id": "j-1", "jar": "a.jar", "args": ["prep.train"]},
        ("args", 0),
        TRAIN,
    ),
}


def refused(fields: dict[str, Any]) -> Diagnostic:
    error = only_error(pipeline(fields))
    assert error.code == "wiring.output-as-text"
    return error


@pytest.mark.parametrize(("fields", "path", "line"), CASES.values(), ids=CASES)
def test_it_is_refused_with_the_line_to_write(
    fields: dict[str, Any], path: tuple[Any, ...], line: str
) -> None:
    error = refused(fields)
    assert (error.hint or "").startswith(f"write {line}")
    mended = copy.deepcopy(fields)
    holder: Any = mended
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = line
    assert errors_of(pipeline(mended)) == []


@pytest.mark.parametrize(
    "text",
    ["make", "make.", ".model_name", "other.model_name", "a make.model_name", "make/model_name", "prep.x"],
)
def test_other_text_is_sent(text: str) -> None:
    result = check(pipeline({"type": "Lambda", "function_arn": FUNCTION, "inputs": {"m": text}}))
    assert (result.errors, result.warnings) == ((), ())


def test_an_output_that_is_almost_named_is_a_warning() -> None:
    result = check(pipeline({"type": "Lambda", "function_arn": FUNCTION, "inputs": {"m": "make.model_nam"}}))
    assert result.errors == ()
    assert [warning.hint for warning in result.warnings] == ["did you mean the output 'model_name'?"]


def test_a_report_alone_names_the_form_of_its_values() -> None:
    error = refused(compared(left="prep.Rep", op=">", right=1))
    assert error.hint == "write ${json.prep.Rep.PATH}, with the path of a value in the file"


def test_a_step_that_runs_later_cannot_be_read() -> None:
    source = pipeline({"type": "Training", **JOB, "environment": {"X": "prep.train"}})
    source["edges"] = ["d => prep"]
    assert (only_error(source).hint or "").startswith("'d' cannot read it, as it does not run after 'prep'")
