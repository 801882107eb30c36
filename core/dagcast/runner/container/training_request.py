"""Reads and checks a CreateTrainingJob request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.runner.container import metrics
from dagcast.runner.container.channels import check_channels
from dagcast.runner.container.check_request import (
    Schema,
    as_list,
    as_mapping,
    cannot_run_here,
    check_entrypoint,
    check_schema,
    is_below,
    needs_image,
)
from dagcast.runner.container.training_toolkit import PROGRAM, SUBMIT_DIRECTORY
from dagcast.runner.launch.command import ML_PATH
from dagcast.runner.local_images import NO_LOCAL_IMAGES, LocalImages
from dagcast.sagemaker.builtin_algorithms import algorithm_of_image

REMOTE_FUNCTION_DRIVER = "sagemaker_remote_function_bootstrap"
"""The channel of the driver of ``@step`` functions. Source: ``sagemaker.remote_function.job`` of the SDK."""

DEFAULT_CHECKPOINT_PATH = f"{ML_PATH}/checkpoints"
"""The default folder of checkpoints. Source: API reference, ``CheckpointConfig``."""

_RESERVED_PATHS = tuple(f"{ML_PATH}/{name}" for name in ("input", "output", "model", "code"))

_STAND_INS = MappingProxyType({"XGBoost": "dagcast-xgboost"})
"""By algorithm: the distribution with a local image for it."""

_SHAPE: Schema = {
    "AlgorithmSpecification": {
        "TrainingImage": "string",
        "TrainingInputMode": "string",
        "ContainerEntrypoint": ["scalar"],
        "ContainerArguments": ["scalar"],
        "MetricDefinitions": [{"Name": "string", "Regex": "string"}],
    },
    "HyperParameters": {"*": "scalar"},
    "InputDataConfig": [
        {
            "ChannelName": "string",
            "ContentType": "scalar",
            "CompressionType": "string",
            "RecordWrapperType": "string",
            "InputMode": "string",
            "DataSource": {
                "S3DataSource": {"S3Uri": "uri", "S3DataType": "string", "S3DataDistributionType": "string"}
            },
        }
    ],
    "ResourceConfig": {
        "InstanceType": "string",
        "InstanceCount": "count",
        "InstanceGroups": [{"InstanceType": "string", "InstanceCount": "count"}],
    },
    "OutputDataConfig": {"S3OutputPath": "uri", "CompressionType": "string"},
    "StoppingCondition": {"MaxRuntimeInSeconds": "count"},
    "CheckpointConfig": {"S3Uri": "uri", "LocalPath": "string"},
    "Environment": {"*": "scalar"},
    "EnableNetworkIsolation": "boolean",
}


def check_request(
    step: str, request: Mapping[str, Any], *, image: bool, local_images: LocalImages = NO_LOCAL_IMAGES
) -> Iterator[Diagnostic]:
    """Find what cannot run here.

    Args:
        step: The name of the step.
        request: The request; any value can be a reference.
        image: Whether the job runs in its image.
        local_images: The programs that stand for images.
    """
    wrong = list(check_schema(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    algorithm = as_mapping(request.get("AlgorithmSpecification"))
    read_hyperparameters = as_mapping(request.get("HyperParameters"))
    entrypoint = algorithm.get("ContainerEntrypoint")
    if not image:
        script = PROGRAM in read_hyperparameters and SUBMIT_DIRECTORY in read_hyperparameters
        if not entrypoint and not script and not local_images.may_stand_for(algorithm.get("TrainingImage")):
            what = "it has neither a ContainerEntrypoint nor a script, and only its image knows what to run"
            yield needs_image(step, what, stand_in=_stand_in_of(algorithm.get("TrainingImage")))
        yield from check_entrypoint(step, as_list(entrypoint))
    if any(REMOTE_FUNCTION_DRIVER in str(part) for part in as_list(entrypoint)):
        yield cannot_run_here(
            step,
            "it is a function decorated with @step, whose driver loads it from S3, which a local job cannot use",
            hint=f"call the function from a script, or use --stub {step}=OUTPUTS.json to replace the step",
        )
    for name, value in read_hyperparameters.items():
        if is_distribution_flag(name, value):
            yield Diagnostic(
                f"step {step!r}: {name}: a local run starts the script once, not once on each GPU or host",
                severity="warning",
                code="run.one-process",
            )
    yield from check_channels(step, request)
    yield from metrics.check_definitions(step, algorithm.get("MetricDefinitions"))
    output = as_mapping(request.get("OutputDataConfig"))
    if "S3OutputPath" not in output:
        yield Diagnostic(f"step {step!r}: OutputDataConfig has no S3OutputPath", code="request.missing-field")
    for key in ("ServerlessJobConfig", "ModelPackageConfig"):
        if key in request:
            yield cannot_run_here(step, f"{key} customises a model of AWS")
    yield from _checkpoint_problems(step, as_mapping(request.get("CheckpointConfig")))


def _stand_in_of(image: Any) -> str | None:
    """Return the distribution whose local image would stand for an image of SageMaker's, if this project has one."""
    algorithm = algorithm_of_image(image) if isinstance(image, str) else None
    return _STAND_INS.get(algorithm.name) if algorithm is not None else None


def _checkpoint_problems(step: str, config: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if config and "S3Uri" not in config:
        yield Diagnostic(f"step {step!r}: CheckpointConfig has no S3Uri", code="request.missing-field")
    path = config.get("LocalPath", DEFAULT_CHECKPOINT_PATH)
    if not isinstance(path, str):
        return
    plain = path.rstrip("/")
    if not is_below(plain, ML_PATH):
        yield cannot_run_here(
            step,
            f"CheckpointConfig has the LocalPath {path}, which is not below {ML_PATH}",
            hint=f"use {DEFAULT_CHECKPOINT_PATH}",
        )
    elif any(plain == reserved or is_below(plain, reserved) for reserved in _RESERVED_PATHS):
        yield Diagnostic(
            f"step {step!r}: checkpoints cannot be in {path}, which SageMaker uses",
            code="request.unsafe-path",
        )


def is_distribution_flag(name: str, value: Any) -> bool:
    """Return whether a hyperparameter, which may be a reference, makes the toolkit start a script several times."""
    is_flag = name.startswith("sagemaker_") and name.endswith("_enabled")
    return is_flag and isinstance(value, str | bool) and str(value).lower() == "true"


def read_hyperparameters(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the hyperparameters as strings, as the service receives them."""
    return {str(name): str(value) for name, value in (request.get("HyperParameters") or {}).items()}


def read_instances(request: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the instance type and count; for instance groups, the first type and the total count."""
    resources = request.get("ResourceConfig") or {}
    groups = resources.get("InstanceGroups") or ()
    if groups:
        return str(groups[0].get("InstanceType", "local")), sum(
            int(group.get("InstanceCount", 1)) for group in groups
        )
    return str(resources.get("InstanceType", "local")), resources.get("InstanceCount", 1)


def is_compressed(request: Mapping[str, Any]) -> bool:
    """Whether the job's outputs are uploaded as archives.

    Source: SageMaker API reference, ``OutputDataConfig``, ``CompressionType``.
    """
    return bool(request["OutputDataConfig"].get("CompressionType", "GZIP") != "NONE")


def artifact_uri(request: Mapping[str, Any], job_name: str, name: str) -> str:
    """Return the S3 URI of a job's artifact: ``model`` or ``output``.

    Source: SageMaker Developer Guide, "How Amazon SageMaker Processes Training Output".
    """
    folder = str(request["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
    return f"{folder}/{job_name}/output/{name}{'.tar.gz' if is_compressed(request) else '/'}"
