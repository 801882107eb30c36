"""The standard pipeline parameters of MODS, and the network and encryption settings that steps take from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dagcast.plugin import (
    FrozenDict,
    ParameterRef,
    ParameterSpec,
    PipelineSpec,
    StepSpec,
    freeze,
    has_local_storage,
)

EXECUTION_S3_PREFIX = "EXECUTION_S3_PREFIX"
KMS_ENCRYPTION_KEY_PARAM = "KMS_ENCRYPTION_KEY_PARAM"
SECURITY_GROUP_ID = "SECURITY_GROUP_ID"
VPC_SUBNET = "VPC_SUBNET"

STANDARD_PARAMETERS = (EXECUTION_S3_PREFIX, KMS_ENCRYPTION_KEY_PARAM, SECURITY_GROUP_ID, VPC_SUBNET)
"""The parameters that MODS gives at each start."""

TRAFFIC = "EnableInterContainerTrafficEncryption"


@dataclass(frozen=True)
class Key:
    """Where a KMS key stands in a request.

    Attributes:
        within: Dotted path of the mapping that takes it; where there is none, no key is set.
        member: The member of that mapping.
        machines: For a key of volumes: dotted paths below ``within`` of the machines' types.
    """

    within: str
    member: str
    machines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """Where network and encryption stand in the requests of one shape.

    Attributes:
        network: Dotted path of the mapping that takes ``VpcConfig``; ``None`` where the request takes none.
        traffic: Whether that mapping also takes the encryption of traffic between containers.
        keys: Where KMS keys stand.
    """

    network: str | None
    traffic: bool
    keys: tuple[Key, ...] = ()


_TRAINING = Settings(
    "",
    True,
    (
        Key("OutputDataConfig", "KmsKeyId"),
        Key("ResourceConfig", "VolumeKmsKeyId", ("InstanceType", "InstanceGroups.InstanceType")),
        Key(
            "HyperParameterTuningResourceConfig",
            "VolumeKmsKeyId",
            ("InstanceType", "InstanceConfigs.InstanceType"),
        ),
    ),
)

SETTINGS: Mapping[str, Settings] = {
    "CreateProcessingJobRequest": Settings(
        "NetworkConfig",
        True,
        (
            Key("ProcessingOutputConfig", "KmsKeyId"),
            Key("ProcessingResources.ClusterConfig", "VolumeKmsKeyId", ("InstanceType",)),
        ),
    ),
    "CreateTrainingJobRequest": _TRAINING,
    "CreateTransformJobRequest": Settings(
        None,
        False,
        (Key("TransformOutput", "KmsKeyId"), Key("TransformResources", "VolumeKmsKeyId", ("InstanceType",))),
    ),
    "CreateAutoMLJobRequest": Settings(
        "AutoMLJobConfig.SecurityConfig",
        True,
        (Key("OutputDataConfig", "KmsKeyId"), Key("AutoMLJobConfig.SecurityConfig", "VolumeKmsKeyId")),
    ),
    "CreateModelInput": Settings("", False),
    "CreateEndpointConfigInput": Settings(
        None, False, (Key("", "KmsKeyId", ("ProductionVariants.InstanceType",)),)
    ),
}
"""By shape of the request. Source: the request bodies in the SageMaker API reference."""

TUNING = ("TrainingJobDefinition", "TrainingJobDefinitions")
"""Where a CreateHyperParameterTuningJobRequest holds requests that are like those of training jobs."""


def standard_parameters() -> list[ParameterSpec]:
    """The standard parameters, without defaults: a config that declares one of them itself gives it its default."""
    return [ParameterSpec(name, "String") for name in STANDARD_PARAMETERS]


def secure(spec: PipelineSpec) -> PipelineSpec:
    """The pipeline with what each step's request leaves open of network and encryption taken from the parameters.

    What is there stays, whoever wrote it.
    """
    defaults = {parameter.name: parameter.default for parameter in spec.parameters}
    steps = tuple(_secured(step, defaults) for step in spec.steps)
    return replace(spec, steps=steps) if steps != spec.steps else spec


def _secured(step: StepSpec, defaults: Mapping[str, Any]) -> StepSpec:
    # Only what is on the way to a setting is copied: dagcast finds by identity what stayed as it was.
    arguments = dict(step.arguments)
    for shape in step.shapes:
        if shape.service != "sagemaker":
            continue
        for body in _opened(arguments, shape.at):
            if shape.name == "CreateHyperParameterTuningJobRequest":
                for member in TUNING:
                    for definition in _opened(body, member):
                        _apply(_TRAINING, definition, defaults)
            elif shape.name in SETTINGS:
                _apply(SETTINGS[shape.name], body, defaults)
    secured = freeze(arguments)
    return replace(step, arguments=secured) if secured != step.arguments else step


def _apply(settings: Settings, body: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    if settings.network is not None:
        network = _made(body, settings.network)
        if network is not None:
            groups, subnets = ParameterRef(SECURITY_GROUP_ID), ParameterRef(VPC_SUBNET)
            network.setdefault("VpcConfig", {"SecurityGroupIds": [groups], "Subnets": [subnets]})
            if settings.traffic:
                network.setdefault(TRAFFIC, True)
    for key in settings.keys:
        for container in _opened(body, key.within):
            if _takes_key(container, key, defaults):
                container.setdefault(key.member, ParameterRef(KMS_ENCRYPTION_KEY_PARAM))


def _takes_key(container: dict[str, Any], key: Key, defaults: Mapping[str, Any]) -> bool:
    types = [_settled(kind, defaults) for path in key.machines for kind in _values(container, path)]
    if key.machines and not types:
        return False
    return not any(isinstance(kind, str) and has_local_storage(kind) for kind in types)


def _settled(kind: Any, defaults: Mapping[str, Any]) -> Any:
    """A machine's type; of a parameter, the default, which is what most runs take."""
    return defaults.get(kind.name) if isinstance(kind, ParameterRef) else kind


def _values(value: Any, path: str) -> Iterator[Any]:
    """What stands at a dotted path, through every item of the lists on the way."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        part, _, rest = path.partition(".")
        if part in value:
            yield from _values(value[part], rest)


def _opened(value: Any, path: str) -> Iterator[dict[str, Any]]:
    """The mappings at a dotted path, through every item of the lists on the way; all of it becomes ours to change."""
    if isinstance(value, list):
        for index in range(len(value)):
            yield from _opened(_open(value, index), path)
    elif isinstance(value, dict):
        part, _, rest = path.partition(".")
        if not part:
            yield value
        elif part in value:
            yield from _opened(_open(value, part), rest)


def _open(container: Any, key: Any) -> Any:
    """What a container of ours holds: a copy of ours, if it is a container itself."""
    found = container[key]
    if isinstance(found, FrozenDict):
        found = container[key] = dict(found)
    elif isinstance(found, tuple):
        found = container[key] = list(found)
    return found


def _made(body: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The mapping at a dotted path, made where there is none; ``None`` if something else is in the way."""
    container: Any = body
    for part in path.split(".") if path else ():
        container.setdefault(part, {})
        container = _open(container, part)
        if not isinstance(container, dict):
            return None
    return container if isinstance(container, dict) else None
