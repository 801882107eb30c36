"""Tuning: search for the best hyperparameters with multiple training jobs."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import OutputPort
from dagcast.compile.config.fields import (
    EMPTY,
    BoolOrReference,
    ConfigModel,
    Fixed,
    IntOrReference,
    Referable,
    ScalarOrReference,
    StrOrReference,
)
from dagcast.compile.config.step import To
from dagcast.compile.steps.hyperparameters import (
    framework_hyperparameters,
    hyperparameter,
    hyperparameters,
    mark_hyperparameters,
)
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.compile.steps.training import (
    InstanceGroup,
    TrainingJobConfig,
    channels,
    instance_group_list,
    metric_list,
    put_channels,
    put_output_path,
)
from dagcast.compile.steps.training_image import put_training_image
from dagcast.definition.references import Join, Reference, StepProperty
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS, DEFAULT_VOLUME_GB
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

JOB = ("TrainingJobDefinition",)
LIMITS = ("HyperParameterTuningJobConfig", "ResourceLimits")

Number = Annotated[int | float | Reference, Referable(int | float)]
"""A number that keeps its type: the service rejects ``2.0`` as a limit of an Integer range."""


class Range(ConfigModel):
    """The values that one hyperparameter may take; a plain list stands for categorical ``values``."""

    type: Annotated[Literal["Continuous", "Integer", "Categorical"], Field(description="Kind of the values")]
    min: Annotated[Number | None, Field(description="Lowest value")] = None
    max: Annotated[Number | None, Field(description="Highest value")] = None
    values: Annotated[
        tuple[ScalarOrReference, ...], Field(strict=False, description="The values of a Categorical range")
    ] = ()
    scaling: Annotated[
        Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"],
        Field(description="Scale on which values are searched"),
    ] = "Auto"

    @model_validator(mode="before")
    @classmethod
    def _list_alone(cls, value: Any) -> Any:
        return {"type": "Categorical", "values": value} if isinstance(value, (list, tuple)) else value

    @model_validator(mode="after")
    def _complete(self) -> "Range":
        categorical = self.type == "Categorical"
        if categorical != bool(self.values) or categorical == (self.min is not None and self.max is not None):
            raise PydanticCustomError("range", "a Categorical range has values, any other has min and max")
        if self.type == "Integer" and (isinstance(self.min, float) or isinstance(self.max, float)):
            raise PydanticCustomError("range", "min and max of an Integer range are whole numbers")
        return self


class Objective(ConfigModel):
    """The metric that tuning improves."""

    name: Annotated[
        StrOrReference,
        Field(description="Name of the metric, one of metric_definitions or of the built-in algorithm"),
    ]
    type: Annotated[
        Literal["Maximize", "Minimize"],
        Field(description="Whether the metric is better when it is higher or lower"),
    ] = "Maximize"


class TuningConfig(TrainingJobConfig):
    """The fields of a Tuning step."""

    type: Literal["Tuning"] = "Tuning"
    strategy: Annotated[
        Literal["Bayesian", "Random", "Hyperband", "Grid"],
        Field(description="How values are searched"),
        To(("HyperParameterTuningJobConfig", "Strategy")),
    ] = "Bayesian"
    objective: Annotated[Objective | None, Field(description="The metric that tuning improves")] = None
    ranges: Annotated[dict[str, Range], Field(description="Values that each tuned hyperparameter may take")]
    max_jobs: Annotated[
        IntOrReference | None,
        Field(description="Most training jobs"),
        To((*LIMITS, "MaxNumberOfTrainingJobs")),
    ] = None
    max_parallel_jobs: Annotated[
        IntOrReference,
        Field(description="Most training jobs at a time"),
        To((*LIMITS, "MaxParallelTrainingJobs")),
    ] = 1
    early_stopping: Annotated[
        Literal["Off", "Auto"],
        Field(description="Whether jobs that do not improve the metric are stopped early"),
        To(("HyperParameterTuningJobConfig", "TrainingJobEarlyStoppingType")),
    ] = "Off"
    random_seed: Annotated[
        IntOrReference | None,
        Field(description="Seed with which a search can be repeated"),
        To(("HyperParameterTuningJobConfig", "RandomSeed")),
    ] = None
    instance_type: Annotated[StrOrReference | None, To((*JOB, "ResourceConfig", "InstanceType"))] = None
    instance_count: Annotated[IntOrReference, To((*JOB, "ResourceConfig", "InstanceCount"))] = 1
    instance_groups: Annotated[
        tuple[InstanceGroup, ...],
        Field(strict=False, description="Groups of instances of several types, in place of instance_type"),
        To((*JOB, "ResourceConfig", "InstanceGroups"), instance_group_list),
    ] = ()
    volume_size_in_gb: Annotated[IntOrReference, To((*JOB, "ResourceConfig", "VolumeSizeInGB"))] = (
        DEFAULT_VOLUME_GB
    )
    volume_kms_key: Annotated[StrOrReference | None, To((*JOB, "ResourceConfig", "VolumeKmsKeyId"))] = None
    output_kms_key: Annotated[StrOrReference | None, To((*JOB, "OutputDataConfig", "KmsKeyId"))] = None
    max_runtime_in_seconds: Annotated[
        IntOrReference, To((*JOB, "StoppingCondition", "MaxRuntimeInSeconds"))
    ] = DEFAULT_RUN_TIME_SECONDS
    max_wait_time_in_seconds: Annotated[
        IntOrReference | None, To((*JOB, "StoppingCondition", "MaxWaitTimeInSeconds"))
    ] = None
    use_spot_instances: Annotated[BoolOrReference | None, To((*JOB, "EnableManagedSpotTraining"))] = None
    checkpoint_s3_uri: Annotated[StrOrReference | None, To((*JOB, "CheckpointConfig", "S3Uri"))] = None
    checkpoint_local_path: Annotated[StrOrReference | None, To((*JOB, "CheckpointConfig", "LocalPath"))] = (
        None
    )
    input_mode: Annotated[
        Literal["File", "Pipe", "FastFile"], To((*JOB, "AlgorithmSpecification", "TrainingInputMode"))
    ] = "File"
    metric_definitions: Annotated[
        dict[str, Fixed], To((*JOB, "AlgorithmSpecification", "MetricDefinitions"), metric_list)
    ] = EMPTY
    enable_network_isolation: Annotated[BoolOrReference | None, To((*JOB, "EnableNetworkIsolation"))] = None
    encrypt_inter_container_traffic: Annotated[
        BoolOrReference | None, To((*JOB, "EnableInterContainerTrafficEncryption"))
    ] = None
    subnets: Annotated[
        tuple[StrOrReference, ...], Field(strict=False), To((*JOB, "VpcConfig", "Subnets"))
    ] = ()
    security_group_ids: Annotated[
        tuple[StrOrReference, ...], Field(strict=False), To((*JOB, "VpcConfig", "SecurityGroupIds"))
    ] = ()
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _outputs(config: TuningConfig, name: str) -> tuple[OutputPort, ...]:
    folder = StepProperty(name, f"{JOB[0]}.OutputDataConfig.S3OutputPath")
    best = StepProperty(name, "BestTrainingJob.TrainingJobName")
    model = Join("/", (folder, best, "output/model.tar.gz"))
    return (OutputPort("model", "model", model, "S3 URI of the best model.tar.gz"),)


def lower(step: "Lowering", config: TuningConfig) -> None:
    """Fill a CreateHyperParameterTuningJob request."""
    step.put_fields()
    if config.objective is not None:
        objective = {"Type": config.objective.type, "MetricName": config.objective.name}
        step.put(
            ("HyperParameterTuningJobConfig", "HyperParameterTuningJobObjective"), objective, "objective"
        )
    step.put(("HyperParameterTuningJobConfig", "ParameterRanges"), _ranges(step, config), "ranges")
    put_training_image(step, config, (*JOB, "AlgorithmSpecification", "TrainingImage"))
    put_role(step, config, (*JOB, "RoleArn"))
    step.put((*JOB, "Environment"), step.as_strings(config.environment), "environment")
    given = hyperparameters(step, config)
    # The service rejects a name that is both fixed and tuned.
    # Source: HyperparameterTuner._prepare_static_hyperparameters of SDK 2.
    for name in [name for name in given if name in config.ranges]:
        message = f"hyperparameter {name!r} is tuned, so its fixed value is left out"
        step.warn(message, "hyperparameters", name, code="tuning.fixed-and-tuned", hint="remove one of them")
    fixed = {name: value for name, value in given.items() if name not in config.ranges}
    static = {**fixed, **framework_hyperparameters(step, config, (*JOB, "StaticHyperParameters"))}
    step.put((*JOB, "StaticHyperParameters"), static or None)
    mark_hyperparameters(step, fixed, (*JOB, "StaticHyperParameters"))
    put_channels(step, config, (*JOB, "InputDataConfig"))
    put_output_path(step, config, (*JOB, "OutputDataConfig", "S3OutputPath"))


def _ranges(step: "Lowering", config: TuningConfig) -> dict[str, Any]:
    """Return the ranges by type. Their limits are strings, which the service requires."""
    ranges: dict[str, Any] = {}
    for name, item in config.ranges.items():
        entry: dict[str, Any] = {"Name": name}
        if item.type == "Categorical":
            entry["Values"] = [hyperparameter(step, config, value) for value in item.values]
        else:
            entry["MinValue"] = hyperparameter(step, config, item.min)
            entry["MaxValue"] = hyperparameter(step, config, item.max)
            entry["ScalingType"] = item.scaling
        ranges.setdefault(f"{item.type}ParameterRanges", []).append(entry)
    return ranges


STEP_TYPE = StepType(
    name="Tuning",
    definition_type="Tuning",
    about="Searches hyperparameters with many training jobs.",
    config=TuningConfig,
    lower=lower,
    inputs=channels,
    outputs=_outputs,
    open_inputs=True,
    shapes=STEP_KINDS["Tuning"].shapes,
    properties=STEP_KINDS["Tuning"].properties,
)
