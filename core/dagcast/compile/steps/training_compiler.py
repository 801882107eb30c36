"""SageMaker Training Compiler: its images, and the hyperparameters that turn it on.

Source of names and conditions: ``TrainingCompilerConfig`` of PyTorch, TensorFlow and Hugging Face in
SageMaker Python SDK 2.257.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from dagcast.compile.config.fields import BoolOrReference, ConfigModel
from dagcast.definition.references import Reference
from dagcast.paths import FieldPath
from dagcast.sagemaker.framework_versions import framework_class, is_at_least

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering
    from dagcast.compile.steps.training import TrainingJobConfig

FAMILIES = ("p3", "p3dn", "g4dn", "p4d", "g5")
"""The instance families that the compiler supports."""

TABLES: Mapping[str, str] = MappingProxyType(
    {"huggingface": "huggingface-training-compiler", "pytorch": "pytorch-training-compiler"}
)
"""The image table with the compiler, by framework. Images of TensorFlow include the compiler."""


class CompilerConfig(ConfigModel):
    """Settings of the Training Compiler; ``true`` or ``false`` stands for ``enabled``."""

    enabled: Annotated[BoolOrReference, Field(description="Whether the script's model is compiled")] = True
    debug: Annotated[
        BoolOrReference,
        Field(description="Whether the compiler writes detailed logs, which slows training down"),
    ] = False

    @model_validator(mode="before")
    @classmethod
    def _enabled_alone(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


def compiler_hyperparameters(step: "Lowering", config: "TrainingJobConfig") -> dict[str, Any]:
    """Return the hyperparameters of a job's ``compiler_config``; none after reporting an error."""
    compiler = config.compiler_config
    found = False
    for path, message, hint in compiler_mistakes(config):
        step.error(message, *path, code="training.compiler", hint=hint)
        found = True
    if compiler is None or found:
        return {}
    values = {
        "sagemaker_training_compiler_enabled": compiler.enabled,
        "sagemaker_training_compiler_debug_mode": compiler.debug,
    }
    return {
        name: step.as_string(value) if isinstance(value, Reference) else json.dumps(value)
        for name, value in values.items()
    }


def compiler_mistakes(config: "TrainingJobConfig") -> Iterator[tuple[FieldPath, str, str | None]]:
    """Yield what a job has that excludes the compiler: the path of a field, a message and a hint."""
    field: FieldPath = ("compiler_config",)
    compiler, distribution = config.compiler_config, config.distribution
    xla = distribution is not None and distribution.pytorchxla is not None
    framework = framework_class(config.framework)
    if compiler is None:
        # The former spelling names the table itself.
        if xla and config.framework not in TABLES.values() and framework in TABLES:
            message = "pytorchxla runs with the Training Compiler"
            yield ("distribution", "pytorchxla"), message, "add compiler_config: true"
        return
    if config.entry_point is None:
        yield field, "the Training Compiler compiles the script entry_point", "name the script to run"
        return
    if framework not in (*TABLES, "tensorflow"):
        what = f"images of {config.framework}" if config.framework is not None else "an image of your own"
        hint = "name framework and framework_version: pytorch, tensorflow or huggingface"
        yield field, f"there is no Training Compiler for {what}", hint
        return
    if config.instance_groups:
        yield field, "the Training Compiler runs on instances of one type", "use instance_type"
    machine = config.instance_type
    if isinstance(machine, str) and machine.split(".")[1:2] and machine.split(".")[1] not in FAMILIES:
        families = ", ".join(f"ml.{family}" for family in FAMILIES)
        yield (
            field,
            f"the Training Compiler does not support {machine}",
            f"choose an instance_type of {families}",
        )
    if distribution is not None and distribution.smdistributed is not None:
        yield (
            ("distribution", "smdistributed"),
            "smdistributed excludes the Training Compiler",
            "remove one of them",
        )
    yield from _version_mistakes(config, framework, xla=xla)


def _version_mistakes(
    config: "TrainingJobConfig", framework: str, *, xla: bool
) -> Iterator[tuple[FieldPath, str, str | None]]:
    field: FieldPath = ("compiler_config",)
    version, distribution = config.framework_version, config.distribution
    if framework == "tensorflow":
        if version is not None and (not is_at_least(version, 2, 9) or is_at_least(version, 2, 12)):
            yield field, f"the Training Compiler does not support TensorFlow {version}", "use 2.9 to 2.11"
        mirrored = distribution.multi_worker_mirrored_strategy if distribution is not None else None
        if mirrored is not None and mirrored.enabled:
            name = "multi_worker_mirrored_strategy"
            yield ("distribution", name), f"{name} excludes the Training Compiler", "remove one of them"
        return
    first = (1, 12) if framework == "pytorch" else (1, 11)
    base = config.base_framework_version or ""
    if framework == "huggingface":
        version = base.removeprefix("pytorch") if base.startswith("pytorch") else None
        if version is not None and (not is_at_least(version, 1, 9) or is_at_least(version, 1, 12)):
            message = f"the Training Compiler of Hugging Face does not support PyTorch {version}"
            yield ("base_framework_version",), message, "use pytorch1.9 to pytorch1.11"
            return
    oldest = ".".join(map(str, first))
    if xla and (base.startswith("tensorflow") or (version is not None and not is_at_least(version, *first))):
        what = base if base.startswith("tensorflow") else f"PyTorch {version}"
        yield ("distribution", "pytorchxla"), f"{what} does not have pytorchxla", f"use PyTorch {oldest}"
    if distribution is not None and distribution.given and not xla and is_at_least(version, *first):
        message = f"from PyTorch {oldest} on, the Training Compiler runs with pytorchxla alone"
        yield ("distribution",), message, "write distribution: {pytorchxla: true}"
