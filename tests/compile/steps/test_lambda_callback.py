"""Lambda and Callback: inputs that are sent, typed outputs that come back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import config, error_in, errors_of, step_of, steps_of

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:notify"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/queue"
KINDS = [
    ("Lambda", "function_arn", "FunctionArn", FUNCTION),
    ("Callback", "sqs_queue_url", "SqsQueueUrl", QUEUE),
]


@pytest.mark.parametrize(("kind", "field", "member", "value"), KINDS)
def test_minimal(kind: str, field: str, member: str, value: str) -> None:
    assert step_of({"type": kind, field: value}) == {
        "Name": "step",
        "Type": kind,
        "Arguments": {},
        member: value,
        "OutputParameters": [],
    }


@pytest.mark.parametrize(("kind", "field", "member", "value"), KINDS)
def test_full(kind: str, field: str, member: str, value: str) -> None:
    step = step_of(
        {
            "type": kind,
            field: "${param.Target}",
            "inputs": {
                "text": "a",
                "number": 1,
                "nothing": None,
                "deep": {"list": ["${param.Target}", {"x": "run-${exec.PipelineName}"}], "dollar": "$${x}"},
            },
            "outputs": {"default": None, "short": "Integer", "long": {"type": "Float"}, "flag": "Boolean"},
            "cache": {"enabled": True, "expire_after": "PT12H"},
            "request": {"text": None, "more": [1]},
        },
        parameters={"Target": value},
    )
    target = {"Get": "Parameters.Target"}
    assert step == {
        "Name": "step",
        "Type": kind,
        "Arguments": {
            "number": 1,
            "nothing": None,
            "deep": {
                "list": [
                    target,
                    {"x": {"Std:Join": {"On": "", "Values": ["run-", {"Get": "Execution.PipelineName"}]}}},
                ],
                "dollar": "${x}",
            },
            "more": [1],
        },
        member: target,
        "OutputParameters": [
            {"OutputName": "default", "OutputType": "String"},
            {"OutputName": "short", "OutputType": "Integer"},
            {"OutputName": "long", "OutputType": "Float"},
            {"OutputName": "flag", "OutputType": "Boolean"},
        ],
        "CacheConfig": {"Enabled": True, "ExpireAfter": "PT12H"},
    }


@pytest.mark.parametrize(("kind", "field", "member", "value"), KINDS)
def test_outputs_can_be_referred_to(kind: str, field: str, member: str, value: str) -> None:
    reader = {"type": "Fail", "error_message": "${step.call.OutputParameters['id']}"}
    steps = {"call": {"type": kind, field: value, "outputs": {"id": "String"}}, "stop": reader}
    assert steps_of(config(steps))["stop"]["Arguments"] == {
        "ErrorMessage": {"Get": "Steps.call.OutputParameters['id']"}
    }
    reader["error_message"] = "${step.call.OutputParameters['di']}"
    assert errors_of(config(steps)) == [
        "<config>.steps.stop.error_message: step 'stop': ${step.call.OutputParameters['di']}: OutputParameters has "
        "no property ['di'] (known: id)"
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"function_arn": None}, "'function_arn' is missing"),
        ({"inputs": ["a"]}, "inputs: expected a mapping, got ['a']"),
        ({"inputs": {"a": {"b": "${x}"}}}, "inputs.a.b: '${x}' is not a reference"),
        (
            {"outputs": {"a": "Text"}},
            "outputs.a.type: expected 'String', 'Integer', 'Boolean' or 'Float', got 'Text'",
        ),
        (
            {"outputs": {"a'b": None}},
            'outputs["a\'b"]: invalid name "a\'b": expected no spaces, quotes or brackets',
        ),
        ({"retry_policies": []}, "unknown field 'retry_policies'"),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    error = error_in({"type": "Lambda", "function_arn": FUNCTION, **fields})
    assert error.message == f"step 'step' (Lambda): {message}"
