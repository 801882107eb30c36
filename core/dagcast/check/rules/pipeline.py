"""Rules about whole pipelines: names, conditions, models and what reads them, places that several steps write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.examples import EXAMPLES, example
from dagcast.check.rules.models import containers
from dagcast.check.rules.pipeline_rule import PipelineRule, StepFinding
from dagcast.check.rules.request_body import RequestBody, known_values
from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import (
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
)
from dagcast.paths import FieldPath

MOST_PARAMETERS = 200
"""Parameters of a pipeline. Source: botocore, ParameterList."""
MOST_FAIL_MESSAGE = 3072
"""Characters of the message of a Fail step. Source: botocore, FailStepMetadata.ErrorMessage."""
MOST_RETRY_INTERVAL = 43_200
"""Seconds between two tries. Source: SageMaker Developer Guide, pipelines-retry-policy."""

_NAMES = {
    "EndpointConfig": "EndpointConfigName",
    "Model": "ModelName",
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


def comparisons(
    conditions: Any, path: FieldPath
) -> Iterator[tuple[FieldPath, str, Any, FieldPath, Any, FieldPath]]:
    """Yield each comparison of a condition: its path, its type, and both sides with their paths."""
    for index, condition in enumerate(conditions if isinstance(conditions, (list, tuple)) else ()):
        yield from _comparison(condition, (*path, index))


def _comparison(
    condition: Any, path: FieldPath
) -> Iterator[tuple[FieldPath, str, Any, FieldPath, Any, FieldPath]]:
    if not isinstance(condition, Mapping):
        return
    kind = condition.get("Type")
    if kind == "Not":
        for key in ("Condition", "Expression"):
            yield from _comparison(condition.get(key), (*path, key))
    elif kind == "Or":
        yield from comparisons(condition.get("Conditions"), (*path, "Conditions"))
    elif kind == "In":
        query = condition.get("QueryValue")
        values = condition.get("Values")
        for index, value in enumerate(values if isinstance(values, (list, tuple)) else ()):
            yield path, "In", query, (*path, "QueryValue"), value, (*path, "Values", index)
    elif isinstance(kind, str):
        left, right = condition.get("LeftValue"), condition.get("RightValue")
        yield path, kind, left, (*path, "LeftValue"), right, (*path, "RightValue")


def _kind(value: Any, types: Mapping[str, str]) -> str | None:
    """Return what a side of a condition is: a text, a number, true or false; ``None`` if that is not known."""
    if isinstance(value, ParameterRef):
        return {"String": "text", "Integer": "number", "Float": "number", "Boolean": "true or false"}.get(
            types.get(value.name, "")
        )
    if isinstance(value, (Join, ExecutionVariable)):
        return "text"
    if isinstance(value, Reference):
        return None
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else None


def _incomparable(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    types = definition.parameter_types()
    for step in definition.steps:
        if not step.is_condition:
            continue
        found = comparisons(step.arguments.get("Conditions"), ("Arguments", "Conditions"))
        for _, kind, left, left_path, right, right_path in found:
            if kind == "In":
                continue  # See _foreign_member.
            left_kind, right_kind = _kind(left, types), _kind(right, types)
            ordered = kind != "Equals"
            for value, own, path in ((left, left_kind, left_path), (right, right_kind, right_path)):
                if ordered and own is not None and own != "number":
                    message = f"{kind} compares numbers, and {_shown(value)} is {_article(own)}"
                    yield StepFinding(step.name, path, message, _parameter_hint(value, types))
                    break
            else:
                if left_kind and right_kind and left_kind != right_kind:
                    message = (
                        f"{kind} never holds: {_shown(left)} is {_article(left_kind)}, "
                        f"and {_shown(right)} is {_article(right_kind)}"
                    )
                    hint = _parameter_hint(left, types) or _parameter_hint(right, types)
                    yield StepFinding(step.name, right_path, message, hint)


def _foreign_member(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    types = definition.parameter_types()
    for step in definition.steps:
        if not step.is_condition:
            continue
        found = comparisons(step.arguments.get("Conditions"), ("Arguments", "Conditions"))
        for _, kind, query, _, value, path in found:
            query_kind, value_kind = _kind(query, types), _kind(value, types)
            if kind == "In" and query_kind and value_kind and query_kind != value_kind:
                message = (
                    f"In never finds {_shown(value)}, {_article(value_kind)}: "
                    f"{_shown(query)} is {_article(query_kind)}"
                )
                yield StepFinding(step.name, path, message, _parameter_hint(value, types))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Reference) else repr(value)


def _article(kind: str) -> str:
    return kind if kind == "true or false" else f"a {kind}"


def _parameter_hint(value: Any, types: Mapping[str, str]) -> str | None:
    """Return the reference to write where a text is the name of a parameter."""
    if isinstance(value, str) and value in types:
        return f"write ${{param.{value}}} for the parameter's value"
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return None
        return f"write {value} without quotes"
    return None


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
            if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
                name = file.get("PropertyFileName")
                message = f"property file {name!r} has the path {path!r}, which is not one inside its output"
                hint = f"such as {path.rpartition('/')[2]!r}"
                yield StepFinding(step.name, ("PropertyFiles", index, "FilePath"), message, hint)


def _nested_inputs(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    for step in definition.steps:
        if step.definition_type != "Lambda":
            continue
        for name, value in step.arguments.items():
            if isinstance(value, (list, tuple, Mapping)):
                message = f"input {name!r} of a function is a text or a number, not a list or a mapping"
                yield StepFinding(step.name, ("Arguments", name), message, hint="give it as JSON text")


def written(step: Step) -> Iterator[tuple[FieldPath, Any]]:
    """Yield where a step writes in S3, with the path of each place. A place may be a reference."""
    outputs = step.arguments.get("ProcessingOutputConfig", {})
    for index, output in enumerate(outputs.get("Outputs", ()) if isinstance(outputs, Mapping) else ()):
        target = output.get("S3Output") if isinstance(output, Mapping) else None
        if isinstance(target, Mapping):
            yield (
                ("Arguments", "ProcessingOutputConfig", "Outputs", index, "S3Output", "S3Uri"),
                target.get("S3Uri"),
            )
    target = step.arguments.get("TransformOutput")
    if isinstance(target, Mapping):
        yield ("Arguments", "TransformOutput", "S3OutputPath"), target.get("S3OutputPath")


def _place(value: Any) -> tuple[str, ...] | None:
    """Return a place in S3 as parts that can be compared, references included; ``None`` if it is not known."""
    if isinstance(value, str):
        pieces: tuple[Any, ...] = (value,)
        on = ""
    elif isinstance(value, Join):
        pieces, on = value.values, value.on
    else:
        return None
    if any(isinstance(piece, (StepProperty, JsonGet)) for piece in pieces):
        return None
    text = on.join(str(piece) for piece in pieces)
    return (
        tuple(part for part in text.removeprefix("s3://").split("/") if part)
        if text.startswith("s3://")
        else None
    )


def _same_target(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    seen: dict[tuple[str, ...], str] = {}
    for step in definition.steps:
        for path, value in written(step):
            place = _place(value)
            if place is None:
                continue
            other = seen.setdefault(place, step.name)
            if other != step.name:
                message = f"writes to the place of step {other!r}, s3://{'/'.join(place)}"
                yield StepFinding(step.name, path, message, hint="give each step a place of its own")


def _step(name: str, kind: str, shape: str | None = None, /, **members: Any) -> dict[str, Any]:
    arguments = example(shape, members) if shape else members
    return {"Name": name, "Type": kind, "Arguments": arguments}


def _steps(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Steps": list(steps), **more}


def _condition(kind: str, left: Any, right: Any, **more: Any) -> dict[str, Any]:
    condition = {"Type": kind, "LeftValue": left, "RightValue": right}
    step = {"Name": "c", "Type": "Condition"}
    return _steps({**step, "Arguments": {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}}, **more)


def _membership(query: Any, value: Any) -> dict[str, Any]:
    condition = {"Type": "In", "QueryValue": query, "Values": [value]}
    arguments = {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}
    return _steps({"Name": "c", "Type": "Condition", "Arguments": arguments})


def _job(name: str, uri: str) -> dict[str, Any]:
    target = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    outputs = [{"OutputName": "data", "S3Output": target}]
    return _step(
        name, "Processing", "CreateProcessingJobRequest", ProcessingOutputConfig={"Outputs": outputs}
    )


_FILES = {"S3DataSource": {"S3Uri": "s3://my-bucket/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
_MODEL = {"PrimaryContainer": {"ModelDataUrl": None, "ModelDataSource": _FILES}, "ModelName": None}
_SCORE = {"ModelName": {"Get": "Steps.make.ModelName"}}
_FAIL = _step("stop", "Fail", ErrorMessage="no")
_VARIANTS = EXAMPLES["CreateEndpointConfigInput"]["ProductionVariants"]
_RUN = {"Std:Join": {"On": "-", "Values": ["churn", {"Get": "Execution.PipelineExecutionId"}]}}
_TEXT = {"Parameters": [{"Name": "S", "Type": "String"}]}
_FILE = {"PropertyFileName": "Report", "OutputName": "data"}

PIPELINE_RULES = (
    PipelineRule(
        id="pipeline.repeated-name",
        summary="A name that a step creates differs from execution to execution",
        source="Answer of the service, quoted in spot-tagging-bot-for-digital-assets issue 2",
        check=_repeated_names,
        severity="warning",
        obeys=_steps(_step("make", "EndpointConfig", EndpointConfigName=_RUN, ProductionVariants=_VARIANTS)),
        breaks=_steps(
            _step("make", "EndpointConfig", EndpointConfigName="churn", ProductionVariants=_VARIANTS)
        ),
    ),
    PipelineRule(
        id="pipeline.transform-of-files",
        summary="The model of a transform step has no ModelDataSource",
        source="botocore, ContainerDefinition.ModelDataSource; sagemaker-python-sdk issue 4777",
        check=_transform_of_files,
        obeys=_steps(
            _step("make", "Model", "CreateModelInput", ModelName=None),
            _step("score", "Transform", "CreateTransformJobRequest", **_SCORE),
        ),
        breaks=_steps(
            _step("make", "Model", "CreateModelInput", **_MODEL),
            _step("score", "Transform", "CreateTransformJobRequest", **_SCORE),
        ),
    ),
    PipelineRule(
        id="pipeline.after-fail",
        summary="No step waits for a Fail step",
        source="SageMaker Developer Guide, build-and-manage-steps, limitations of the Fail step",
        check=_after_fail,
        severity="warning",
        obeys=_steps(_FAIL, _job("prepare", "s3://my-bucket/a")),
        breaks=_steps(_FAIL, {**_job("prepare", "s3://my-bucket/a"), "DependsOn": ["stop"]}),
    ),
    PipelineRule(
        id="condition.types",
        summary="A condition compares values of one type; an order compares numbers",
        source="SageMaker Python SDK, _ConditionStepExecutor: values of different types do not compare",
        check=_incomparable,
        obeys=_condition("GreaterThan", 2, 1.5),
        breaks=_condition("Equals", {"Get": "Parameters.S"}, 1, **_TEXT),
    ),
    PipelineRule(
        id="condition.membership",
        summary="The values of an In condition have the type of what is looked for",
        source="SageMaker Python SDK, _ConditionStepExecutor: values of different types do not compare",
        check=_foreign_member,
        severity="warning",
        obeys=_membership("a", "b"),
        breaks=_membership("a", 1),
    ),
    PipelineRule(
        id="pipeline.parameter-count",
        summary=f"A pipeline has at most {MOST_PARAMETERS} parameters",
        source="botocore, ParameterList",
        check=_parameter_count,
        severity="warning",
        obeys=_steps(Parameters=[{"Name": f"P{number}", "Type": "String"} for number in range(200)]),
        breaks=_steps(Parameters=[{"Name": f"P{number}", "Type": "String"} for number in range(201)]),
    ),
    PipelineRule(
        id="pipeline.fail-message",
        summary=f"The message of a Fail step has at most {MOST_FAIL_MESSAGE:,} characters",
        source="botocore, FailStepMetadata.ErrorMessage",
        check=_fail_message,
        severity="warning",
        obeys=_steps(_step("stop", "Fail", ErrorMessage="x" * 3072)),
        breaks=_steps(_step("stop", "Fail", ErrorMessage="x" * 3073)),
    ),
    PipelineRule(
        id="pipeline.retry-interval",
        summary=f"At most {MOST_RETRY_INTERVAL:,} seconds pass between two tries",
        source="SageMaker Developer Guide, pipelines-retry-policy",
        check=_retry_interval,
        severity="warning",
        obeys=_steps({**_job("a", "s3://my-bucket/a"), "RetryPolicies": [{"IntervalSeconds": 43_200}]}),
        breaks=_steps({**_job("a", "s3://my-bucket/a"), "RetryPolicies": [{"IntervalSeconds": 43_201}]}),
    ),
    PipelineRule(
        id="pipeline.property-file-path",
        summary="The path of a property file is relative to its output",
        source="SageMaker Developer Guide, build-and-manage-propertyfile",
        check=_property_file_path,
        obeys=_steps({**_job("a", "s3://my-bucket/a"), "PropertyFiles": [{**_FILE, "FilePath": "r.json"}]}),
        breaks=_steps({**_job("a", "s3://my-bucket/a"), "PropertyFiles": [{**_FILE, "FilePath": "/r.json"}]}),
    ),
    PipelineRule(
        id="pipeline.nested-input",
        summary="Inputs of a Lambda step are texts and numbers",
        source="SageMaker Developer Guide, build-and-manage-steps, Lambda step: nested objects are not supported",
        check=_nested_inputs,
        severity="warning",
        obeys=_steps(_step("call", "Lambda", names="a,b")),
        breaks=_steps(_step("call", "Lambda", names=["a", "b"])),
    ),
    PipelineRule(
        id="pipeline.same-target",
        summary="Steps write to different places of S3",
        source="Equal keys overwrite each other",
        check=_same_target,
        severity="warning",
        obeys=_steps(_job("a", "s3://my-bucket/a"), _job("b", "s3://my-bucket/b")),
        breaks=_steps(_job("a", "s3://my-bucket/a"), _job("b", "s3://my-bucket/a/")),
    ),
)
