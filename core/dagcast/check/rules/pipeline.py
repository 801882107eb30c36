"""Rules about whole pipelines: names, models and what reads them, limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.examples import EXAMPLES, definition_example, job_example, step_example
from dagcast.check.rules.models import containers
from dagcast.check.rules.pipeline_rule import PipelineRule, StepFinding
from dagcast.check.rules.request_body import RequestBody, known_values
from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import StepProperty

MOST_PARAMETERS = 200
"""Parameters of a pipeline. Source: botocore, ParameterList."""
MOST_FAIL_MESSAGE = 3072
"""Characters of the message of a Fail step. Source: botocore, FailStepMetadata.ErrorMessage."""
MOST_RETRY_INTERVAL = 43_200
"""Seconds between two tries. Source: SageMaker Developer Guide, pipelines-retry-policy."""
_NAMES = {
    "EndpointConfig": "EndpointConfigName",
    "InferenceComponent": "InferenceComponentName",
    "Model": "ModelName",
    "RegisterModel": "ModelPackageName",
}
"""By type of step: the member that names what the step creates, where the service does not make the name itself."""


def _repeated_names(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        member = _NAMES.get(step.definition_type)
        value = step.arguments.get(member) if member else None
        if member and isinstance(value, str):
            yield StepFinding(
                step.name,
                ("Arguments", member),
                f"{member} {value!r} is the same in every execution, and the second cannot create it again",
                hint="add ${exec.PipelineExecutionId}, or let a step before it delete the old one",
            )


def _model_of(step: Step, definition: Definition) -> Step | None:
    """Return the step that creates the model that a step names."""
    name = step.arguments.get("ModelName")
    if isinstance(name, StepProperty):
        return definition.by_name.get(name.step)
    return None


def _transform_of_files(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        model = _model_of(step, definition) if step.definition_type == "Transform" else None
        if model is None or model.definition_type != "Model":
            continue
        if any(
            container.given("ModelDataSource")
            for container in containers(RequestBody(known_values(model.arguments, {})))
        ):
            message = f"model {model.name!r} has a ModelDataSource, which batch transform does not support"
            yield StepFinding(
                step.name, ("Arguments", "ModelName"), message, hint="give the model a ModelDataUrl"
            )


def _after_fail(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    failing = {step.name for step in definition.steps if step.definition_type == "Fail"}
    for step in definition.steps:
        waits = definition.dependencies[step.name]
        for other in waits.steps:
            if other in failing:
                message = f"waits for {other!r}, a Fail step, after which nothing runs"
                yield StepFinding(step.name, (), message, hint=f"remove the edge from {other!r}")


def _parameter_count(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    count = len(definition.parameters)
    if count > MOST_PARAMETERS:
        message = f"the pipeline has {count} parameters, at most {MOST_PARAMETERS} can be given at a start"
        yield StepFinding(None, ("Parameters",), message)


def _fail_message(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        message = step.arguments.get("ErrorMessage")
        if step.definition_type == "Fail" and isinstance(message, str) and len(message) > MOST_FAIL_MESSAGE:
            text = f"the message has {len(message):,} characters, at most {MOST_FAIL_MESSAGE:,} are kept"
            yield StepFinding(step.name, ("Arguments", "ErrorMessage"), text)


def _retry_interval(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        policies = step.fields.get("RetryPolicies")
        for index, policy in enumerate(policies if isinstance(policies, (list, tuple)) else ()):
            interval = policy.get("IntervalSeconds") if isinstance(policy, Mapping) else None
            if isinstance(interval, (int, float)) and interval > MOST_RETRY_INTERVAL:
                message = f"IntervalSeconds is {interval:,}, at most {MOST_RETRY_INTERVAL:,} is allowed"
                yield StepFinding(step.name, ("RetryPolicies", index, "IntervalSeconds"), message)


def _property_file_path(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        files = step.fields.get("PropertyFiles")
        for index, file in enumerate(files if isinstance(files, (list, tuple)) else ()):
            path = file.get("FilePath") if isinstance(file, Mapping) else None
            if isinstance(path, str) and (not path or path.startswith("/") or ".." in path.split("/")):
                name = file.get("PropertyFileName")
                message = f"property file {name!r} has the path {path!r}, which is not one inside its output"
                hint = f"such as {path.rpartition('/')[2].strip('.') or 'report.json'!r}"
                yield StepFinding(step.name, ("PropertyFiles", index, "FilePath"), message, hint)


def _nested_inputs(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        if step.definition_type != "Lambda":
            continue
        for name, value in step.arguments.items():
            if isinstance(value, (list, tuple, Mapping)):
                message = f"input {name!r} of a function is a text or a number, not a list or a mapping"
                yield StepFinding(step.name, ("Arguments", name), message, hint="give it as JSON text")


def _endpoint_config(name: Any) -> dict[str, Any]:
    members = {"EndpointConfigName": name, "ProductionVariants": _VARIANTS}
    return definition_example(step_example("make", "EndpointConfig", **members))


def _property_file(path: str) -> dict[str, Any]:
    file = {"PropertyFileName": "Report", "OutputName": "data", "FilePath": path}
    return definition_example({**job_example("a", "s3://my-bucket/a"), "PropertyFiles": [file]})


_FILES = {"S3DataSource": {"S3Uri": "s3://my-bucket/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
_MODEL = {"PrimaryContainer": {"ModelDataUrl": None, "ModelDataSource": _FILES}, "ModelName": None}
_SCORE = {"ModelName": {"Get": "Steps.make.ModelName"}}
_FAIL = step_example("stop", "Fail", ErrorMessage="no")
_VARIANTS = EXAMPLES["CreateEndpointConfigInput"]["ProductionVariants"]
_RUN = {"Std:Join": {"On": "-", "Values": ["churn", {"Get": "Execution.PipelineExecutionId"}]}}


RULES = (
    PipelineRule(
        id="pipeline.repeated-name",
        summary="A name that a step creates differs from execution to execution",
        source="Answer of the service, quoted in spot-tagging-bot-for-digital-assets issue 2",
        check=_repeated_names,
        severity="warning",
        obeys=_endpoint_config(_RUN),
        breaks=_endpoint_config("churn"),
    ),
    PipelineRule(
        id="pipeline.transform-of-files",
        summary="The model of a transform step has no ModelDataSource",
        source="botocore, ContainerDefinition.ModelDataSource; sagemaker-python-sdk issue 4777",
        check=_transform_of_files,
        obeys=definition_example(
            step_example("make", "Model", "CreateModelInput", ModelName=None),
            step_example("score", "Transform", "CreateTransformJobRequest", **_SCORE),
        ),
        breaks=definition_example(
            step_example("make", "Model", "CreateModelInput", **_MODEL),
            step_example("score", "Transform", "CreateTransformJobRequest", **_SCORE),
        ),
    ),
    PipelineRule(
        id="pipeline.after-fail",
        summary="No step waits for a Fail step",
        source="SageMaker Developer Guide, build-and-manage-steps, limitations of the Fail step",
        check=_after_fail,
        severity="warning",
        obeys=definition_example(_FAIL, job_example("prepare", "s3://my-bucket/a")),
        breaks=definition_example(
            _FAIL, {**job_example("prepare", "s3://my-bucket/a"), "DependsOn": ["stop"]}
        ),
    ),
    PipelineRule(
        id="pipeline.parameter-count",
        summary=f"A pipeline has at most {MOST_PARAMETERS} parameters",
        source="botocore, ParameterList",
        check=_parameter_count,
        severity="warning",
        obeys=definition_example(
            Parameters=[{"Name": f"P{number}", "Type": "String"} for number in range(200)]
        ),
        breaks=definition_example(
            Parameters=[{"Name": f"P{number}", "Type": "String"} for number in range(201)]
        ),
    ),
    PipelineRule(
        id="pipeline.fail-message",
        summary=f"The message of a Fail step has at most {MOST_FAIL_MESSAGE:,} characters",
        source="botocore, FailStepMetadata.ErrorMessage",
        check=_fail_message,
        severity="warning",
        obeys=definition_example(step_example("stop", "Fail", ErrorMessage="x" * 3072)),
        breaks=definition_example(step_example("stop", "Fail", ErrorMessage="x" * 3073)),
    ),
    PipelineRule(
        id="pipeline.retry-interval",
        summary=f"At most {MOST_RETRY_INTERVAL:,} seconds pass between two tries",
        source="SageMaker Developer Guide, pipelines-retry-policy",
        check=_retry_interval,
        severity="warning",
        obeys=definition_example(
            {**job_example("a", "s3://my-bucket/a"), "RetryPolicies": [{"IntervalSeconds": 43_200}]}
        ),
        breaks=definition_example(
            {**job_example("a", "s3://my-bucket/a"), "RetryPolicies": [{"IntervalSeconds": 43_201}]}
        ),
    ),
    PipelineRule(
        id="pipeline.property-file-path",
        summary="The path of a property file is relative to its output",
        source="SageMaker Developer Guide, build-and-manage-propertyfile",
        check=_property_file_path,
        obeys=_property_file("r.json"),
        breaks=_property_file("/r.json"),
    ),
    PipelineRule(
        id="pipeline.nested-input",
        summary="Inputs of a Lambda step are texts and numbers",
        source="SageMaker Developer Guide, build-and-manage-steps, Lambda step: nested objects are not supported",
        check=_nested_inputs,
        severity="warning",
        obeys=definition_example(step_example("call", "Lambda", names="a,b")),
        breaks=definition_example(step_example("call", "Lambda", names=["a", "b"])),
    ),
)
