"""The places that the rules hold for are members of the requests, and none of their kind is forgotten."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from dagcast.compile.steps.catalog import StepCatalog
from dagcast.plugin import RequestShape, StepType
from dagcast_guardrails.requests import KINDS, RequestKind

MEMBERS = {
    "volume_keys": {"VolumeKmsKeyId", "KmsKeyId"},
    "output_keys": {"KmsKeyId"},
    "subnets": {"Subnets"},
    "security_groups": {"SecurityGroupIds"},
    "traffic": {"EnableInterContainerTrafficEncryption"},
    "isolation": {"EnableNetworkIsolation"},
    "runtimes": {"MaxRuntimeInSeconds", "MaxAutoMLJobRuntimeInSeconds"},
    "instance_types": {
        "InstanceType",
        "SupportedRealtimeInferenceInstanceTypes",
        "SupportedTransformInstanceTypes",
    },
    "images": {"Image", "ImageUri", "TrainingImage", "RuleEvaluatorImage"},
    "tags": {"Tags"},
}
"""By field of a kind: what its members are called in SageMaker's requests."""

ELSEWHERE = {
    # The time of all jobs of a tuning together; each of them has its own limit.
    "HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds",
}


@pytest.fixture(scope="module")
def session() -> Any:
    return botocore.session.get_session()


def step_type(definition_type: str) -> StepType[Any]:
    catalog = StepCatalog()
    types = [catalog[name] for name in catalog.names]
    return next(item for item in types if item.definition_type == definition_type)


def shapes(definition_type: str) -> tuple[RequestShape, ...]:
    found = step_type(definition_type).shapes
    assert isinstance(found, tuple)
    return found


def places(kind: RequestKind) -> Iterator[tuple[str, str, int | None]]:
    for field in dataclasses.fields(kind):
        if field.name != "untagged_with":
            for place in getattr(kind, field.name):
                yield field.name, ".".join(part for part in (place.within, place.path) if part), place.most


def members(shape: Any, path: str = "", above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every member of a shape at any depth, by path."""
    if shape.name in above:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            below = f"{path}.{name}" if path else name
            yield below, member
            yield from members(member, below, (*above, shape.name))
    elif shape.type_name == "list":
        yield from members(shape.member, f"{path}[*]", (*above, shape.name))


@pytest.mark.parametrize("definition_type", KINDS)
def test_every_place_is_a_member_of_the_request(definition_type: str, session: Any) -> None:
    known: dict[str, Any] = {}
    for shape in shapes(definition_type):
        model = session.get_service_model(shape.service).shape_for(shape.name)
        known.update(members(model, shape.at))
    for field, path, most in places(KINDS[definition_type]):
        assert path in known, f"{field} of {definition_type}"
        if field == "runtimes":
            assert known[path].metadata.get("max") == most


@pytest.mark.parametrize("definition_type", [name for name in KINDS if name != "EMR"])
def test_no_member_of_the_kind_is_forgotten(definition_type: str, session: Any) -> None:
    (shape,) = shapes(definition_type)
    listed = {(field, path) for field, path, _ in places(KINDS[definition_type])}
    model = session.get_service_model(shape.service).shape_for(shape.name)
    for path, _ in members(model):
        name = path.rpartition(".")[2]
        for field, names in MEMBERS.items():
            if name in names and path not in ELSEWHERE:
                same = {"volume_keys", "output_keys"} if name == "KmsKeyId" else {field}
                assert any((each, path) in listed for each in same), f"{path} of {definition_type}"
