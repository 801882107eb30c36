"""Shared parts of the steps that create or register a model: its containers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import InputPort
from dagcast.compile.config.fields import EMPTY, CoercedStrOrReference, StrOrReference
from dagcast.compile.config.step import WithInputs, WithOutputs
from dagcast.compile.steps.job import (
    ImageConfig,
    JobConfig,
    ScriptConfig,
    check_source_dir,
    image,
    image_field,
)
from dagcast.paths import FieldPath, format_path

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

REPACKING = ("huggingface", "mxnet", "pytorch", "tensorflow")
"""Frameworks whose serving containers read code only from the model archive.

Source: their model classes in the SageMaker Python SDK repack ``model.tar.gz``. The other classes only refer to
the code.
"""


class ContainerConfig(ImageConfig, ScriptConfig):
    """One of several containers of a model; ``instance_type`` of the step chooses the image of a framework."""

    model: Annotated[
        StrOrReference | None,
        Field(description="S3 URI of the container's model.tar.gz, a reference to it, or step.port"),
    ] = None
    hostname: Annotated[
        StrOrReference | None,
        Field(description="Name by which direct invocations choose the container; all have one, or none"),
    ] = None
    environment: Annotated[
        dict[str, CoercedStrOrReference], Field(description="Variables of the container")
    ] = EMPTY


class ModelConfig(JobConfig, ScriptConfig, WithInputs, WithOutputs):
    """The fields that describe the containers of a model."""

    containers: Annotated[
        tuple[ContainerConfig, ...],
        Field(
            strict=False,
            min_length=1,
            description="Containers in the order of inference, in place of the fields of a single one",
        ),
    ] = ()

    @model_validator(mode="after")
    def _one_or_several(self) -> "ModelConfig":
        if not self.containers:
            return self
        single = (*ImageConfig.model_fields, *ScriptConfig.model_fields, "environment")
        for name in single:
            if getattr(self, name) not in (None, EMPTY):
                raise _of_a_single_container(name)
        if "model" in self.inputs:
            raise _of_a_single_container("inputs", "model")
        for index, item in enumerate(self.containers):
            port = model_port(index)
            if item.model is not None and self.given(port) is not None:
                message = "inputs.{port} and containers[{index}].model are the same: keep one of them"
                context = {"port": port, "index": index, "path": ("inputs", port)}
                raise PydanticCustomError("containers", message, context)
        return self


def _of_a_single_container(*path: str) -> PydanticCustomError:
    return PydanticCustomError(
        "containers",
        "{name} is a field of a single container, and the step has containers",
        {
            "name": ".".join(path),
            "path": path,
            "hint": f"give it to each of the containers, or write {path[-1]}: null if defaults set it",
        },
    )


def model_port(index: int) -> str:
    """Return the name of the input port of a container's model.

    Example:
        >>> model_port(0)
        'model_1'
    """
    return f"model_{index + 1}"


def model_inputs(config: ModelConfig) -> tuple[InputPort, ...]:
    """Return the input port of the model artifact; one for each of several containers."""
    if not config.containers:
        return (InputPort("model", "model", config.given("model"), False, "S3 URI of model.tar.gz"),)
    return tuple(
        InputPort(
            model_port(index),
            "model",
            item.model if item.model is not None else config.given(model_port(index)),
            False,
            f"S3 URI of model.tar.gz of container {index + 1}",
        )
        for index, item in enumerate(config.containers)
    )


Members = dict[str, tuple[Any, Any]]
"""The members of a container, each with its value and its origin."""


def containers(step: "Lowering", config: ModelConfig) -> Iterator[Members]:
    """Yield the members of each container with their origins. Members without a value are omitted."""
    if not config.containers:
        yield _container(step, config, "model", ())
    for index, item in enumerate(config.containers):
        port, at = model_port(index), ("containers", index)
        members = _container(step, item, port, at)
        if item.model is not None and "ModelDataUrl" in members:
            members["ModelDataUrl"] = (members["ModelDataUrl"][0], (*at, "model"))
        if item.hostname is not None:
            members["ContainerHostname"] = (item.hostname, (*at, "hostname"))
        yield members


def mark_containers(step: "Lowering", made: list[Members], target: FieldPath) -> None:
    """Record the origin of each member of the containers at ``target`` in the request."""
    for index, members in enumerate(made):
        for member, (_, origin) in members.items():
            place: FieldPath = ("Arguments", *target, index, member)
            step.origins[place] = step.origin(origin)


def _container(step: "Lowering", config: ModelConfig | ContainerConfig, port: str, at: FieldPath) -> Members:
    machine = getattr(step.config, "instance_type", None)
    environment = {**(step.as_strings(config.environment) or {}), **_inference_code(step, config, at)}
    members = {
        "Image": (image(step, config, "inference", machine=machine, at=at), (*at, image_field(config))),
        "ModelDataUrl": (step.source(port), step.source_origin(port)),
        "Environment": (environment or None, (*at, "environment")),
    }
    return {member: value for member, value in members.items() if value[0] is not None}


def _inference_code(step: "Lowering", config: ModelConfig | ContainerConfig, at: FieldPath) -> dict[str, Any]:
    """Stage the user's inference script and return the environment variables that locate it.

    Source: ``SAGEMAKER_PROGRAM`` and ``SAGEMAKER_SUBMIT_DIRECTORY`` of the SageMaker Inference Toolkit.
    """
    owner = f"{format_path(at)}: " if at else ""
    if config.entry_point is None:
        check_source_dir(step, config, at)
        return {}
    if config.framework in REPACKING:
        step.error(
            f"{owner}the {config.framework} serving container reads code only from the model archive",
            *at,
            "entry_point",
            code="model.needs-repack",
            hint="let the training script save its inference code below code/ in the model folder",
        )
        return {}
    isolated = getattr(step.config, "enable_network_isolation", None)
    if step.config.request.get("EnableNetworkIsolation", isolated) not in (None, False):
        step.error(
            f"{owner}a model with network isolation cannot fetch entry_point from S3",
            *at,
            "entry_point",
            code="model.isolated-code",
            hint="let the training script save the code below code/ in the model folder, and in place of entry_point "
            "set environment: {SAGEMAKER_PROGRAM: SCRIPT, SAGEMAKER_SUBMIT_DIRECTORY: /opt/ml/model/code}",
        )
        return {}
    archive = step.staged_folder(config.entry_point, config.source_dir, at=at)
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
