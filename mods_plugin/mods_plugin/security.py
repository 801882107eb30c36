"""The standard pipeline parameters of MODS, and the network and encryption settings that steps take from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import (
    EACH,
    FieldPath,
    FieldPattern,
    FrozenDict,
    ParameterRef,
    ParameterSpec,
    PipelineSpec,
    RequestField,
    RequestFields,
    StepSpec,
    find_values,
    freeze,
    has_local_storage,
    request_fields,
)

EXECUTION_S3_PREFIX = "EXECUTION_S3_PREFIX"
KMS_ENCRYPTION_KEY_PARAM = "KMS_ENCRYPTION_KEY_PARAM"
SECURITY_GROUP_ID = "SECURITY_GROUP_ID"
VPC_SUBNET = "VPC_SUBNET"

STANDARD_PARAMETERS = (EXECUTION_S3_PREFIX, KMS_ENCRYPTION_KEY_PARAM, SECURITY_GROUP_ID, VPC_SUBNET)
"""The parameters that MODS gives at each start."""


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
        fields = request_fields(shape.name)
        for body in _opened(arguments, shape.at):
            _apply(fields, body, defaults)
    secured = freeze(arguments)
    return replace(step, arguments=secured) if secured != step.arguments else step


def _apply(fields: RequestFields, body: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    groups, subnets = ParameterRef(SECURITY_GROUP_ID), ParameterRef(VPC_SUBNET)
    network = {"SecurityGroupIds": [groups], "Subnets": [subnets]}
    for field in fields.subnets:
        # Both lists or neither: the service takes no half of a VpcConfig.
        _set_missing(body, replace(field, path=field.path[:-1]), network)
    for field in fields.traffic_encryption:
        _set_missing(body, field, True)
    for field in (*fields.output_keys, *fields.volume_keys):
        for container in _opened(body, field.within):
            if _takes_key(container, field, defaults):
                _set(container, field.path, ParameterRef(KMS_ENCRYPTION_KEY_PARAM))


def _set_missing(body: dict[str, Any], field: RequestField, value: Any) -> None:
    if field.can_be_added:
        for container in _opened(body, field.within):
            _set(container, field.path, value)


def _set(container: dict[str, Any], path: FieldPattern, value: Any) -> None:
    """Set a value below a container of ours, unless there is one, or something else is in the way."""
    around = _made(container, path[:-1])
    if around is not None:
        around.setdefault(path[-1], value)


def _takes_key(container: dict[str, Any], field: RequestField, defaults: Mapping[str, Any]) -> bool:
    found = [value for pattern in field.instance_types for _, value in find_values(container, pattern)]
    types = [_settled(value, defaults) for value in found]
    if field.instance_types and not types:
        return False
    return field.with_local_storage or not any(
        isinstance(value, str) and has_local_storage(value) for value in types
    )


def _settled(kind: Any, defaults: Mapping[str, Any]) -> Any:
    """A machine's type; of a parameter, the default, which is what most runs take."""
    return defaults.get(kind.name) if isinstance(kind, ParameterRef) else kind


def _opened(value: Any, pattern: FieldPath) -> Iterator[dict[str, Any]]:
    """Yield the mappings that a pattern leads to; everything on the way becomes ours to change."""
    if not pattern:
        if isinstance(value, dict):
            yield value
    elif pattern[0] == EACH:
        for index in range(len(value) if isinstance(value, list) else 0):
            yield from _opened(_open(value, index), pattern[1:])
    elif isinstance(value, dict) and pattern[0] in value:
        yield from _opened(_open(value, pattern[0]), pattern[1:])


def _open(container: Any, key: Any) -> Any:
    """What a container of ours holds: a copy of ours, if it is a container itself."""
    found = container[key]
    if isinstance(found, FrozenDict):
        found = container[key] = dict(found)
    elif isinstance(found, tuple):
        found = container[key] = list(found)
    return found


def _made(body: dict[str, Any], path: FieldPattern) -> dict[str, Any] | None:
    """The mapping at a path, made where there is none; ``None`` if something else is in the way."""
    container: Any = body
    for part in path:
        container.setdefault(part, {})
        container = _open(container, part)
        if not isinstance(container, dict):
            return None
    return container if isinstance(container, dict) else None
