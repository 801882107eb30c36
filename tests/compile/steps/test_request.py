"""Request: any body that the service takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import arguments_of, config, error_in, errors_of, step_of, steps_of

COMPONENT: dict[str, Any] = {
    "type": "Request",
    "step_type": "InferenceComponent",
    "shape": "CreateInferenceComponentInput",
    "properties": "DescribeInferenceComponentOutput",
    "request": {"InferenceComponentName": "part", "EndpointName": "${param.Endpoint}"},
}


def test_minimal() -> None:
    assert step_of({"type": "Request", "step_type": "Anything"}) == {
        "Name": "step",
        "Type": "Anything",
        "Arguments": {},
    }


def test_full() -> None:
    steps = {
        "part": {
            **COMPONENT,
            "fields": {"Extra": [1, "${param.Endpoint}"], "Other": None},
            "cache": True,
            "retry_policies": [{"exception_types": ["Step.THROTTLING"], "max_attempts": 1}],
            "display_name": "Part",
        },
        "stop": {"type": "Fail", "error_message": "${step.part.InferenceComponentArn}"},
    }
    found = steps_of(config(steps, parameters={"Endpoint": "live"}))
    assert found["part"] == {
        "Name": "part",
        "Type": "InferenceComponent",
        "Arguments": {"InferenceComponentName": "part", "EndpointName": {"Get": "Parameters.Endpoint"}},
        "DisplayName": "Part",
        "Extra": [1, {"Get": "Parameters.Endpoint"}],
        "Other": None,
        "RetryPolicies": [
            {"BackoffRate": 2.0, "IntervalSeconds": 1, "MaxAttempts": 1, "ExceptionType": ["Step.THROTTLING"]}
        ],
        "CacheConfig": {"Enabled": True},
    }
    assert found["stop"]["Arguments"]["ErrorMessage"] == {"Get": "Steps.part.InferenceComponentArn"}


def test_a_body_of_another_service() -> None:
    fields = {
        "type": "Request",
        "step_type": "EMR",
        "service": "emr",
        "shape": "AddJobFlowStepsInput",
        "request": {"JobFlowId": "j-1", "Steps": [{"Name": "s", "HadoopJarStep": {"Jar": "x.jar"}}]},
    }
    assert arguments_of(fields)["JobFlowId"] == "j-1"
    wrong = {**fields, "request": {**fields["request"], "JobFlowID": "j"}}  # type: ignore[dict-item]
    error = error_in(wrong)
    assert (error.code, error.hint) == ("request.unknown-field", "did you mean 'JobFlowId'?")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"step_type": None}, "step 'step' (Request): 'step_type' is missing"),
        ({"step_type": "A B"}, "step 'step' (Request): step_type: 'A B' does not match ^[A-Za-z]+$"),
        ({"request": {"InferenceComponentName": "part"}}, "step 'step': EndpointName is missing"),
        (
            {"fields": {"Name": "x"}},
            "step 'step' (Request): fields.Name: Name is set by the fields that every step has",
        ),
        (
            {"fields": {"Arguments": {}}},
            "step 'step' (Request): fields.Arguments: Arguments is set by the fields that every step has",
        ),
        (
            {"request": {"InferenceComponentName": {"a": 1}, "EndpointName": "x"}},
            "step 'step': InferenceComponentName must be a string, not a mapping",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({**COMPONENT, **fields}, parameters={"Endpoint": "live"}).message == message


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": "Nope"},
        {"properties": "Nope"},
        {"service": "nope", "shape": "X"},
        {"service": "nope", "properties": "X"},
    ],
)
def test_shapes_that_botocore_does_not_know(fields: dict[str, Any]) -> None:
    """Also where another step refers to the properties: reported once, and not as a traceback."""
    steps = {
        "part": {"type": "Request", "step_type": "X", **fields},
        "stop": {"type": "Fail", "error_message": "${step.part.Anything}"}
        if "properties" in fields
        else {"type": "Fail"},
    }
    (error,) = errors_of(config(steps))
    assert error.startswith("<config>.steps.part: step 'part': botocore ")
