"""Training: train a model on channels of data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import (
    EMPTY,
    Body,
    BoolOrReference,
    CoercedStrOrReference,
    ConfigModel,
    Fixed,
    IntOrReference,
    Referable,
    StrOrReference,
)
from dagcast.compile.config.step import Cached, InputConfig, Retried, To, WithOutputs
from dagcast.compile.steps.distribution import Distribution
from dagcast.compile.steps.hyperparameters import (
    framework_hyperparameters,
    hyperparameters,
    mark_hyperparameters,
)
from dagcast.compile.steps.job import (
    RENAMED,
    JobConfig,
    ScriptConfig,
    container_arguments,
    put_role,
)
from dagcast.compile.steps.step_type import EXPERIMENT_CONFIG, StepType, tag_list
from dagcast.compile.steps.training_compiler import CompilerConfig
from dagcast.compile.steps.training_image import put_training_image
from dagcast.definition.references import Join, Reference, StepProperty
from dagcast.paths import FieldPath
from dagcast.sagemaker.framework_versions import framework_class, is_at_least
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS, DEFAULT_VOLUME_GB
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class Channel(InputConfig):
    """One input channel; the container finds it at ``/opt/ml/input/data/<name>``."""

    kind: Annotated[
        str, Field(description="What flows in, such as dataset, model or report; unset, every S3 URI fits")
    ] = "dataset"
    content_type: StrOrReference | None = None
    data_type: Literal["S3Prefix", "ManifestFile", "AugmentedManifestFile"] = "S3Prefix"
    distribution: Literal["FullyReplicated", "ShardedByS3Key"] = "FullyReplicated"
    input_mode: Literal["File", "Pipe", "FastFile"] | None = None
    compression: Annotated[
        Literal["None", "Gzip"] | None, Field(description="Compression of the objects, for Pipe mode")
    ] = None
    record_wrapping: Annotated[
        Literal["None", "RecordIO"] | None, Field(description="How each object is wrapped, for Pipe mode")
    ] = None
    attribute_names: Annotated[
        tuple[Fixed, ...],
        Field(strict=False, description="Attributes of an augmented manifest to read, in order"),
    ] = ()
    instance_groups: Annotated[
        tuple[Fixed, ...],
        Field(
            strict=False, description="Names of the instance_groups that receive the channel; by default all"
        ),
    ] = ()


class InstanceGroup(ConfigModel):
    """Instances of one type in a job that runs on instances of several types."""

    name: Annotated[Fixed, Field(description="Name of the group")]
    instance_type: Annotated[StrOrReference, Field(description="Type of its instances")]
    instance_count: Annotated[IntOrReference, Field(description="Number of its instances")] = 1


def instance_group_list(groups: tuple[InstanceGroup, ...]) -> list[dict[str, Any]]:
    """Convert groups to the form of the request."""
    return [
        {
            "InstanceGroupName": group.name,
            "InstanceType": group.instance_type,
            "InstanceCount": group.instance_count,
        }
        for group in groups
    ]


ModelDir = Annotated[str | Literal[False] | Reference | None, Referable(str | Literal[False] | None)]


def metric_list(metrics: dict[str, str]) -> list[dict[str, str]]:
    """Convert ``{name: regex}`` to the service's metric definitions."""
    return [{"Name": name, "Regex": regex} for name, regex in metrics.items()]


class TrainingJobConfig(JobConfig, ScriptConfig, WithOutputs, Cached, Retried):
    """What Training and Tuning share."""

    inputs: dict[str, Channel] = EMPTY
    hyperparameters: dict[str, Body] = EMPTY
    instance_count: IntOrReference = 1
    instance_groups: Annotated[
        tuple[InstanceGroup, ...],
        Field(strict=False, description="Groups of instances of several types, in place of instance_type"),
    ] = ()
    volume_size_in_gb: IntOrReference = DEFAULT_VOLUME_GB
    volume_kms_key: StrOrReference | None = None
    output_path: Annotated[
        StrOrReference | None, Field(description="S3 URI below which the job writes its model")
    ] = None
    output_kms_key: StrOrReference | None = None
    max_runtime_in_seconds: IntOrReference = DEFAULT_RUN_TIME_SECONDS
    max_wait_time_in_seconds: IntOrReference | None = None
    use_spot_instances: BoolOrReference | None = None
    checkpoint_s3_uri: StrOrReference | None = None
    checkpoint_local_path: StrOrReference | None = None
    input_mode: Literal["File", "Pipe", "FastFile"] = "File"
    metric_definitions: Annotated[
        dict[str, Fixed], Field(description="Name and regex of metrics in the log")
    ] = EMPTY
    enable_network_isolation: BoolOrReference | None = None
    encrypt_inter_container_traffic: BoolOrReference | None = None
    subnets: Annotated[tuple[StrOrReference, ...], Field(strict=False)] = ()
    security_group_ids: Annotated[tuple[StrOrReference, ...], Field(strict=False)] = ()
    distribution: Annotated[
        Distribution | None, Field(description="How entry_point runs on several hosts or processes")
    ] = None
    model_dir: Annotated[
        ModelDir,
        Field(
            description="S3 URI or path that a TensorFlow script gets as --model_dir; false passes none; "
            "by default /opt/ml/model with mpi, else none"
        ),
    ] = None
    compiler_config: Annotated[
        CompilerConfig | None,
        Field(
            description="SageMaker Training Compiler for the script, in images of PyTorch, TensorFlow or Hugging Face"
        ),
    ] = None


class TrainingConfig(TrainingJobConfig):
    """The fields of a Training step."""

    renamed: ClassVar[Mapping[str, str]] = RENAMED

    type: Literal["Training"] = "Training"
    instance_type: Annotated[StrOrReference | None, To(("ResourceConfig", "InstanceType"))] = None
    instance_count: Annotated[IntOrReference, To(("ResourceConfig", "InstanceCount"))] = 1
    instance_groups: Annotated[
        tuple[InstanceGroup, ...],
        Field(strict=False, description="Groups of instances of several types, in place of instance_type"),
        To(("ResourceConfig", "InstanceGroups"), instance_group_list),
    ] = ()
    volume_size_in_gb: Annotated[IntOrReference, To(("ResourceConfig", "VolumeSizeInGB"))] = DEFAULT_VOLUME_GB
    volume_kms_key: Annotated[StrOrReference | None, To(("ResourceConfig", "VolumeKmsKeyId"))] = None
    keep_alive_period_in_seconds: Annotated[
        IntOrReference | None,
        Field(description="Seconds that instances are kept warm after the job"),
        To(("ResourceConfig", "KeepAlivePeriodInSeconds")),
    ] = None
    output_kms_key: Annotated[StrOrReference | None, To(("OutputDataConfig", "KmsKeyId"))] = None
    max_runtime_in_seconds: Annotated[IntOrReference, To(("StoppingCondition", "MaxRuntimeInSeconds"))] = (
        DEFAULT_RUN_TIME_SECONDS
    )
    max_wait_time_in_seconds: Annotated[
        IntOrReference | None, To(("StoppingCondition", "MaxWaitTimeInSeconds"))
    ] = None
    use_spot_instances: Annotated[BoolOrReference | None, To("EnableManagedSpotTraining")] = None
    checkpoint_s3_uri: Annotated[StrOrReference | None, To(("CheckpointConfig", "S3Uri"))] = None
    checkpoint_local_path: Annotated[StrOrReference | None, To(("CheckpointConfig", "LocalPath"))] = None
    input_mode: Annotated[
        Literal["File", "Pipe", "FastFile"], To(("AlgorithmSpecification", "TrainingInputMode"))
    ] = "File"
    metric_definitions: Annotated[
        dict[str, Fixed], To(("AlgorithmSpecification", "MetricDefinitions"), metric_list)
    ] = EMPTY
    enable_sagemaker_metrics: Annotated[
        BoolOrReference | None,
        Field(
            description="Whether metrics are kept as time series; by default true for scripts in images of Hugging "
            "Face, PyTorch from 1.3, TensorFlow from 1.15 and MXNet from 1.6"
        ),
        To(("AlgorithmSpecification", "EnableSageMakerMetricsTimeSeries")),
    ] = None
    container_entrypoint: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False, description="Program that the container starts, with its first arguments"),
        To(("AlgorithmSpecification", "ContainerEntrypoint"), list),
    ] = ()
    arguments: Annotated[tuple[CoercedStrOrReference, ...], Field(strict=False)] = ()
    enable_network_isolation: Annotated[BoolOrReference | None, To("EnableNetworkIsolation")] = None
    encrypt_inter_container_traffic: Annotated[
        BoolOrReference | None, To("EnableInterContainerTrafficEncryption")
    ] = None
    subnets: Annotated[tuple[StrOrReference, ...], Field(strict=False), To(("VpcConfig", "Subnets"))] = ()
    security_group_ids: Annotated[
        tuple[StrOrReference, ...], Field(strict=False), To(("VpcConfig", "SecurityGroupIds"))
    ] = ()
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def channels(config: TrainingJobConfig) -> tuple[InputPort, ...]:
    """Return an input port for each declared channel."""
    return tuple(
        InputPort(
            name,
            item.kind,
            item.source,
            about="a channel of the job",
            takes_any_kind="kind" not in item.model_fields_set,
        )
        for name, item in config.inputs.items()
    )


def _outputs(config: TrainingConfig, name: str) -> tuple[OutputPort, ...]:
    model = StepProperty(name, "ModelArtifacts.S3ModelArtifacts")
    return (
        OutputPort("model", "model", model, "S3 URI of model.tar.gz"),
        OutputPort(
            "output",
            "archive",
            _output_archive(config, name),
            "S3 URI of output.tar.gz, what the script left in /opt/ml/output/data; it binds only by name",
            named_only=True,
        ),
    )


def _output_archive(config: TrainingConfig, name: str) -> Join:
    """Return the S3 URI of the job's output other than the model.

    An uncompressed output is a folder (API reference, ``OutputDataConfig``, ``CompressionType``). Source: SageMaker
    Developer Guide, "How Amazon SageMaker Processes Training Output".
    """
    output = config.request.get("OutputDataConfig")
    compression = output.get("CompressionType") if isinstance(output, Mapping) else None
    folder = StepProperty(name, "OutputDataConfig.S3OutputPath")
    job = StepProperty(name, "TrainingJobName")
    file = "output/output/" if compression == "NONE" else "output/output.tar.gz"
    return Join("/", (folder, job, file))


def lower(step: "Lowering", config: TrainingConfig) -> None:
    """Fill a CreateTrainingJob request."""
    step.put_fields()
    put_training_image(step, config, ("AlgorithmSpecification", "TrainingImage"))
    if config.enable_sagemaker_metrics is None and _keeps_metrics(config):
        step.put(
            ("AlgorithmSpecification", "EnableSageMakerMetricsTimeSeries"), True, "enable_sagemaker_metrics"
        )
    arguments = container_arguments(step, config.arguments)
    step.put(("AlgorithmSpecification", "ContainerArguments"), arguments, "arguments")
    put_role(step, config)
    step.put("Environment", step.as_strings(config.environment), "environment")
    added = framework_hyperparameters(step, config, ("HyperParameters",))
    step.put("HyperParameters", {**hyperparameters(step, config), **added} or None)
    mark_hyperparameters(step, config.hyperparameters, ("HyperParameters",))
    put_channels(step, config, ("InputDataConfig",))
    put_output_path(step, config, ("OutputDataConfig", "S3OutputPath"))


_METRICS_SINCE: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"huggingface": (), "mxnet": (1, 6), "pytorch": (1, 3), "tensorflow": (1, 15)}
)
"""The first version of each framework whose class turns metric time series on. Source: ``enable_sagemaker_metrics``
in the estimator classes of SDK 2."""


def _keeps_metrics(config: TrainingConfig) -> bool:
    """Whether the SDK's class for the script's framework turns metric time series on by itself."""
    since = _METRICS_SINCE.get(framework_class(config.framework) or "")
    if since is None or config.entry_point is None:
        return False
    return not since or is_at_least(config.framework_version, *since)


def put_channels(step: "Lowering", config: TrainingJobConfig, target: FieldPath) -> None:
    """Set the input channels."""
    entries = []
    for index, (name, source) in enumerate(step.sources.items()):
        item = config.inputs.get(name, Channel())
        s3: dict[str, Any] = {
            "S3DataType": item.data_type,
            "S3Uri": source,
            "S3DataDistributionType": item.distribution,
        }
        if item.attribute_names:
            s3["AttributeNames"] = list(item.attribute_names)
        if item.instance_groups:
            s3["InstanceGroupNames"] = list(item.instance_groups)
        entry: dict[str, Any] = {"ChannelName": name, "DataSource": {"S3DataSource": s3}}
        extras = {
            "ContentType": item.content_type,
            "CompressionType": item.compression,
            "InputMode": item.input_mode,
            "RecordWrapperType": item.record_wrapping,
        }
        entries.append({**entry, **{key: value for key, value in extras.items() if value is not None}})
        place = ("Arguments", *target, index)
        step.origins[place] = step.source_origin(name)
    step.put(target, entries or None)


def put_output_path(step: "Lowering", config: TrainingJobConfig, target: FieldPath) -> None:
    """Set the output path of the job. The path can be constant, because the service adds a folder for each job."""
    if config.output_path is not None:
        step.put(target, config.output_path, "output_path")
    else:
        step.put(target, step.default_uri(per_execution=False))


STEP_TYPE = StepType(
    name="Training",
    definition_type="Training",
    about="Trains a model on channels of data.",
    config=TrainingConfig,
    lower=lower,
    inputs=channels,
    outputs=_outputs,
    open_inputs=True,
    shapes=STEP_KINDS["Training"].shapes,
    properties=STEP_KINDS["Training"].properties,
    forbidden={"ExperimentConfig": EXPERIMENT_CONFIG},
)
