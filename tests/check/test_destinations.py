"""Destinations of steps in S3, whatever field holds them, and inputs that hold results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dagcast.check.definition import check_steps
from dagcast.definition.read import read_definition

CODES = {"data.own-results", "data.sibling-prefix", "pipeline.same-target"}


def problems(*steps: dict[str, Any]) -> Iterator[tuple[str | None, str, tuple[str | int, ...]]]:
    definition = read_definition(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    for found in check_steps(definition):
        if found.code in CODES:
            yield found.step, found.code, found.path[1:]


def step(name: str, kind: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments}


def capture(uri: str) -> dict[str, Any]:
    return {
        "InitialSamplingPercentage": 10,
        "DestinationS3Uri": uri,
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }


def channel(uri: str, kind: str = "S3Prefix") -> list[dict[str, Any]]:
    return [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}}]


def transform(name: str, target: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://in/x"}}
    return step(
        name, "Transform", TransformInput={"DataSource": source}, TransformOutput={"S3OutputPath": target}
    )


def tuning(name: str, **definition: Any) -> dict[str, Any]:
    return step(name, "Tuning", TrainingJobDefinitions=[{"DefinitionName": "one"}, definition])


ENDPOINTS = {
    "captured": {"DataCaptureConfig": capture("s3://b/run/seen")},
    "asynchronous": {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/run/seen"}}},
}


@pytest.mark.parametrize("fields", ENDPOINTS.values(), ids=ENDPOINTS)
def test_results_of_endpoints_are_results_of_the_pipeline(fields: dict[str, Any]) -> None:
    reader = step("fit", "Training", InputDataConfig=channel("s3://b/run"))
    place = ("InputDataConfig", 0, "DataSource", "S3DataSource", "S3Uri")
    assert list(problems(step("serve", "EndpointConfig", **fields), reader)) == [
        ("fit", "data.own-results", place)
    ]


@pytest.mark.parametrize("fields", ENDPOINTS.values(), ids=ENDPOINTS)
def test_endpoints_share_a_destination_since_each_writes_under_its_own_name(fields: dict[str, Any]) -> None:
    assert not list(problems(step("a", "EndpointConfig", **fields), step("b", "EndpointConfig", **fields)))


def test_what_an_endpoint_writes_may_follow_the_name_of_an_output() -> None:
    found = problems(
        transform("score", "s3://b/run/seen"),
        step("serve", "EndpointConfig", DataCaptureConfig=capture("s3://b/run/seen-live")),
    )
    assert list(found) == [("score", "data.sibling-prefix", ("TransformOutput", "S3OutputPath"))]


def test_training_jobs_share_a_destination_since_each_writes_under_its_own_name() -> None:
    output = {"OutputDataConfig": {"S3OutputPath": "s3://b/models"}}
    assert not list(problems(step("a", "Training", **output), tuning("b", **output), tuning("c", **output)))


def test_transform_jobs_do_not() -> None:
    (found,) = problems(transform("a", "s3://b/scores"), transform("b", "s3://b/scores/"))
    assert found == ("b", "pipeline.same-target", ("TransformOutput", "S3OutputPath"))


def test_each_definition_of_training_jobs_reads_and_writes() -> None:
    writer = tuning("search", OutputDataConfig={"S3OutputPath": "s3://b/run/models"})
    reader = tuning("again", InputDataConfig=channel("s3://b/run"))
    place = ("TrainingJobDefinitions", 1, "InputDataConfig", 0, "DataSource", "S3DataSource", "S3Uri")
    assert list(problems(writer, reader)) == [("again", "data.own-results", place)]


def test_a_model_that_is_a_prefix_is_read_like_other_data() -> None:
    writer = step("fit", "Training", OutputDataConfig={"S3OutputPath": "s3://b/run/models"})

    def model(data_type: str) -> dict[str, Any]:
        source = {"S3DataType": data_type, "S3Uri": "s3://b/run", "CompressionType": "None"}
        return step("model", "Model", PrimaryContainer={"ModelDataSource": {"S3DataSource": source}})

    place = ("PrimaryContainer", "ModelDataSource", "S3DataSource", "S3Uri")
    assert list(problems(writer, model("S3Prefix"))) == [("model", "data.own-results", place)]
    assert list(problems(writer, model("S3Object"))) == []


def test_a_manifest_is_not_a_prefix() -> None:
    writer = transform("score", "s3://b/run/scores")
    reader = step("fit", "Training", InputDataConfig=channel("s3://b/run", "ManifestFile"))
    assert list(problems(writer, reader)) == []
