"""Builds the Describe response of a step that did not run, from its request.

Source of the responses: SageMaker API reference, the Describe call of each job; Amazon EMR API reference, ``Step``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dagcast.definition.references import Reference
from dagcast.runner.aws_names import make_arn
from dagcast.runner.container.check_request import as_list, as_mapping
from dagcast.runner.container.processing_request import declared_output_uris
from dagcast.runner.container.training_request import artifact_uri
from dagcast.runner.executor import StepAttempt
from dagcast.runner.executors.tuning import trial_name

_NAMED = MappingProxyType(
    {
        "Processing": ("ProcessingJob", "processing-job", "Completed"),
        "Training": ("TrainingJob", "training-job", "Completed"),
        "Transform": ("TransformJob", "transform-job", "Completed"),
        "Tuning": ("HyperParameterTuningJob", "hyper-parameter-tuning-job", "Completed"),
        "AutoML": ("AutoMLJob", "automl-job", "Completed"),
        "Model": ("Model", "model", None),
        "EndpointConfig": ("EndpointConfig", "endpoint-config", None),
        "Endpoint": ("Endpoint", "endpoint", "InService"),
    }
)
"""By type of step: what its name, ARN and status begin with, the kind of resource in the ARN, and the status."""


def describe_response(run: StepAttempt) -> dict[str, Any]:
    """Return the properties that a step would have, except those that its request does not determine.

    References without a value are left out.
    """
    request = known(dict(run.arguments))
    kind = run.step.definition_type
    named: dict[str, Any] = {}
    if kind in _NAMED:
        prefix, resource, status = _NAMED[kind]
        name = str(request.get(f"{prefix}Name", run.job_name))
        named = {f"{prefix}Name": name, f"{prefix}Arn": make_arn(run.region, resource, name)}
        named |= {} if status is None else {f"{prefix}Status": status}
    more = _MORE.get(kind)
    return {**(request if named else {}), **named, **(more(run, request) if more is not None else {})}


def known(value: Any) -> Any:
    """Return data without the references in it."""
    if isinstance(value, Mapping):
        return {key: known(inner) for key, inner in value.items() if not isinstance(inner, Reference)}
    if isinstance(value, list | tuple):
        return [known(inner) for inner in value if not isinstance(inner, Reference)]
    return value


def find_output_uris(run: StepAttempt, properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the S3 URI of each output that the step would have, by name."""
    places = declared_output_uris(known(run.arguments))
    if run.step.definition_type == "Training":
        places["model"] = as_mapping(properties.get("ModelArtifacts")).get("S3ModelArtifacts")
    if run.step.definition_type == "Tuning":
        best = as_mapping(properties.get("BestTrainingJob")).get("TrainingJobName")
        places["model"] = _model(as_mapping(properties.get("TrainingJobDefinition")), str(best))
    if run.step.definition_type == "Transform":
        places["predictions"] = as_mapping(properties.get("TransformOutput")).get("S3OutputPath")
    return {name: uri.rstrip("/") for name, uri in places.items() if isinstance(uri, str)}


def _training(run: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    model = _model(request, str(request.get("TrainingJobName", run.job_name)))
    return {} if model is None else {"ModelArtifacts": {"S3ModelArtifacts": model}}


def _tuning(run: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    name = trial_name(run.job_name, 1)
    best = {"TrainingJobName": name, "TrainingJobArn": make_arn(run.region, "training-job", name)}
    return {"BestTrainingJob": best, "TrainingJobSummaries": [best]}


def _model(request: Mapping[str, Any], job_name: str) -> str | None:
    """Return the S3 URI of a training job's model; ``None`` if the request does not determine it."""
    known_place = isinstance(as_mapping(request.get("OutputDataConfig")).get("S3OutputPath"), str)
    return artifact_uri(request, job_name, "model") if known_place else None


def _model_package(run: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    group = str(request.get("ModelPackageGroupName", request.get("ModelPackageName", run.job_name)))
    resource = f"{group.rpartition('/')[2]}/1" if "ModelPackageGroupName" in request else group
    approval = request.get("ModelApprovalStatus", "PendingManualApproval")
    return {
        **request,
        "ModelPackageArn": make_arn(run.region, "model-package", resource),
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": approval,
    }


def _check(run: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    """The files of a quality or Clarify check: where the containers of Model Monitor and Clarify leave them.

    Source of the files' names: ``sagemaker.model_monitor`` of the SageMaker Python SDK.
    """
    outputs = as_list(as_mapping(request.get("ProcessingOutputConfig")).get("Outputs"))
    uri = as_mapping(as_mapping(outputs[0]).get("S3Output")).get("S3Uri") if outputs else None
    if not isinstance(uri, str):
        return {}
    quality = run.step.definition_type == "QualityCheck"
    files = {"Constraints": "constraints.json", "Statistics": "statistics.json"} if quality else {}
    properties: dict[str, Any] = {}
    for kind, name in (files or {"Constraints": "analysis.json"}).items():
        calculated = f"{uri.rstrip('/')}/{name}"
        supplied = run.fields.get(f"SuppliedBaseline{kind}")
        properties[f"CalculatedBaseline{kind}"] = calculated
        used = supplied if isinstance(supplied, str) else calculated
        properties[f"BaselineUsedForDriftCheck{kind}"] = used
    return properties


def _emr(run: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    job_step = as_mapping(as_mapping(request.get("StepConfig")).get("HadoopJarStep"))
    return {"Id": "s-" + run.job_name[-10:].upper(), "Name": run.job_name, "Config": dict(job_step)} | {
        "Status": {"State": "COMPLETED"}
    }


_MORE: Mapping[str, Callable[[StepAttempt, Mapping[str, Any]], dict[str, Any]]] = MappingProxyType(
    {
        "Training": _training,
        "Tuning": _tuning,
        "RegisterModel": _model_package,
        "QualityCheck": _check,
        "ClarifyCheck": _check,
        "EMR": _emr,
    }
)
