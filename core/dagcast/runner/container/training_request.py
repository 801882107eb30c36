"""Reads a CreateTrainingJob request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.runner.container import metrics
from dagcast.runner.container.channels import channel_problems
from dagcast.runner.container.checks import (
    Shape,
    below,
    cannot,
    listed,
    mapping,
    needs_image,
    program_problems,
    shape_problems,
)
from dagcast.runner.container.toolkit import PROGRAM, SUBMIT_DIRECTORY
from dagcast.runner.launch.command import ML_PATH

FUNCTIONS = "sagemaker_remote_function_bootstrap"
"""The channel of the driver of decorated functions. Source: ``sagemaker.remote_function.job`` of the SDK."""

CHECKPOINTS = f"{ML_PATH}/checkpoints"
"""Where checkpoints are if nothing else is said. Source: API reference, ``CheckpointConfig``."""

_TAKEN = tuple(f"{ML_PATH}/{name}" for name in ("input", "output", "model", "code"))

_SHAPE: Shape = {
    "AlgorithmSpecification": {
        "TrainingImage": "text",
        "TrainingInputMode": "text",
        "ContainerEntrypoint": ["scalar"],
        "ContainerArguments": ["scalar"],
        "MetricDefinitions": [{"Name": "text", "Regex": "text"}],
    },
    "HyperParameters": {"*": "scalar"},
    "InputDataConfig": [
        {
            "ChannelName": "text",
            "ContentType": "scalar",
            "CompressionType": "text",
            "RecordWrapperType": "text",
            "InputMode": "text",
            "DataSource": {
                "S3DataSource": {"S3Uri": "uri", "S3DataType": "text", "S3DataDistributionType": "text"}
            },
        }
    ],
    "ResourceConfig": {
        "InstanceType": "text",
        "InstanceCount": "whole",
        "InstanceGroups": [{"InstanceType": "text", "InstanceCount": "whole"}],
    },
    "OutputDataConfig": {"S3OutputPath": "uri", "CompressionType": "text"},
    "StoppingCondition": {"MaxRuntimeInSeconds": "whole"},
    "CheckpointConfig": {"S3Uri": "uri", "LocalPath": "text"},
    "Environment": {"*": "scalar"},
    "EnableNetworkIsolation": "truth",
}


def problems(step: str, request: Mapping[str, Any], *, image: bool) -> Iterator[Diagnostic]:
    """Say what of a request cannot run here.

    Args:
        step: The name of the step.
        request: The request; references may stand for any value.
        image: Whether it will run in its own image.
    """
    wrong = list(shape_problems(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    algorithm = mapping(request.get("AlgorithmSpecification"))
    hyperparameters = mapping(request.get("HyperParameters"))
    entrypoint = algorithm.get("ContainerEntrypoint")
    if not image:
        script = PROGRAM in hyperparameters and SUBMIT_DIRECTORY in hyperparameters
        if not entrypoint and not script:
            what = "it has neither a ContainerEntrypoint nor a script: what runs is known to its image alone"
            yield needs_image(step, what)
        yield from program_problems(step, listed(entrypoint))
    if any(FUNCTIONS in str(part) for part in listed(entrypoint)):
        yield cannot(
            step,
            "it is a function that @step decorates: its driver loads it from S3 by itself, and a job here has no S3",
            hint=f"call the function from a script, or --stub {step}=OUTPUTS.json stands for running it",
        )
    yield from channel_problems(step, request)
    yield from metrics.problems(step, algorithm.get("MetricDefinitions"))
    output = mapping(request.get("OutputDataConfig"))
    if "S3OutputPath" not in output:
        yield Diagnostic(f"step {step!r}: OutputDataConfig has no S3OutputPath", code="request.missing-field")
    for key in ("ServerlessJobConfig", "ModelPackageConfig"):
        if key in request:
            yield cannot(step, f"{key} customises a model of AWS's")
    yield from _checkpoint_problems(step, mapping(request.get("CheckpointConfig")))


def _checkpoint_problems(step: str, config: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if config and "S3Uri" not in config:
        yield Diagnostic(f"step {step!r}: CheckpointConfig has no S3Uri", code="request.missing-field")
    path = config.get("LocalPath", CHECKPOINTS)
    if not isinstance(path, str):
        return
    plain = path.rstrip("/")
    if not below(plain, ML_PATH):
        yield cannot(
            step,
            f"CheckpointConfig has the LocalPath {path}, which is not below {ML_PATH}",
            hint=f"use {CHECKPOINTS}",
        )
    elif any(plain == taken or below(plain, taken) for taken in _TAKEN):
        yield Diagnostic(
            f"step {step!r}: checkpoints cannot be in {path}, which SageMaker uses",
            code="request.unsafe-path",
        )


def hyperparameters(request: Mapping[str, Any]) -> dict[str, str]:
    """The hyperparameters as the service gets them: texts."""
    return {str(name): str(value) for name, value in (request.get("HyperParameters") or {}).items()}


def instance(request: Mapping[str, Any]) -> tuple[str, Any]:
    """The type of instance, and how many there are; of groups of instances, the first type and all of them."""
    resources = request.get("ResourceConfig") or {}
    groups = resources.get("InstanceGroups") or ()
    if groups:
        return str(groups[0].get("InstanceType", "local")), sum(
            int(group.get("InstanceCount", 1)) for group in groups
        )
    return str(resources.get("InstanceType", "local")), resources.get("InstanceCount", 1)


def is_packed(request: Mapping[str, Any]) -> bool:
    """Whether what the job leaves is handed over as archives.

    Source: SageMaker API reference, ``OutputDataConfig``, ``CompressionType``.
    """
    return bool(request["OutputDataConfig"].get("CompressionType", "GZIP") != "NONE")


def artifact_uri(request: Mapping[str, Any], job_name: str, name: str) -> str:
    """Where the ``model``, or the other ``output``, of a job goes.

    Source: SageMaker Developer Guide, "How Amazon SageMaker Processes Training Output".
    """
    folder = str(request["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
    return f"{folder}/{job_name}/output/{name}{'.tar.gz' if is_packed(request) else '/'}"
