"""The standard pipeline parameters of MODS, and the network and encryption settings of steps that refer to them."""

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
"""The parameters that MODS sets at each start."""


def standard_parameters() -> list[ParameterSpec]:
    """Return the standard parameters, without defaults; a config may declare one of them to set a default."""
    return [ParameterSpec(name, "String") for name in STANDARD_PARAMETERS]


def local_values(pipeline: str) -> dict[str, str]:
    """Return values of the standard parameters for a local run: valid, and of no account.

    Args:
        pipeline: The name of the pipeline.
    """
    return {
        EXECUTION_S3_PREFIX: f"s3://mods-local/{pipeline}",
        KMS_ENCRYPTION_KEY_PARAM: "alias/mods-local",
        SECURITY_GROUP_ID: "sg-00000000",
        VPC_SUBNET: "subnet-00000000",
    }


def apply_security_parameters(spec: PipelineSpec) -> PipelineSpec:
    """Set missing network and encryption fields of each step's request to references to the parameters.

    Existing fields do not change.
    """
    defaults = spec.parameter_defaults()
    steps = tuple(_apply_to_step(step, defaults) for step in spec.steps)
    return replace(spec, steps=steps) if steps != spec.steps else spec


def _apply_to_step(step: StepSpec, defaults: Mapping[str, Any]) -> StepSpec:
    # Only containers on the path to a setting are copied: dagcast recognizes unchanged parts by identity.
    arguments = dict(step.arguments)
    for shape in step.shapes:
        if shape.service != "sagemaker":
            continue
        fields = request_fields(shape.name)
        for body in _thawed_mappings(arguments, shape.at):
            _apply_to_request(fields, body, defaults)
    changed = freeze(arguments)
    return replace(step, arguments=changed) if changed != step.arguments else step


def _apply_to_request(fields: RequestFields, body: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    groups, subnets = ParameterRef(SECURITY_GROUP_ID), ParameterRef(VPC_SUBNET)
    network = {"SecurityGroupIds": [groups], "Subnets": [subnets]}
    for field in fields.subnets:
        # Set both lists or neither: the service refuses a VpcConfig with only one.
        _set_missing(body, replace(field, path=field.path[:-1]), network)
    for field in fields.traffic_encryption:
        _set_missing(body, field, True)
    for field in (*fields.output_keys, *fields.volume_keys):
        for container in _thawed_mappings(body, field.within):
            if _takes_key(container, field, defaults):
                _set(container, field.path, ParameterRef(KMS_ENCRYPTION_KEY_PARAM))


def _set_missing(body: dict[str, Any], field: RequestField, value: Any) -> None:
    if field.can_be_added:
        for container in _thawed_mappings(body, field.within):
            _set(container, field.path, value)


def _set(container: dict[str, Any], path: FieldPattern, value: Any) -> None:
    """Set a value below a mutable mapping, unless a value exists or a part of the path is not a mapping."""
    parent = _create_mapping(container, path[:-1])
    if parent is not None:
        parent.setdefault(path[-1], value)


def _takes_key(container: dict[str, Any], field: RequestField, defaults: Mapping[str, Any]) -> bool:
    found = [value for pattern in field.instance_types for _, value in find_values(container, pattern)]
    types = [_default_value(value, defaults) for value in found]
    if field.instance_types and not types:
        return False
    return field.with_local_storage or not any(
        isinstance(value, str) and has_local_storage(value) for value in types
    )


def _default_value(value: Any, defaults: Mapping[str, Any]) -> Any:
    """Return a value, or the default of the parameter that it refers to: most runs use the default."""
    return defaults.get(value.name) if isinstance(value, ParameterRef) else value


def _thawed_mappings(value: Any, pattern: FieldPath) -> Iterator[dict[str, Any]]:
    """Yield the mappings that match a pattern, and replace every container on the path by a mutable copy."""
    if not pattern:
        if isinstance(value, dict):
            yield value
    elif pattern[0] == EACH:
        for index in range(len(value) if isinstance(value, list) else 0):
            yield from _thawed_mappings(_thaw_item(value, index), pattern[1:])
    elif isinstance(value, dict) and pattern[0] in value:
        yield from _thawed_mappings(_thaw_item(value, pattern[0]), pattern[1:])


def _thaw_item(container: Any, key: Any) -> Any:
    """Return an item of a mutable container; replace it by a mutable copy first if it is a container itself."""
    found = container[key]
    if isinstance(found, FrozenDict):
        found = container[key] = dict(found)
    elif isinstance(found, tuple):
        found = container[key] = list(found)
    return found


def _create_mapping(body: dict[str, Any], path: FieldPattern) -> dict[str, Any] | None:
    """Return the mapping at a path, created if missing; ``None`` if a part of the path is not a mapping."""
    container: Any = body
    for part in path:
        container.setdefault(part, {})
        container = _thaw_item(container, part)
        if not isinstance(container, dict):
            return None
    return container if isinstance(container, dict) else None
