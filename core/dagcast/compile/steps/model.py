"""Shared parts of the steps that create or register a model: the model's container."""

from typing import TYPE_CHECKING, Any

from dagcast.compile.bind.ports import InputPort
from dagcast.compile.config.step import WithInputs
from dagcast.compile.steps.job import JobConfig, ScriptConfig, image, image_field

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

REPACKING = ("huggingface", "mxnet", "pytorch", "tensorflow")
"""Frameworks whose serving containers read code only from the model archive.

Source: their model classes in the SageMaker Python SDK repack ``model.tar.gz``. The other classes only refer to
the code.
"""


class ModelConfig(JobConfig, ScriptConfig, WithInputs):
    """The fields that describe a model's container."""


def model_inputs(config: ModelConfig) -> tuple[InputPort, ...]:
    """Return the input port of the model artifact."""
    return (InputPort("model", "model", config.given("model"), False, "S3 URI of model.tar.gz"),)


def container(step: "Lowering", config: ModelConfig) -> dict[str, tuple[Any, Any]]:
    """Return the members of the model's container with their origins. Members without a value are omitted."""
    environment = {**(step.as_strings(config.environment) or {}), **_inference_code(step, config)}
    members = {
        "Image": (image(step, config, "inference"), image_field(config)),
        "ModelDataUrl": (step.source("model"), step.source_origin("model")),
        "Environment": (environment or None, "environment"),
    }
    return {member: value for member, value in members.items() if value[0] is not None}


def _inference_code(step: "Lowering", config: ModelConfig) -> dict[str, Any]:
    """Stage the user's inference script and return the environment variables that locate it.

    Source: ``SAGEMAKER_PROGRAM`` and ``SAGEMAKER_SUBMIT_DIRECTORY`` of the SageMaker Inference Toolkit.
    """
    if config.entry_point is None:
        if config.source_dir is not None:
            step.error(
                "source_dir needs entry_point",
                "source_dir",
                code="code.missing-entry-point",
                hint="name the script to run",
            )
        return {}
    if config.framework in REPACKING:
        step.error(
            f"the {config.framework} serving container reads code only from the model archive",
            "entry_point",
            code="model.needs-repack",
            hint="let the training script save its inference code below code/ in the model folder",
        )
        return {}
    isolated = getattr(config, "enable_network_isolation", None)
    if config.request.get("EnableNetworkIsolation", isolated) not in (None, False):
        step.error(
            "a model with network isolation cannot fetch entry_point from S3",
            "entry_point",
            code="model.isolated-code",
            hint="let the training script save the code below code/ in the model folder, and in place of entry_point "
            "set environment: {SAGEMAKER_PROGRAM: SCRIPT, SAGEMAKER_SUBMIT_DIRECTORY: /opt/ml/model/code}",
        )
        return {}
    archive = step.staged_folder(config.entry_point, config.source_dir)
    if archive is None:
        return {}
    program = config.entry_point if config.source_dir is not None else config.entry_point.rsplit("/", 1)[-1]
    environment = {
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_PROGRAM": program,
        "SAGEMAKER_SUBMIT_DIRECTORY": archive,
    }
    if step.region is not None:
        environment["SAGEMAKER_REGION"] = step.region
    return environment
