"""Pipelines for the tests of emission, as specs."""

from __future__ import annotations

from typing import Any

from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec, PropertyShape, StepSpec
from dagcast.definition.references import ExecutionVariable, Join, JsonGet, ParameterRef, StepProperty
from dagcast.definition.values import FrozenDict, freeze

ROLE = "arn:aws:iam::123456789012:role/pipeline"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1"
EXPERIMENT: FrozenDict = freeze(
    {
        "ExperimentName": ExecutionVariable("PipelineName"),
        "TrialName": ExecutionVariable("PipelineExecutionId"),
    }
)


def step(name: str, step_type: str, definition_type: str, arguments: dict[str, Any], **more: Any) -> StepSpec:
    """A step spec from plain data."""
    more = {key: freeze(value) if isinstance(value, dict) else value for key, value in more.items()}
    return StepSpec(
        name=name, step_type=step_type, definition_type=definition_type, arguments=freeze(arguments), **more
    )


def processing(name: str, reads: Any = None, **more: Any) -> StepSpec:
    """A processing step with one output, ``report``, and one input if it reads something."""
    arguments: dict[str, Any] = {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": ParameterRef("InstanceType"),
                "InstanceCount": ParameterRef("Count"),
                "VolumeSizeInGB": 30,
            }
        },
        "AppSpecification": {"ImageUri": IMAGE},
        "RoleArn": ROLE,
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "report",
                    "S3Output": {
                        "LocalPath": "/opt/ml/processing/report",
                        "S3UploadMode": "EndOfJob",
                        "S3Uri": Join("/", ("s3://bucket", ExecutionVariable("PipelineExecutionId"), name)),
                    },
                }
            ]
        },
    }
    if reads is not None:
        arguments["ProcessingInputs"] = [
            {"InputName": "data", "S3Input": {"S3Uri": reads, "LocalPath": "/opt/ml/processing/data"}}
        ]
    more.setdefault("properties", PropertyShape("sagemaker", ("DescribeProcessingJobResponse",)))
    return step(name, "Processing", "Processing", arguments, **more)


def report_of(name: str) -> StepProperty:
    """The S3 URI of a processing step's output."""
    return StepProperty(name, "ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri")


def fail(name: str, message: Any = "failed") -> StepSpec:
    """A fail step."""
    return step(name, "Fail", "Fail", {"ErrorMessage": message})


PARAMETERS = (
    ParameterSpec("InstanceType", "String", "ml.m5.large", ("ml.m5.large", "ml.m5.xlarge")),
    ParameterSpec("Count", "Integer", 2),
    ParameterSpec("Threshold", "Float", 1),
    ParameterSpec("Strict", "Boolean", False),
    ParameterSpec("Required", "String"),
)


def everything() -> PipelineSpec:
    """A pipeline with every kind of reference and condition, nested branches and all the extra fields."""
    mse = JsonGet("evaluate", "EvaluationReport", "regression.mse")
    return PipelineSpec(
        name="everything",
        parameters=PARAMETERS,
        steps=(
            processing(
                "prepare",
                fields={
                    "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
                    "RetryPolicies": [
                        {"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 3, "IntervalSeconds": 5}
                    ],
                },
                display_name="Prepare",
                description="Splits the data",
            ),
            processing(
                "evaluate",
                report_of("prepare"),
                fields={
                    "PropertyFiles": [
                        {
                            "PropertyFileName": "EvaluationReport",
                            "OutputName": "report",
                            "FilePath": "evaluation.json",
                        }
                    ]
                },
            ),
            step(
                "notify",
                "Lambda",
                "Lambda",
                {"message": Join(" ", ("mse:", StepProperty("prepare", "ProcessingJobName")))},
                fields={
                    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:notify",
                    "OutputParameters": [{"OutputName": "answer", "OutputType": "String"}],
                },
                depends_on=("evaluate",),
                properties=PropertyShape(names=("OutputParameters['answer']",)),
            ),
            step(
                "gate",
                "Condition",
                "Condition",
                {
                    "Conditions": [
                        {
                            "Type": "LessThanOrEqualTo",
                            "LeftValue": mse,
                            "RightValue": ParameterRef("Threshold"),
                        },
                        {
                            "Type": "Or",
                            "Conditions": [
                                {
                                    "Type": "Not",
                                    "Condition": {
                                        "Type": "Equals",
                                        "LeftValue": StepProperty("notify", "OutputParameters['answer']"),
                                        "RightValue": "no",
                                    },
                                },
                                {
                                    "Type": "In",
                                    "QueryValue": ParameterRef("InstanceType"),
                                    "Values": ["ml.m5.large", ParameterRef("Required")],
                                },
                            ],
                        },
                    ]
                },
                if_steps=("inner",),
                else_steps=("reject",),
                depends_on=("notify",),
                properties=PropertyShape(names=("Outcome",)),
            ),
            step(
                "inner",
                "Condition",
                "Condition",
                {
                    "Conditions": [
                        {"Type": "GreaterThan", "LeftValue": ParameterRef("Count"), "RightValue": 1}
                    ]
                },
                if_steps=("again",),
                else_steps=(),
                properties=PropertyShape(names=("Outcome",)),
            ),
            processing("again", report_of("evaluate"), description="Once more"),
            fail("reject", Join(" ", ("mse is above", ParameterRef("Threshold")))),
        ),
        experiment=EXPERIMENT,
        region="us-east-1",
        role=ROLE,
    )


def decision(parameter: int = 1) -> PipelineSpec:
    """A pipeline that SDK local mode can run without a container: it fails if ``Count`` is above 5."""
    count = {"Type": "GreaterThan", "LeftValue": ParameterRef("Count"), "RightValue": 5}
    return PipelineSpec(
        name="decision",
        parameters=(ParameterSpec("Count", "Integer", parameter),),
        steps=(
            step("gate", "Condition", "Condition", {"Conditions": [count]}, if_steps=("stop",)),
            fail("stop", Join(" ", ("stopped at", ParameterRef("Count")))),
        ),
        role=ROLE,
    )
