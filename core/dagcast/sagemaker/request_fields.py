"""Fields of requests for keys, networks, instances, images, run times and tags, by kind of request.

Every field is a member of the request in the SageMaker API reference (for EMR, of ``RunJobFlow`` in EMR's).
"""

from __future__ import annotations

from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any, Final

from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.path_patterns import EACH, FieldPattern


@dataclass(frozen=True, kw_only=True)
class RequestField:
    """A field of a request.

    Attributes:
        within: The mapping that the field requires; the empty pattern is the whole request.
        path: The field below that; the mappings on the way contain nothing else.
        can_be_added: Whether the service accepts the field in every request that has :attr:`within`. If not, it
            depends on another choice of the user.
        maximum: The largest number that the service accepts, or ``None``.
        instance_types: Below :attr:`within`: the types of the instances that the field applies to.
        with_local_storage: Whether the service accepts the field if one of these instances has local storage
            (:func:`dagcast.plugin.has_local_storage`).
    """

    within: FieldPattern = ()
    path: FieldPattern
    can_be_added: bool = True
    maximum: int | None = None
    instance_types: tuple[FieldPattern, ...] = ()
    with_local_storage: bool = True

    def below(self, *prefix: str) -> RequestField:
        """Return the same field in a request that is a part of another one, at the path ``prefix``."""
        return replace(self, within=(*prefix, *self.within))


Fields = tuple[RequestField, ...]


@dataclass(frozen=True, kw_only=True)
class RequestFields:
    """The fields of one kind of request, by purpose.

    Attributes:
        volume_keys: KMS keys of storage volumes.
        output_keys: KMS keys of a job's results.
        other_keys: KMS keys of all other data: query results, captured data, results of asynchronous inference, core
            dumps, model packages.
        subnets: Lists of subnets; each is in a ``VpcConfig``, except EMR's.
        security_groups: Lists of security groups, in the same ``VpcConfig``.
        traffic_encryption: Whether traffic between containers is encrypted.
        network_isolation: Whether containers run without network.
        run_times: The most seconds that a job runs.
        instance_types: Types of instances, or lists of them.
        images: Container images.
        tags: The list of tags.
        untagged_with: A member of the request; if it is set, the service accepts no tags.
    """

    volume_keys: Fields = ()
    output_keys: Fields = ()
    other_keys: Fields = ()
    subnets: Fields = ()
    security_groups: Fields = ()
    traffic_encryption: Fields = ()
    network_isolation: Fields = ()
    run_times: Fields = ()
    instance_types: Fields = ()
    images: Fields = ()
    tags: Fields = ()
    untagged_with: str | None = None

    def below(self, *prefix: str) -> RequestFields:
        """Return the same fields without tags, which a request has once, in a request that is a part of another one."""
        moved: dict[str, Any] = {
            item.name: tuple(field.below(*prefix) for field in getattr(self, item.name))
            for item in fields(self)
            if item.name not in ("tags", "untagged_with")
        }
        return RequestFields(**moved)

    def __add__(self, other: RequestFields) -> RequestFields:
        names = [item.name for item in fields(self) if item.name != "untagged_with"]
        joined = {name: getattr(self, name) + getattr(other, name) for name in names}
        return RequestFields(**joined, untagged_with=self.untagged_with or other.untagged_with)


def _field(*path: str, within: FieldPattern = (), **more: Any) -> RequestField:
    return RequestField(within=within, path=path, **more)


def _volume_key(*within: str, instance_types: tuple[FieldPattern, ...]) -> RequestField:
    """Return the key of a job's volume, which the service rejects for instances with local storage."""
    # Source: VolumeKmsKeyId of each of these shapes; see dagcast.sagemaker.instances.
    return _field("VolumeKmsKeyId", within=within, instance_types=instance_types, with_local_storage=False)


_TAGS = (_field("Tags"),)
_INSTANCE = ("InstanceType",)
_PREFERENCES = ("InstancePreferences", EACH, "InstanceType")

_VPC = RequestFields(
    subnets=(_field("VpcConfig", "Subnets"),),
    security_groups=(_field("VpcConfig", "SecurityGroupIds"),),
)

_CLUSTER = ("ProcessingResources", "ClusterConfig")
_DATASET = ("ProcessingInputs", EACH, "DatasetDefinition")

_PROCESSING = RequestFields(
    volume_keys=(_volume_key(*_CLUSTER, instance_types=(_INSTANCE, _PREFERENCES)),),
    output_keys=(_field("KmsKeyId", within=("ProcessingOutputConfig",)),),
    other_keys=(
        _field("KmsKeyId", within=(*_DATASET, "AthenaDatasetDefinition")),
        _field("KmsKeyId", within=(*_DATASET, "RedshiftDatasetDefinition")),
    ),
    subnets=(_field("NetworkConfig", "VpcConfig", "Subnets"),),
    security_groups=(_field("NetworkConfig", "VpcConfig", "SecurityGroupIds"),),
    traffic_encryption=(_field("NetworkConfig", "EnableInterContainerTrafficEncryption"),),
    network_isolation=(_field("NetworkConfig", "EnableNetworkIsolation"),),
    # Source of the maximum: ProcessingStoppingCondition, MaxRuntimeInSeconds (9 days).
    run_times=(_field("StoppingCondition", "MaxRuntimeInSeconds", maximum=777_600),),
    instance_types=(
        _field("InstanceType", within=_CLUSTER),
        _field("InstanceType", within=(*_CLUSTER, "InstancePreferences", EACH)),
    ),
    images=(_field("AppSpecification", "ImageUri"),),
    tags=_TAGS,
)

_TRAINING_JOB = _VPC + RequestFields(
    volume_keys=(
        _volume_key(
            "ResourceConfig",
            instance_types=(_INSTANCE, ("InstanceGroups", EACH, "InstanceType"), _PREFERENCES),
        ),
    ),
    output_keys=(_field("KmsKeyId", within=("OutputDataConfig",)),),
    traffic_encryption=(_field("EnableInterContainerTrafficEncryption"),),
    network_isolation=(_field("EnableNetworkIsolation"),),
    run_times=(_field("StoppingCondition", "MaxRuntimeInSeconds"),),
    instance_types=(
        _field("InstanceType", within=("ResourceConfig",)),
        _field("InstanceType", within=("ResourceConfig", "InstanceGroups", EACH)),
        _field("InstanceType", within=("ResourceConfig", "InstancePreferences", EACH)),
    ),
    images=(_field("TrainingImage", within=("AlgorithmSpecification",)),),
)

_TRAINING = _TRAINING_JOB + RequestFields(
    instance_types=(
        _field("InstanceType", within=("DebugRuleConfigurations", EACH)),
        _field("InstanceType", within=("ProfilerRuleConfigurations", EACH)),
    ),
    images=(
        _field("RuleEvaluatorImage", within=("DebugRuleConfigurations", EACH)),
        _field("RuleEvaluatorImage", within=("ProfilerRuleConfigurations", EACH)),
    ),
    tags=_TAGS,
)

_TUNED = "HyperParameterTuningResourceConfig"

_TUNED_JOB = _TRAINING_JOB + RequestFields(
    volume_keys=(_volume_key(_TUNED, instance_types=(_INSTANCE, ("InstanceConfigs", EACH, "InstanceType"))),),
    instance_types=(
        _field("InstanceType", within=(_TUNED,)),
        _field("InstanceType", within=(_TUNED, "InstanceConfigs", EACH)),
    ),
)

_TUNING = (
    _TUNED_JOB.below("TrainingJobDefinition")
    + _TUNED_JOB.below("TrainingJobDefinitions", EACH)
    + RequestFields(tags=_TAGS)
)

_TRANSFORM_JOB = RequestFields(
    volume_keys=(_volume_key("TransformResources", instance_types=(_INSTANCE,)),),
    output_keys=(_field("KmsKeyId", within=("TransformOutput",)),),
    instance_types=(_field("InstanceType", within=("TransformResources",)),),
)

_TRANSFORM = _TRANSFORM_JOB + RequestFields(
    other_keys=(_field("KmsKeyId", within=("DataCaptureConfig",)),), tags=_TAGS
)

_MODEL = _VPC + RequestFields(
    network_isolation=(_field("EnableNetworkIsolation"),),
    images=(
        _field("Image", within=("PrimaryContainer",)),
        _field("Image", within=("Containers", EACH)),
    ),
    tags=_TAGS,
)

_SPECIFICATIONS: Final[tuple[FieldPattern, ...]] = (
    ("InferenceSpecification",),
    ("AdditionalInferenceSpecifications", EACH),
)

_MODEL_PACKAGE = RequestFields(
    other_keys=(_field("SecurityConfig", "KmsKeyId"),),
    instance_types=tuple(
        _field(member, within=specification)
        for specification in _SPECIFICATIONS
        for member in ("SupportedRealtimeInferenceInstanceTypes", "SupportedTransformInstanceTypes")
    ),
    images=tuple(_field("Image", within=(*each, "Containers", EACH)) for each in _SPECIFICATIONS),
    tags=_TAGS,
    # A package in a group has the tags of the group. Source: Tags of CreateModelPackage.
    untagged_with="ModelPackageGroupName",
) + _TRANSFORM_JOB.below("ValidationSpecification", "ValidationProfiles", EACH, "TransformJobDefinition")

_AUTOML_SECURITY = ("AutoMLJobConfig", "SecurityConfig")

_AUTOML = RequestFields(
    volume_keys=(_field(*_AUTOML_SECURITY, "VolumeKmsKeyId"),),
    output_keys=(_field("KmsKeyId", within=("OutputDataConfig",)),),
    subnets=(_field(*_AUTOML_SECURITY, "VpcConfig", "Subnets"),),
    security_groups=(_field(*_AUTOML_SECURITY, "VpcConfig", "SecurityGroupIds"),),
    traffic_encryption=(_field(*_AUTOML_SECURITY, "EnableInterContainerTrafficEncryption"),),
    run_times=(_field("AutoMLJobConfig", "CompletionCriteria", "MaxAutoMLJobRuntimeInSeconds"),),
    tags=_TAGS,
)

_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")

_ENDPOINT_CONFIG = RequestFields(
    # Unlike for jobs, the service accepts this key for instances with local storage, which the key does not encrypt.
    # Source: CreateEndpointConfig, KmsKeyId.
    volume_keys=(
        _field(
            "KmsKeyId",
            instance_types=(
                ("ProductionVariants", EACH, "InstanceType"),
                ("ProductionVariants", EACH, "InstancePools", EACH, "InstanceType"),
            ),
        ),
    ),
    other_keys=(
        _field("KmsKeyId", within=("DataCaptureConfig",)),
        _field("KmsKeyId", within=("AsyncInferenceConfig", "OutputConfig")),
        *(_field("KmsKeyId", within=(variant, EACH, "CoreDumpConfig")) for variant in _VARIANTS),
    ),
    # The endpoint of a model has the model's network; these fields are for endpoints of inference components.
    subnets=(_field("Subnets", within=("VpcConfig",), can_be_added=False),),
    security_groups=(_field("SecurityGroupIds", within=("VpcConfig",), can_be_added=False),),
    network_isolation=(_field("EnableNetworkIsolation", can_be_added=False),),
    instance_types=tuple(
        field
        for variant in _VARIANTS
        for field in (
            _field("InstanceType", within=(variant, EACH)),
            _field("InstanceType", within=(variant, EACH, "InstancePools", EACH)),
        )
    ),
    tags=_TAGS,
)

_EMR = RequestFields(
    # An EMR cluster has one subnet, or a list that EMR chooses from; the user decides.
    subnets=(
        _field("Ec2SubnetId", within=("ClusterConfig", "Instances"), can_be_added=False),
        _field("Ec2SubnetIds", within=("ClusterConfig", "Instances"), can_be_added=False),
    ),
    tags=(_field("Tags", within=("ClusterConfig",)),),
)

_BY_SHAPE: Final = MappingProxyType(
    {
        "CreateProcessingJobRequest": _PROCESSING,
        "CreateTrainingJobRequest": _TRAINING,
        "CreateHyperParameterTuningJobRequest": _TUNING,
        "CreateTransformJobRequest": _TRANSFORM,
        "CreateModelInput": _MODEL,
        "CreateModelPackageInput": _MODEL_PACKAGE,
        "CreateAutoMLJobRequest": _AUTOML,
        "CreateEndpointConfigInput": _ENDPOINT_CONFIG,
        "CreateEndpointInput": RequestFields(tags=_TAGS),
    }
)

_BY_STEP_TYPE: Final = MappingProxyType(
    {
        "Processing": _PROCESSING,
        "QualityCheck": _PROCESSING,
        "ClarifyCheck": _PROCESSING,
        "Training": _TRAINING,
        "Tuning": _TUNING,
        "Transform": _TRANSFORM,
        "Model": _MODEL,
        "RegisterModel": _MODEL_PACKAGE,
        "AutoML": _AUTOML,
        "EndpointConfig": _ENDPOINT_CONFIG,
        "Endpoint": RequestFields(tags=_TAGS),
        "EMR": _EMR,
    }
)

_NONE: Final = RequestFields()


def request_fields(shape: str) -> RequestFields:
    """Return the fields of a request.

    Args:
        shape: The request's shape in botocore's model of SageMaker, such as ``CreateTrainingJobRequest``.

    Returns:
        No fields for a shape that is unknown.

    Example:
        >>> [field.path for field in request_fields("CreateTransformJobRequest").volume_keys]
        [('VolumeKmsKeyId',)]
    """
    return _BY_SHAPE.get(shape, _NONE)


def step_fields(definition_type: str) -> RequestFields:
    """Return the fields of a step's request, below its ``Arguments``.

    Args:
        definition_type: The step's ``Type`` in the definition, such as ``Processing`` or ``EMR``.

    Returns:
        No fields for a type that is unknown.

    Example:
        >>> [field.path for field in step_fields("Transform").instance_types]
        [('InstanceType',)]
    """
    return _BY_STEP_TYPE.get(definition_type, _NONE)
