"""Distributed training: the hyperparameters by which the toolkits in framework images start a script on every host.

Source of names and conditions: ``_distribution_configuration`` of ``Framework``, ``PyTorch`` and ``HuggingFace``, and
``fw_utils``, in SageMaker Python SDK 2.257.
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.config.fields import (
    EMPTY,
    ConfigModel,
    Fixed,
    FreeMapping,
    IntOrReference,
    StrOrReference,
)
from dagcast.definition.references import Reference, references
from dagcast.paths import FieldPath
from dagcast.sagemaker.framework_versions import framework_class, is_at_least
from dagcast.sagemaker.instances import has_gpu

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering
    from dagcast.compile.steps.training import TrainingJobConfig


class Strategy(ConfigModel):
    """One way to start a script; ``true`` or ``false`` stands for ``enabled``."""

    enabled: Annotated[bool, Field(description="Whether the strategy is used")]

    @model_validator(mode="before")
    @classmethod
    def _enabled_alone(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class MPI(Strategy):
    """The script runs under ``mpirun``."""

    processes_per_host: Annotated[
        IntOrReference | None, Field(description="Processes on each host; by default one")
    ] = None
    custom_mpi_options: Annotated[
        StrOrReference, Field(description="Further options of mpirun, as one string")
    ] = ""


class DataParallel(Strategy):
    """SageMaker's library for data parallelism."""

    custom_mpi_options: Annotated[
        StrOrReference, Field(description="Further options of mpirun, as one string")
    ] = ""


_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pipeline": ("simple", "interleaved", "_only_forward"),
        "placement_strategy": ("spread", "cluster"),
        "optimize": ("speed", "memory"),
    }
)
_POSITIVE = ("microbatches", "partitions", "active_microbatches")
_FLAGS = ("auto_partition", "contiguous", "load_partition", "horovod", "ddp", "deterministic_server")


class ModelParallel(Strategy):
    """SageMaker's library for model parallelism."""

    parameters: Annotated[
        FreeMapping,
        Field(description="Parameters of the library, such as {partitions: 2}; they take no references"),
    ] = EMPTY

    @model_validator(mode="after")
    def _valid_parameters(self) -> "ModelParallel":
        problem = next(_parameter_problems(self.parameters), None)
        if problem is not None:
            name, message = problem
            raise PydanticCustomError(
                "distribution", "{message}", {"message": message, "path": ("parameters", name)}
            )
        return self


def _parameter_problems(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each wrong parameter of model parallelism. Source: ``validate_mp_config`` of SDK 2."""
    for name, value in given.items():
        found = next(references(value), None)
        if found is not None:
            message = "it is written out when the pipeline is compiled, so {reference} would not be filled in"
            yield name, message.format(reference=found)
        elif name in _CHOICES and value not in _CHOICES[name]:
            yield name, f"expected one of {', '.join(_CHOICES[name])}, got {value!r}"
        elif name in _POSITIVE and (not _is_integer(value) or value < 1):
            yield name, f"expected a positive integer, got {value!r}"
        elif name in _FLAGS and not isinstance(value, bool):
            yield name, f"expected true or false, got {value!r}"
    weight, port = given.get("memory_weight"), given.get("ddp_port")
    if weight is not None and not (isinstance(weight, (int, float)) and 0 <= weight <= 1):
        yield "memory_weight", f"expected a number from 0 to 1, got {weight!r}"
    if port is not None and (not _is_integer(port) or port < 0):
        yield "ddp_port", f"expected a port, got {port!r}"
    if given.get("auto_partition") is False and "default_partition" not in given:
        yield "auto_partition", "without auto_partition the library needs a default_partition"
    default, partitions = given.get("default_partition"), given.get("partitions")
    if isinstance(default, int) and isinstance(partitions, int) and default >= partitions:
        yield "default_partition", f"expected less than the number of partitions, {partitions}, got {default}"
    for name in ("ddp_port", "ddp_dist_backend"):
        if name in given and "ddp" not in given:
            yield name, "it needs ddp"
    if given.get("ddp") is True and given.get("horovod") is True:
        yield "horovod", "ddp and horovod exclude each other"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class SMDistributed(ConfigModel):
    """One of SageMaker's libraries for distributed training."""

    dataparallel: Annotated[
        DataParallel | None, Field(description="Data parallelism; excludes modelparallel")
    ] = None
    modelparallel: Annotated[
        ModelParallel | None, Field(description="Model parallelism; excludes dataparallel")
    ] = None

    @model_validator(mode="after")
    def _one_library(self) -> "SMDistributed":
        if (self.dataparallel is None) == (self.modelparallel is None):
            raise PydanticCustomError(
                "distribution", "smdistributed takes one of dataparallel and modelparallel"
            )
        return self


class Distribution(ConfigModel):
    """How a training script runs on several hosts or processes."""

    torch_distributed: Annotated[
        Strategy | None, Field(description="torchrun, on GPUs or Trainium (PyTorch, Hugging Face)")
    ] = None
    pytorchddp: Annotated[
        DataParallel | None,
        Field(description="PyTorch DDP: SageMaker's data parallelism for PyTorch, mpirun for Hugging Face"),
    ] = None
    smdistributed: Annotated[
        SMDistributed | None, Field(description="SageMaker's libraries for data or model parallelism")
    ] = None
    mpi: Annotated[MPI | None, Field(description="mpirun, as Horovod uses it")] = None
    parameter_server: Annotated[
        Strategy | None, Field(description="Parameter servers (TensorFlow, MXNet)")
    ] = None
    multi_worker_mirrored_strategy: Annotated[
        Strategy | None, Field(description="TensorFlow's strategy of this name, from version 2.9")
    ] = None
    pytorchxla: Annotated[
        Strategy | None,
        Field(description="PyTorch/XLA on several GPUs, with compiler_config (PyTorch, Hugging Face)"),
    ] = None
    instance_groups: Annotated[
        tuple[Fixed, ...],
        Field(
            strict=False,
            description="Name of the instance group on which the script is started; by default that of the only group",
        ),
    ] = ()

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the strategies that the config gives, enabled or not."""
        return tuple(name for name in STRATEGY_NAMES if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _fit_together(self) -> "Distribution":
        for name, others in _EXCLUDES.items():
            clash = next((other for other in others if getattr(self, other) is not None), None)
            if getattr(self, name) is not None and clash is not None:
                message = f"{name} and {clash} exclude each other"
                raise PydanticCustomError("distribution", "{message}", {"message": message, "path": (name,)})
        return self


_EXCLUDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pytorchddp": ("smdistributed",),
        "multi_worker_mirrored_strategy": ("smdistributed", "parameter_server"),
    }
)
"""Source: ``PyTorch.__init__`` and ``Framework._validate_mwms_config`` of SDK 2."""

STRATEGY_NAMES = tuple(name for name in Distribution.model_fields if name != "instance_groups")

_TORCH = ("torch_distributed", "pytorchddp", "smdistributed", "mpi", "parameter_server", "pytorchxla")
STRATEGIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pytorch": _TORCH,
        "huggingface": _TORCH,
        "tensorflow": ("smdistributed", "mpi", "parameter_server", "multi_worker_mirrored_strategy"),
        "mxnet": ("mpi", "parameter_server"),
    }
)
"""The strategies by framework. The other frameworks have no distribution. Source: the estimator classes of SDK 2."""


def distribution_hyperparameters(step: "Lowering", config: "TrainingJobConfig") -> dict[str, Any]:
    """Return the hyperparameters of a job's ``distribution``, encoded as JSON; none after reporting an error."""
    distribution = config.distribution
    if distribution is None or _report_mistakes(step, config, distribution):
        return {}
    # An image of the user's own is treated like those of PyTorch, the class that SDK 2 has for it.
    torch = framework_class(config.framework) in ("pytorch", "huggingface", None)
    found = dict(_parameters(config, distribution, torch=torch))
    return {
        name: step.as_string(value) if isinstance(value, Reference) else json.dumps(value)
        for name, value in found.items()
    }


def _parameters(
    config: "TrainingJobConfig", distribution: Distribution, *, torch: bool
) -> Iterator[tuple[str, Any]]:
    hugging_face = framework_class(config.framework) == "huggingface"
    torch_distributed = torch and _is_on(distribution.torch_distributed)
    ddp, smdistributed = distribution.pytorchddp, distribution.smdistributed
    if hugging_face:
        # Source: HuggingFace._huggingface_distribution_configuration, which asks for pytorchddp first.
        start = (
            "pytorch_ddp"
            if _is_on(ddp)
            else "torch_distributed"
            if torch_distributed and ddp is None
            else None
        )
        if start is not None:
            yield f"sagemaker_{start}_enabled", True
            yield from _instance_type(config)
            return
    elif ddp is not None:
        smdistributed = SMDistributed(dataparallel=ddp)
    if torch_distributed and not hugging_face:
        if smdistributed is not None:
            yield from _shared_parameters(config, distribution, smdistributed)
        yield "sagemaker_torch_distributed_enabled", True
        yield from _instance_type(config)
        return
    yield from _shared_parameters(config, distribution, smdistributed)


def _instance_type(config: "TrainingJobConfig") -> Iterator[tuple[str, Any]]:
    if config.instance_type is not None:
        yield "sagemaker_instance_type", config.instance_type


def _is_on(strategy: Strategy | None) -> bool:
    return strategy is not None and strategy.enabled


def _shared_parameters(
    config: "TrainingJobConfig", distribution: Distribution, smdistributed: SMDistributed | None
) -> Iterator[tuple[str, Any]]:
    """Yield what ``Framework._distribution_configuration`` of SDK 2 writes."""
    if config.instance_groups:
        yield "sagemaker_distribution_instance_groups", _group_names(config, distribution)
    if distribution.pytorchxla is not None:
        yield "sagemaker_pytorch_xla_multi_worker_enabled", distribution.pytorchxla.enabled
    if distribution.parameter_server is not None:
        yield "sagemaker_parameter_server_enabled", distribution.parameter_server.enabled
    mpi = distribution.mpi
    if mpi is not None:
        yield "sagemaker_mpi_enabled", mpi.enabled
        if mpi.processes_per_host is not None:
            yield "sagemaker_mpi_num_of_processes_per_host", mpi.processes_per_host
        # Only MXNet writes the options next to a number of processes only.
        if mpi.processes_per_host is not None or framework_class(config.framework) != "mxnet":
            yield "sagemaker_mpi_custom_mpi_options", mpi.custom_mpi_options
    if smdistributed is not None:
        model, data = smdistributed.modelparallel, smdistributed.dataparallel
        if model is not None and model.enabled and model.parameters:
            yield "mp_parameters", dict(model.parameters)
        yield "sagemaker_distributed_dataparallel_enabled", _is_on(data)
        yield "sagemaker_instance_type", config.instance_type  # null with instance groups, as in the SDK
        if data is not None and data.enabled:
            yield "sagemaker_distributed_dataparallel_custom_mpi_options", data.custom_mpi_options
    if distribution.multi_worker_mirrored_strategy is not None:
        enabled = distribution.multi_worker_mirrored_strategy.enabled
        yield "sagemaker_multi_worker_mirrored_strategy_enabled", enabled


def _group_names(config: "TrainingJobConfig", distribution: Distribution) -> list[str]:
    """Return the names of the instance groups on which the script is started. Source: ``validate_distribution``."""
    if distribution.instance_groups or len(config.instance_groups) != 1:
        return list(distribution.instance_groups)
    return [config.instance_groups[0].name]


def _report_mistakes(step: "Lowering", config: "TrainingJobConfig", distribution: Distribution) -> bool:
    """Report what the framework, the script or the instances cannot run; return whether there is such a mistake."""
    if config.entry_point is None:
        step.error(
            "distribution starts the script entry_point",
            "distribution",
            code="code.missing-entry-point",
            hint="name the script to run",
        )
        return True
    found = False
    for path, message, hint in _mistakes(config, distribution):
        step.error(message, "distribution", *path, code="training.distribution", hint=hint)
        found = True
    return found


def _mistakes(
    config: "TrainingJobConfig", distribution: Distribution
) -> Iterator[tuple[FieldPath, str, str | None]]:
    framework = framework_class(config.framework)
    known = STRATEGIES.get(framework) if framework is not None else STRATEGY_NAMES
    if known is None:
        yield (), f"images of {config.framework} start no distributed training", "leave it out"
        return
    for name in distribution.given:
        if name not in known:
            yield (name,), f"images of {config.framework} do not have {name}", f"one of {', '.join(known)}"
    mirrored, version = "multi_worker_mirrored_strategy", config.framework_version
    is_old = framework == "tensorflow" and version is not None and not is_at_least(version, 2, 9)
    if is_old and _is_on(distribution.multi_worker_mirrored_strategy):
        message = f"TensorFlow {version} does not have {mirrored}"
        yield (mirrored,), message, "use TensorFlow 2.9 or a newer one"
    if config.instance_groups or distribution.instance_groups:
        yield from _group_mistakes(config, distribution)
    elif isinstance(config.instance_type, str):
        yield from _machine_mistakes(config, distribution, config.instance_type)
    if _is_on(distribution.torch_distributed) and not str(config.entry_point).endswith(".py"):
        message = f"torch_distributed starts Python scripts, and {config.entry_point!r} does not end in .py"
        yield ("torch_distributed",), message, None


def _group_mistakes(
    config: "TrainingJobConfig", distribution: Distribution
) -> Iterator[tuple[FieldPath, str, str | None]]:
    """Yield what does not fit the instance groups. Source: ``validate_distribution`` of SDK 2."""
    types = {group.name: group.instance_type for group in config.instance_groups}
    names = _group_names(config, distribution)
    for index, name in enumerate(names):
        machine = types.get(name)
        if name not in types:
            hint = f"one of {', '.join(types)}" if types else "declare instance_groups in the step"
            yield ("instance_groups", index), f"the step has no instance group {name!r}", hint
        elif isinstance(machine, str):
            yield from _machine_mistakes(config, distribution, machine)
    if len(types) > 1 and len(names) != 1:
        message = f"the script is started on one of the instance groups {', '.join(types)}"
        yield ("instance_groups",), message, f"write instance_groups: [{next(iter(types))}] in distribution"
    library = distribution.smdistributed.dataparallel if distribution.smdistributed is not None else None
    starts = (distribution.mpi, library, distribution.torch_distributed, distribution.pytorchddp)
    if types and not any(strategy is not None and strategy.enabled for strategy in starts):
        message = "instance groups need mpi, smdistributed.dataparallel, torch_distributed or pytorchddp"
        yield (), message, "turn one of them on, or leave distribution out"


def _machine_mistakes(
    config: "TrainingJobConfig", distribution: Distribution, machine: str
) -> Iterator[tuple[FieldPath, str, str | None]]:
    """Yield what instances cannot run. Source: ``validate_distribution_for_instance_type`` and its kin in SDK 2."""
    trainium = machine.startswith("ml.trn")
    torch = _is_on(distribution.torch_distributed)
    if trainium:
        for name in distribution.given:
            if name != "torch_distributed":
                message = f"{machine} has Trainium, for which there is torch_distributed only, not {name}"
                yield (name,), message, None
    elif torch and config.image_uri is None and has_gpu(machine) is False:
        message = f"torch_distributed needs GPUs or Trainium, and {machine} has neither"
        yield ("torch_distributed",), message, "choose another instance_type"
    both = distribution.smdistributed is not None or (
        distribution.pytorchddp is not None and framework_class(config.framework) != "huggingface"
    )
    if both and not torch and machine == "ml.p5.48xlarge":
        name = "smdistributed" if distribution.smdistributed is not None else "pytorchddp"
        message = f"{name} runs on {machine} only together with torch_distributed"
        yield (name,), message, "add torch_distributed: true"
