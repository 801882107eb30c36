"""Shared parts of the steps that run a container: config fields, role and image."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from dagcast.compile.bind.ports import Source
from dagcast.compile.config.fields import (
    EMPTY,
    CoercedStrOrReference,
    ConfigModel,
    Fixed,
    StrOrReference,
    read_fixed,
)
from dagcast.compile.config.stand_ins import IMAGE as STAND_IN_IMAGE
from dagcast.compile.config.step import StepConfig
from dagcast.paths import FieldPath, format_path

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

NonEmptyFixed = Annotated[str, Field(min_length=1), AfterValidator(read_fixed)]
"""A string of at least one character without references."""

EntryPoint = Annotated[
    NonEmptyFixed | None,
    Field(description="Script to run: a path relative to the config file, or an S3 URI"),
]


class ImageConfig(ConfigModel):
    """The image of a container: named, or chosen from the SDK's tables."""

    image_uri: Annotated[
        StrOrReference | None, Field(description="Image of the container; excludes framework")
    ] = None
    framework: Annotated[Fixed | None, Field(description="Framework that the SDK has images for")] = None
    framework_version: Annotated[Fixed | None, Field(description="Version of the framework")] = None
    py_version: Annotated[Fixed | None, Field(description="Python of the image, such as py311")] = None
    base_framework_version: Annotated[
        Fixed | None,
        Field(description="For Hugging Face: the framework below it, such as pytorch2.1.0"),
    ] = None
    inference_tool: Annotated[
        Fixed | None, Field(description="Chooses images for AWS Inferentia: neuron or neuronx")
    ] = None
    container_version: Annotated[
        Fixed | None, Field(description="End of the image's tag where it has one, such as cu110-ubuntu18.04")
    ] = None
    sdk_version: Annotated[
        Fixed | None, Field(description="Version of the Neuron SDK, such as sdk2.14.1")
    ] = None
    accelerator_type: Annotated[
        Fixed | None,
        Field(description="Chooses images for Elastic Inference by accelerator, such as ml.eia2.medium"),
    ] = None


class JobConfig(ImageConfig, StepConfig):
    """A step that runs a container."""

    role: StrOrReference | None = None
    instance_type: StrOrReference | None = None
    environment: dict[str, CoercedStrOrReference] = EMPTY


RENAMED: Mapping[str, str] = MappingProxyType({"entrypoint": "container_entrypoint"})
"""Renamed fields of jobs: the current name by the former name."""


class ScriptConfig(ConfigModel):
    """Mixin for jobs that run a script of the user's."""

    entry_point: EntryPoint = None
    source_dir: Annotated[Fixed | None, Field(description="Folder that contains entry_point")] = None


def check_source_dir(step: "Lowering", config: ScriptConfig, at: FieldPath = ()) -> None:
    """Report a ``source_dir`` without the ``entry_point`` that runs in it.

    Args:
        step: The step.
        config: The config of the step, or of one of its containers.
        at: The path of the container's config in the step's.
    """
    if config.source_dir is not None and config.entry_point is None:
        owner = f"{format_path(at)}: " if at else ""
        message, hint = f"{owner}source_dir needs entry_point", "name the script to run"
        step.error(message, *at, "source_dir", code="code.missing-entry-point", hint=hint)


def put_role(step: "Lowering", config: Any, target: str | FieldPath = "RoleArn") -> None:
    """Set the execution role: the role of the step, or by default the role of the pipeline.

    Reports an error if neither is set.
    """
    if config.role is not None:
        step.put(target, config.role, "role")
    elif step.role is not None:
        step.put(target, step.role, step.role_origin)
    elif step.lacks_fields:
        step.incomplete = True
    else:
        step.pipeline_error(
            "steps need an execution role", "pipeline.missing-role", "set pipeline.role to the ARN of a role"
        )


def put_image(
    step: "Lowering",
    config: JobConfig,
    target: FieldPath,
    scope: str | None,
    *,
    framework: str | None = None,
    machine: object = None,
    distribution: str | None = None,
) -> None:
    """Set the image at ``target``, unless ``request`` determines what runs. See :func:`image`."""
    if config.image_uri is None and config.framework is None and _runs_something_else(config.request, target):
        return
    found = image(
        step,
        config,
        scope,
        machine=config.instance_type if machine is None else machine,
        framework=framework,
        distribution=distribution,
    )
    step.put(target, found, image_field(config))


def _runs_something_else(request: Mapping[str, Any], target: FieldPath) -> bool:
    """Whether ``request`` names an image or an algorithm, or describes a serverless job."""
    around: Any = request
    for part in target[:-1]:
        around = around.get(part) if isinstance(around, dict) else None
    named = isinstance(around, dict) and any(around.get(name) for name in (target[-1], "AlgorithmName"))
    return named or bool(request.get("ServerlessJobConfig"))


def image_field(config: ImageConfig) -> str:
    """Return the name of the config field that determines the image."""
    return "framework" if config.image_uri is None else "image_uri"


def image(
    step: "Lowering",
    config: ImageConfig,
    scope: str | None,
    *,
    machine: object,
    at: FieldPath = (),
    framework: str | None = None,
    distribution: str | None = None,
) -> Source | None:
    """Return ``image_uri`` of the config, or the image of its framework from the SDK's tables.

    Args:
        step: The step.
        config: The fields of the image.
        scope: The use of the image, ``training`` or ``inference``. ``None`` passes no scope to the tables.
        machine: The instance type, or a reference to it.
        at: The path of ``config`` in the config of the step.
        framework: The table to read in place of the one of ``config.framework``.
        distribution: ``smdistributed`` if the job uses it.

    Returns:
        The image, or ``None`` after reporting an error.
    """
    owner = f"{format_path(at)} " if at else "it "
    if config.image_uri is not None and config.framework is not None:
        step.error(
            f"{owner}names both image_uri and framework",
            *at,
            "framework",
            code="image.conflict",
            hint="keep one of them",
        )
    if config.image_uri is not None:
        return config.image_uri
    if config.framework is None and step.lacks_fields:
        # It may be the wrong field that names the image.
        step.incomplete = True
        return None
    if config.framework is None and step.local:
        return STAND_IN_IMAGE
    if config.framework is None:
        step.error(
            f"{owner}names no image" if at else "no image is given",
            *at,
            code="image.missing",
            hint="set image_uri, or framework and framework_version",
            cause="no image",
        )
        return None
    return step.image(
        framework or config.framework,
        machine,
        at=at,
        version=config.framework_version,
        py_version=config.py_version,
        image_scope=scope,
        base_framework_version=config.base_framework_version,
        inference_tool=config.inference_tool,
        container_version=config.container_version,
        sdk_version=config.sdk_version,
        accelerator_type=config.accelerator_type,
        distribution=distribution,
    )


def container_arguments(step: "Lowering", arguments: tuple[Any, ...]) -> list[Any] | None:
    """Return command-line arguments as strings, which the service requires; ``None`` if there are no arguments."""
    return [step.as_string(argument) for argument in arguments] or None
