"""The fields are members of the requests, and no member of their kind is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from dagcast.compile.steps.catalog import StepCatalog
from dagcast.plugin import RequestShape, StepType
from dagcast.sagemaker.request_fields import RequestFields, request_fields, step_fields

MEMBERS = {
    "volume_keys": {"VolumeKmsKeyId", "KmsKeyId"},
    "output_keys": {"KmsKeyId"},
    "other_keys": {"KmsKeyId"},
    "subnets": {"Subnets"},
    "security_groups": {"SecurityGroupIds"},
    "traffic_encryption": {"EnableInterContainerTrafficEncryption"},
    "network_isolation": {"EnableNetworkIsolation"},
    "run_times": {"MaxRuntimeInSeconds", "MaxAutoMLJobRuntimeInSeconds"},
    "instance_types": {
        "InstanceType",
        "SupportedRealtimeInferenceInstanceTypes",
        "SupportedTransformInstanceTypes",
    },
    "images": {"Image", "ImageUri", "TrainingImage", "RuleEvaluatorImage"},
    "tags": {"Tags"},
}
"""By kind of field: the names of its members in SageMaker's requests."""

ELSEWHERE = {
    # The time of all jobs of a tuning together; each of them has its own limit.
    "HyperParameterTuningJobConfig.ResourceLimits.MaxRuntimeInSeconds",
}


SHAPES = {
    "Processing": "CreateProcessingJobRequest",
    "QualityCheck": "CreateProcessingJobRequest",
    "ClarifyCheck": "CreateProcessingJobRequest",
    "Training": "CreateTrainingJobRequest",
    "Tuning": "CreateHyperParameterTuningJobRequest",
    "Transform": "CreateTransformJobRequest",
    "Model": "CreateModelInput",
    "RegisterModel": "CreateModelPackageInput",
    "AutoML": "CreateAutoMLJobRequest",
    "EndpointConfig": "CreateEndpointConfigInput",
    "Endpoint": "CreateEndpointInput",
    "EMR": "RunJobFlowInput",
}
"""By type of step: the shape of its request. Source: the step types of Amazon SageMaker Pipelines' definition."""


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


def listed_fields(kind: RequestFields) -> Iterator[tuple[str, str, int | None]]:
    for field in dataclasses.fields(kind):
        if field.name != "untagged_with":
            for found in getattr(kind, field.name):
                path = ".".join((*found.within, *found.path)).replace(".[*]", "[*]")
                yield field.name, path, found.maximum


def members(shape: Any, path: str = "", above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Return every member of a shape at any depth, by path."""
    if shape.name in above:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            below = f"{path}.{name}" if path else name
            yield below, member
            yield from members(member, below, (*above, shape.name))
    elif shape.type_name == "list":
        yield from members(shape.member, f"{path}[*]", (*above, shape.name))


@pytest.mark.parametrize("definition_type", SHAPES)
def test_every_field_is_a_member_of_the_request(definition_type: str, session: Any) -> None:
    known: dict[str, Any] = {}
    for shape in shapes(definition_type):
        model = session.get_service_model(shape.service).shape_for(shape.name)
        known.update(members(model, ".".join(map(str, shape.at))))
    for field, path, most in listed_fields(step_fields(definition_type)):
        assert path in known, f"{field} of {definition_type}"
        if field == "run_times":
            assert known[path].metadata.get("max") == most


@pytest.mark.parametrize("definition_type", [name for name in SHAPES if name != "EMR"])
def test_no_member_of_the_kind_is_missing(definition_type: str, session: Any) -> None:
    (shape,) = shapes(definition_type)
    listed = {(field, path) for field, path, _ in listed_fields(step_fields(definition_type))}
    model = session.get_service_model(shape.service).shape_for(shape.name)
    for path, _ in members(model):
        name = path.rpartition(".")[2]
        for field, names in MEMBERS.items():
            if name in names and path not in ELSEWHERE:
                same = {"volume_keys", "output_keys", "other_keys"} if name == "KmsKeyId" else {field}
                assert any((each, path) in listed for each in same), f"{path} of {definition_type}"


@pytest.mark.parametrize("definition_type", [name for name in SHAPES if name != "EMR"])
def test_a_step_has_the_fields_of_its_request(definition_type: str) -> None:
    fields = request_fields(SHAPES[definition_type])
    assert fields.tags
    assert step_fields(definition_type) == fields


@pytest.mark.parametrize("name", ["Fail", "CreateLabelingJobRequest"])
def test_other_requests_have_no_fields(name: str) -> None:
    assert step_fields(name) == request_fields(name) == RequestFields()


JOBS = {
    "Processing": "ProcessingResources.ClusterConfig",
    "Training": "ResourceConfig",
    "Tuning": "TrainingJobDefinition.ResourceConfig",
    "Transform": "TransformResources",
}


@pytest.mark.parametrize("definition_type", JOBS)
def test_keys_of_volumes_of_jobs_depend_on_local_storage(definition_type: str) -> None:
    # Source: VolumeKmsKeyId of each shape: "You can't request a VolumeKmsKeyId when using an instance type with local
    # storage."
    keys = step_fields(definition_type).volume_keys
    assert JOBS[definition_type] in {".".join(key.within) for key in keys}
    assert all(key.instance_types and not key.with_local_storage for key in keys)


def test_the_key_of_an_endpoint_does_not_depend_on_local_storage() -> None:
    # Source: CreateEndpointConfig, KmsKeyId: "the KmsKeyId parameter does not encrypt instance local storage".
    (key,) = step_fields("EndpointConfig").volume_keys
    assert key.path == ("KmsKeyId",)
    assert key.with_local_storage
