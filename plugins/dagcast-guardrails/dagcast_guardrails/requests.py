"""What the rules hold for: by kind of request, the places of keys, networks, machines, images, runtimes and tags.

Every path is a member of the request in the SageMaker API reference (of EMR's ``RunJobFlow`` for EMR).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from dagcast_guardrails.places import Place

Places = tuple[Place, ...]


@dataclass(frozen=True)
class RequestKind:
    """The places in one kind of request.

    Attributes:
        volume_keys: KMS keys of storage volumes.
        output_keys: KMS keys of what is written.
        subnets: Lists of subnets.
        security_groups: Lists of security groups.
        traffic: Whether traffic between machines is encrypted.
        isolation: Whether containers run without network.
        runtimes: Most seconds that a job runs.
        instance_types: Types of machines, or lists of them.
        images: Container images.
        tags: The list of tags.
        untagged_with: A member of the request beside which the service takes no tags.
    """

    volume_keys: Places = ()
    output_keys: Places = ()
    subnets: Places = ()
    security_groups: Places = ()
    traffic: Places = ()
    isolation: Places = ()
    runtimes: Places = ()
    instance_types: Places = ()
    images: Places = ()
    tags: Places = ()
    untagged_with: str | None = None

    def below(self, prefix: str) -> RequestKind:
        """The same places in a request that stands inside of another one; tags are the outer one's."""
        moved: dict[str, Any] = {
            field.name: tuple(place.below(prefix) for place in getattr(self, field.name))
            for field in fields(self)
            if field.name not in ("tags", "untagged_with")
        }
        return RequestKind(**moved)

    def __add__(self, other: RequestKind) -> RequestKind:
        names = [field.name for field in fields(self) if field.name != "untagged_with"]
        joined = {name: getattr(self, name) + getattr(other, name) for name in names}
        return RequestKind(**joined, untagged_with=self.untagged_with or other.untagged_with)


TAGS = (Place("", "Tags"),)

_CLUSTER = "ProcessingResources.ClusterConfig"
_DATASET = "ProcessingInputs[*].DatasetDefinition"

PROCESSING = RequestKind(
    volume_keys=(
        Place(_CLUSTER, "VolumeKmsKeyId", machines=("InstanceType", "InstancePreferences[*].InstanceType")),
    ),
    output_keys=(
        Place("ProcessingOutputConfig", "KmsKeyId"),
        Place(f"{_DATASET}.AthenaDatasetDefinition", "KmsKeyId"),
        Place(f"{_DATASET}.RedshiftDatasetDefinition", "KmsKeyId"),
    ),
    subnets=(Place("", "NetworkConfig.VpcConfig.Subnets"),),
    security_groups=(Place("", "NetworkConfig.VpcConfig.SecurityGroupIds"),),
    traffic=(Place("", "NetworkConfig.EnableInterContainerTrafficEncryption"),),
    isolation=(Place("", "NetworkConfig.EnableNetworkIsolation"),),
    # The most is that of MaxRuntimeInSeconds of ProcessingStoppingCondition.
    runtimes=(Place("", "StoppingCondition.MaxRuntimeInSeconds", most=777_600),),
    instance_types=(
        Place(_CLUSTER, "InstanceType"),
        Place(f"{_CLUSTER}.InstancePreferences[*]", "InstanceType"),
    ),
    images=(Place("", "AppSpecification.ImageUri"),),
    tags=TAGS,
)

_TUNED = "HyperParameterTuningResourceConfig"

TRAINING_JOB = RequestKind(
    volume_keys=(
        Place(
            "ResourceConfig",
            "VolumeKmsKeyId",
            machines=(
                "InstanceType",
                "InstanceGroups[*].InstanceType",
                "InstancePreferences[*].InstanceType",
            ),
        ),
    ),
    output_keys=(Place("OutputDataConfig", "KmsKeyId"),),
    subnets=(Place("", "VpcConfig.Subnets"),),
    security_groups=(Place("", "VpcConfig.SecurityGroupIds"),),
    traffic=(Place("", "EnableInterContainerTrafficEncryption"),),
    isolation=(Place("", "EnableNetworkIsolation"),),
    runtimes=(Place("", "StoppingCondition.MaxRuntimeInSeconds"),),
    instance_types=(
        Place("ResourceConfig", "InstanceType"),
        Place("ResourceConfig.InstanceGroups[*]", "InstanceType"),
        Place("ResourceConfig.InstancePreferences[*]", "InstanceType"),
    ),
    images=(Place("AlgorithmSpecification", "TrainingImage"),),
)

TRAINING = TRAINING_JOB + RequestKind(
    instance_types=(
        Place("DebugRuleConfigurations[*]", "InstanceType"),
        Place("ProfilerRuleConfigurations[*]", "InstanceType"),
    ),
    images=(
        Place("DebugRuleConfigurations[*]", "RuleEvaluatorImage"),
        Place("ProfilerRuleConfigurations[*]", "RuleEvaluatorImage"),
    ),
    tags=TAGS,
)

TUNED_JOB = TRAINING_JOB + RequestKind(
    volume_keys=(
        Place(_TUNED, "VolumeKmsKeyId", machines=("InstanceType", "InstanceConfigs[*].InstanceType")),
    ),
    instance_types=(Place(_TUNED, "InstanceType"), Place(f"{_TUNED}.InstanceConfigs[*]", "InstanceType")),
)

TUNING = (
    TUNED_JOB.below("TrainingJobDefinition")
    + TUNED_JOB.below("TrainingJobDefinitions[*]")
    + RequestKind(tags=TAGS)
)

TRANSFORM_JOB = RequestKind(
    volume_keys=(Place("TransformResources", "VolumeKmsKeyId", machines=("InstanceType",)),),
    output_keys=(Place("TransformOutput", "KmsKeyId"),),
    instance_types=(Place("TransformResources", "InstanceType"),),
)

TRANSFORM = TRANSFORM_JOB + RequestKind(output_keys=(Place("DataCaptureConfig", "KmsKeyId"),), tags=TAGS)

MODEL = RequestKind(
    subnets=(Place("", "VpcConfig.Subnets"),),
    security_groups=(Place("", "VpcConfig.SecurityGroupIds"),),
    isolation=(Place("", "EnableNetworkIsolation"),),
    images=(Place("PrimaryContainer", "Image"), Place("Containers[*]", "Image")),
    tags=TAGS,
)

_SPECIFICATIONS = ("InferenceSpecification", "AdditionalInferenceSpecifications[*]")
_PROFILES = "ValidationSpecification.ValidationProfiles[*].TransformJobDefinition"

MODEL_PACKAGE = RequestKind(
    output_keys=(Place("", "SecurityConfig.KmsKeyId"),),
    instance_types=tuple(
        Place(specification, member)
        for specification in _SPECIFICATIONS
        for member in ("SupportedRealtimeInferenceInstanceTypes", "SupportedTransformInstanceTypes")
    ),
    images=tuple(Place(f"{specification}.Containers[*]", "Image") for specification in _SPECIFICATIONS),
    tags=TAGS,
    # The tags of a package in a group are the group's. Source: Tags of CreateModelPackage.
    untagged_with="ModelPackageGroupName",
) + TRANSFORM_JOB.below(_PROFILES)

_AUTOML_SECURITY = "AutoMLJobConfig.SecurityConfig"

AUTOML = RequestKind(
    volume_keys=(Place("", f"{_AUTOML_SECURITY}.VolumeKmsKeyId"),),
    output_keys=(Place("OutputDataConfig", "KmsKeyId"),),
    subnets=(Place("", f"{_AUTOML_SECURITY}.VpcConfig.Subnets"),),
    security_groups=(Place("", f"{_AUTOML_SECURITY}.VpcConfig.SecurityGroupIds"),),
    traffic=(Place("", f"{_AUTOML_SECURITY}.EnableInterContainerTrafficEncryption"),),
    runtimes=(Place("", "AutoMLJobConfig.CompletionCriteria.MaxAutoMLJobRuntimeInSeconds"),),
    tags=TAGS,
)

_VARIANTS = ("ProductionVariants[*]", "ShadowProductionVariants[*]")

ENDPOINT_CONFIG = RequestKind(
    # Unlike for jobs, the service takes this key beside machines with storage of their own.
    volume_keys=(Place("", "KmsKeyId"),),
    output_keys=(
        Place("DataCaptureConfig", "KmsKeyId"),
        Place("AsyncInferenceConfig.OutputConfig", "KmsKeyId"),
        *(Place(f"{variant}.CoreDumpConfig", "KmsKeyId") for variant in _VARIANTS),
    ),
    # The network of a model's endpoint is the model's; these are for endpoints of inference components.
    subnets=(Place("VpcConfig", "Subnets", fill=False),),
    security_groups=(Place("VpcConfig", "SecurityGroupIds", fill=False),),
    isolation=(Place("", "EnableNetworkIsolation", fill=False),),
    instance_types=tuple(
        place
        for variant in _VARIANTS
        for place in (Place(variant, "InstanceType"), Place(f"{variant}.InstancePools[*]", "InstanceType"))
    ),
    tags=TAGS,
)

EMR = RequestKind(
    # An EMR cluster has one subnet, or a list to choose from; which of the two is the user's choice.
    subnets=(
        Place("ClusterConfig.Instances", "Ec2SubnetId", fill=False),
        Place("ClusterConfig.Instances", "Ec2SubnetIds", fill=False),
    ),
    tags=(Place("ClusterConfig", "Tags"),),
)

KINDS = MappingProxyType(
    {
        "Processing": PROCESSING,
        "QualityCheck": PROCESSING,
        "ClarifyCheck": PROCESSING,
        "Training": TRAINING,
        "Tuning": TUNING,
        "Transform": TRANSFORM,
        "Model": MODEL,
        "RegisterModel": MODEL_PACKAGE,
        "AutoML": AUTOML,
        "EndpointConfig": ENDPOINT_CONFIG,
        "Endpoint": RequestKind(tags=TAGS),
        "EMR": EMR,
    }
)
"""By the ``Type`` of a step in the definition: the places in its request."""
