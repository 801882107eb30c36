"""Creating, updating and starting an emitted pipeline, against a real HTTP service."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagcast.compile.emit.pipeline import emit_pipeline
from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.definition.write import write_definition
from dagcast.errors import InvalidInputError, StagingError
from dagcast.staging.stage_files import stage_file, stage_folder, stage_text
from tests.integration.emit.specs import ROLE, everything, fail


def objects(aws: Any, bucket: str = "bucket") -> dict[str, bytes]:
    client = aws.client("s3")
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}


def calls(aws: Any) -> list[str]:
    """Names of the operations that the session's clients are asked to send from now on."""
    made: list[str] = []
    aws.events.register("before-call", lambda model, **_: made.append(model.name))
    return made


@pytest.fixture
def staged(tmp_path: Path) -> PipelineSpec:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("pass\n")
    code = (
        stage_folder("src", tmp_path, "bucket", "team"),
        stage_file("src/train.py", tmp_path, "bucket", "team"),
        stage_text("run.sh", b"#!/bin/sh\n", "bucket", "team"),
    )
    return replace(
        everything(),
        staged=code,
        description="From the spec",
        tags=(("team", "a"), ("cost", "b")),
        parallelism=4,
    )


def test_upsert_uploads_code_and_takes_the_defaults_of_the_spec(
    sdk: SDK, aws: Any, staged: PipelineSpec
) -> None:
    made = calls(aws)
    pipeline = emit_pipeline(staged, sdk.Session(boto_session=aws))
    arn = pipeline.upsert()["PipelineArn"]
    assert sorted(set(made)) == ["CreatePipeline", "HeadObject", "PutObject"]
    assert objects(aws).keys() == {code.uri.removeprefix("s3://bucket/") for code in staged.staged}
    found = aws.client("sagemaker").describe_pipeline(PipelineName="everything")
    assert json.loads(found["PipelineDefinition"]) == json.loads(write_definition(staged))
    assert (found["RoleArn"], found["PipelineDescription"]) == (ROLE, "From the spec")
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 4}
    tags = aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    assert {(tag["Key"], tag["Value"]) for tag in tags} >= {("team", "a"), ("cost", "b")}


def test_a_second_upsert_uploads_nothing(sdk: SDK, aws: Any, staged: PipelineSpec, tmp_path: Path) -> None:
    emit_pipeline(staged, sdk.Session(boto_session=aws)).upsert()
    (tmp_path / "src" / "train.py").unlink()
    made = calls(aws)
    emit_pipeline(replace(staged, description="Changed"), sdk.Session(boto_session=aws)).upsert()
    assert made.count("HeadObject") == len(staged.staged)
    assert "PutObject" not in made
    assert {"CreatePipeline", "UpdatePipeline"} <= set(made)
    found = aws.client("sagemaker").describe_pipeline(PipelineName="everything")
    assert found["PipelineDescription"] == "Changed"


def test_what_the_caller_gives_wins(sdk: SDK, aws: Any, staged: PipelineSpec) -> None:
    pipeline = emit_pipeline(staged, sdk.Session(boto_session=aws), role=f"{ROLE}-of-emit")
    pipeline.create()
    found = aws.client("sagemaker").describe_pipeline(PipelineName="everything")
    assert found["RoleArn"] == f"{ROLE}-of-emit"
    pipeline.update(f"{ROLE}-of-call", "From the call", sdk.ParallelismConfiguration(7))
    found = aws.client("sagemaker").describe_pipeline(PipelineName="everything")
    assert (found["RoleArn"], found["PipelineDescription"]) == (f"{ROLE}-of-call", "From the call")
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 7}


def test_start(sdk: SDK, aws: Any) -> None:
    pipeline: Any = emit_pipeline(everything(), sdk.Session(boto_session=aws))
    pipeline.upsert()
    execution = pipeline.start(parameters={"Required": "yes"}, execution_display_name="first")
    assert execution.describe()["PipelineExecutionDisplayName"] == "first"
    assert (
        pipeline.list_executions()["PipelineExecutionSummaries"][0]["PipelineExecutionArn"] == execution.arn
    )


def test_code_that_changed_is_not_uploaded_and_nothing_is_created(
    sdk: SDK, aws: Any, staged: PipelineSpec, tmp_path: Path
) -> None:
    (tmp_path / "src" / "train.py").write_text("changed\n")
    pipeline = emit_pipeline(staged, sdk.Session(boto_session=aws))
    with pytest.raises(StagingError, match="src has changed since the pipeline was compiled"):
        pipeline.upsert()
    assert objects(aws) == {}
    assert aws.client("sagemaker").list_pipelines()["PipelineSummaries"] == []


def test_a_missing_bucket_is_named(sdk: SDK, aws: Any, staged: PipelineSpec) -> None:
    code = tuple(replace(c, uri=c.uri.replace("//bucket", "//elsewhere")) for c in staged.staged)
    pipeline = emit_pipeline(replace(staged, staged=code), sdk.Session(boto_session=aws))
    with pytest.raises(StagingError, match=r"cannot upload src to s3://elsewhere/team/code/.*NoSuchBucket"):
        pipeline.create()


# Source: Pipeline._create_args of SDK 2.257 and of SDK 3: "if len(definition.encode()) < 1024 * 100" it goes inline.
INLINE_BYTES = 102_400


def sized(size: int, **more: Any) -> PipelineSpec:
    """A pipeline whose definition has this many bytes."""
    empty = len(write_definition(PipelineSpec(name="large", steps=(fail("f", ""),), role=ROLE, **more)))
    spec = PipelineSpec(name="large", steps=(fail("f", "x" * (size - empty)),), role=ROLE, **more)
    assert len(write_definition(spec).encode()) == size
    return spec


def large(**more: Any) -> PipelineSpec:
    return sized(2 * INLINE_BYTES, **more)


@pytest.mark.parametrize(("size", "is_inline"), [(INLINE_BYTES - 1, True), (INLINE_BYTES, False)])
def test_the_size_decides_whether_a_definition_goes_inline(
    sdk: SDK, aws: Any, size: int, is_inline: bool
) -> None:
    spec = sized(size, definition_bucket="bucket")
    emit_pipeline(spec, sdk.Session(boto_session=aws)).upsert()
    assert objects(aws) == ({} if is_inline else {"large": write_definition(spec).encode()})


def test_a_large_definition_goes_to_the_bucket_of_the_spec(sdk: SDK, aws: Any) -> None:
    spec = large(
        definition_bucket="bucket", definition_prefix="definitions/of/team/", description="big", parallelism=3
    )
    made = calls(aws)
    pipeline = emit_pipeline(spec, sdk.Session(boto_session=aws))
    pipeline.upsert()
    assert objects(aws) == {"definitions/of/team/large": write_definition(spec).encode()}
    assert "CreateBucket" not in made
    found = aws.client("sagemaker").describe_pipeline(PipelineName="large")
    assert (found["RoleArn"], found["PipelineDescription"]) == (ROLE, "big")
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}


def test_a_large_definition_goes_the_way_of_the_sdk_without_one(sdk: SDK, aws: Any) -> None:
    emit_pipeline(large(), sdk.Session(boto_session=aws, default_bucket="bucket")).upsert()
    assert objects(aws) == {"large": write_definition(large()).encode()}


def test_a_small_definition_goes_inline(sdk: SDK, aws: Any) -> None:
    spec = replace(everything(), definition_bucket="bucket")
    emit_pipeline(spec, sdk.Session(boto_session=aws)).upsert()
    assert objects(aws) == {}


def test_the_session_is_made_on_first_use_in_the_region_of_the_spec(
    sdk: SDK, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    pipeline: Any = emit_pipeline(replace(everything(), region="eu-west-1"))
    pipeline.upsert()
    assert pipeline.sagemaker_session is pipeline.sagemaker_session
    assert pipeline.sagemaker_session.boto_region_name == "eu-west-1"
    assert pipeline.describe()["PipelineArn"].startswith("arn:aws:sagemaker:eu-west-1:")
    scheduler = pipeline._event_bridge_scheduler_helper
    assert scheduler.event_bridge_scheduler_client.meta.region_name == "eu-west-1"
    pipeline.sagemaker_session = sdk.Session(boto_session=aws)
    scheduler = pipeline._event_bridge_scheduler_helper
    assert scheduler.event_bridge_scheduler_client.meta.region_name == "us-east-1"


@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        ({}, ["parameter 'Required' has no value"]),
        (None, ["parameter 'Required' has no value"]),
        ({"Requird": "yes"}, ["unknown parameter 'Requird'", "parameter 'Required' has no value"]),
        ({"Required": "yes", "Count": "many"}, ["parameter 'Count': expected Integer, got 'many'"]),
    ],
)
def test_a_start_with_wrong_parameters_is_refused_before_the_call(
    sdk: SDK, aws: Any, parameters: Any, problems: list[str]
) -> None:
    pipeline = emit_pipeline(everything(), sdk.Session(boto_session=aws))
    pipeline.upsert()
    made = calls(aws)
    with pytest.raises(InvalidInputError) as raised:
        pipeline.start(parameters)
    assert [item.message for item in raised.value.diagnostics] == problems
    assert made == []
    if "has no value" in problems[-1]:
        assert raised.value.diagnostics[-1].hint == "start(parameters={'Required': VALUE})"


def test_a_start_with_something_else_than_parameters_is_a_type_error(sdk: SDK) -> None:
    with pytest.raises(TypeError, match=r"parameters is a mapping of names and values, and not \['a'\]"):
        emit_pipeline(everything()).start(["a"])


def test_a_parameter_that_was_added_to_the_pipeline_is_known(sdk: SDK, aws: Any) -> None:
    pipeline = emit_pipeline(everything(), sdk.Session(boto_session=aws))
    pipeline.upsert()
    pipeline.parameters = [*pipeline.parameters, sdk.ParameterString(name="Added", default_value="x")]
    assert pipeline.start({"Required": "yes", "Added": "y"}).arn.startswith("arn:aws:sagemaker:")


def test_a_pipeline_says_what_it_is() -> None:
    pipeline = emit_pipeline(everything())
    assert repr(pipeline) == f"<Pipeline everything: {len(pipeline.spec.steps)} steps>"
