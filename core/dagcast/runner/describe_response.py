"""Builds the Describe response of a step that did not run, from its request.

Source of the responses: SageMaker API reference, the Describe call of each job; Amazon EMR API reference, ``Step``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dagcast.definition.references import Reference
from dagcast.runner.container.check_request import as_list, as_mapping
from dagcast.runner.container.processing_request import declared_output_uris
from dagcast.runner.container.training_request import artifact_uri
from dagcast.runner.executors.catalog import executor_for
from dagcast.runner.executors.executor import StepAttempt, StubContract

if TYPE_CHECKING:
    from dagcast.definition.model import Step


def describe_resource(
    prefix: str, resource: str, status: str | None
) -> Callable[[StepAttempt, Mapping[str, Any]], dict[str, Any]]:
    """Return a function that adds a name, an ARN and a status to a request, as the Describe call of a resource does.

    Args:
        prefix: The prefix of the keys of name, ARN and status, such as ``TrainingJob``.
        resource: The kind of resource in the ARN, such as ``training-job``.
        status: The status after success; ``None`` for a resource without a status.
    """

    def describe(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
        name = str(request.get(f"{prefix}Name", attempt.job_name))
        arn = attempt.place.arn(resource, name)
        named = {f"{prefix}Name": name, f"{prefix}Arn": arn}
        return {**request, **named, **({} if status is None else {f"{prefix}Status": status})}

    return describe


def stub_contract(step_type: str) -> StubContract:
    """Return the facts that stubs of a type of step depend on, whether or not the type runs locally."""
    executor = executor_for(step_type)
    return executor.stub if executor is not None else _NOT_RUN_HERE.get(step_type, StubContract())


def describe_response(attempt: StepAttempt) -> dict[str, Any]:
    """Return the properties that a step would have, except those that its request does not determine.

    References without a value are left out.
    """
    return dict(stub_contract(attempt.step.definition_type).describe(attempt, known(dict(attempt.arguments))))


def known(value: Any) -> Any:
    """Return data without the references in it."""
    if isinstance(value, Mapping):
        return {key: known(inner) for key, inner in value.items() if not isinstance(inner, Reference)}
    if isinstance(value, list | tuple):
        return [known(inner) for inner in value if not isinstance(inner, Reference)]
    return value


def find_output_uris(attempt: StepAttempt, properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the S3 URI of each output that the step would have, by name."""
    places: dict[str, Any] = declared_output_uris(known(attempt.arguments))
    places |= stub_contract(attempt.step.definition_type).output_uris(attempt, properties)
    return {name: uri.rstrip("/") for name, uri in places.items() if isinstance(uri, str)}


def processing_output_names(step: Step) -> tuple[str, ...]:
    """Return the names of the outputs that a processing job declares."""
    outputs = as_list(as_mapping(step.arguments.get("ProcessingOutputConfig")).get("Outputs"))
    return tuple(str(as_mapping(output).get("OutputName")) for output in outputs)


def model_uri(request: Mapping[str, Any], job_name: str) -> str | None:
    """Return the S3 URI of a training job's model; ``None`` if the request does not determine it."""
    known_place = isinstance(as_mapping(request.get("OutputDataConfig")).get("S3OutputPath"), str)
    return artifact_uri(request, job_name, "model") if known_place else None


def _check(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the URIs of the files that the containers of Model Monitor and Clarify write.

    Source of the files' names: ``sagemaker.model_monitor`` of the SageMaker Python SDK.
    """
    outputs = as_list(as_mapping(request.get("ProcessingOutputConfig")).get("Outputs"))
    uri = as_mapping(as_mapping(outputs[0]).get("S3Output")).get("S3Uri") if outputs else None
    if not isinstance(uri, str):
        return {}
    quality = attempt.step.definition_type == "QualityCheck"
    files = {"Constraints": "constraints.json", "Statistics": "statistics.json"} if quality else {}
    properties: dict[str, Any] = {}
    for kind, name in (files or {"Constraints": "analysis.json"}).items():
        calculated = f"{uri.rstrip('/')}/{name}"
        supplied = attempt.fields.get(f"SuppliedBaseline{kind}")
        properties[f"CalculatedBaseline{kind}"] = calculated
        used = supplied if isinstance(supplied, str) else calculated
        properties[f"BaselineUsedForDriftCheck{kind}"] = used
    return properties


def _emr(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    job_step = as_mapping(as_mapping(request.get("StepConfig")).get("HadoopJarStep"))
    return {
        "Id": "s-" + attempt.job_name[-10:].upper(),
        "Name": attempt.job_name,
        "Config": dict(job_step),
        "Status": {"State": "COMPLETED"},
    }


_CHECK = StubContract(describe=_check, output_names=processing_output_names, outputs_are_folders=True)
_NOT_RUN_HERE = MappingProxyType(
    {
        "AutoML": StubContract(describe=describe_resource("AutoMLJob", "automl-job", "Completed")),
        "EndpointConfig": StubContract(describe=describe_resource("EndpointConfig", "endpoint-config", None)),
        "Endpoint": StubContract(describe=describe_resource("Endpoint", "endpoint", "InService")),
        "QualityCheck": _CHECK,
        "ClarifyCheck": _CHECK,
        "EMR": StubContract(describe=_emr),
    }
)
"""The facts that stubs depend on, for types that do not run locally."""
