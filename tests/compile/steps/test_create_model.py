"""CreateModel: from config to the CreateModel request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.compiling import IMAGE, JOB, ROLE, arguments_of, check, config, error_in, step_of, steps_of


def test_minimal() -> None:
    assert step_of({"type": "CreateModel", "image_uri": IMAGE}) == {
        "Name": "step",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}},
    }


def test_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "serve.py").write_text("def model_fn(path): ...\n")
    monkeypatch.chdir(tmp_path)
    step = step_of(
        {
            "type": "CreateModel",
            "role": "${param.Role}",
            "image_uri": IMAGE,
            "entry_point": "serve.py",
            "environment": {"A": 1},
            "enable_network_isolation": False,
            "subnets": ["subnet-1"],
            "security_group_ids": ["sg-1"],
            "inputs": {"model": "s3://b/model.tar.gz"},
            "tags": {"team": "risk"},
            "retry_policies": [{"exception_types": ["Step.THROTTLING"], "expire_after_mins": 10}],
        },
        parameters={"Role": ROLE},
    )
    container = step["Arguments"].pop("PrimaryContainer")
    archive = container["Environment"].pop("SAGEMAKER_SUBMIT_DIRECTORY")
    assert archive.startswith("s3://my-bucket/demo/code/")
    assert container == {
        "Image": IMAGE,
        "ModelDataUrl": "s3://b/model.tar.gz",
        "Environment": {
            "A": "1",
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_PROGRAM": "serve.py",
            "SAGEMAKER_REGION": "us-east-1",
        },
    }
    assert step["Arguments"] == {
        "EnableNetworkIsolation": False,
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "Tags": [{"Key": "team", "Value": "risk"}],
        "ExecutionRoleArn": {"Get": "Parameters.Role"},
    }
    assert step["RetryPolicies"] == [
        {"BackoffRate": 2.0, "IntervalSeconds": 1, "ExpireAfterMin": 10, "ExceptionType": ["Step.THROTTLING"]}
    ]


def test_ports() -> None:
    steps = {"train": {"type": "Training", **JOB}, "model": {"type": "CreateModel", "image_uri": IMAGE}}
    found = steps_of(config(steps, edges=["train -> model"]))["model"]["Arguments"]
    assert found["PrimaryContainer"]["ModelDataUrl"] == {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}


# Source: their model classes in the SageMaker Python SDK repack the archive.
@pytest.mark.parametrize("framework", ["huggingface", "mxnet", "pytorch", "tensorflow"])
def test_code_that_a_container_would_not_find(framework: str) -> None:
    fields = {
        "type": "CreateModel",
        "framework": framework,
        "framework_version": "2.0",
        "entry_point": "x.py",
    }
    codes = [
        error.code for error in check(config({"step": {**fields, "instance_type": "ml.m5.xlarge"}})).errors
    ]
    # Where no SDK is installed, or its tables have no such version, the image cannot be looked up either.
    assert codes[0] == "model.needs-repack"
    assert set(codes[1:]) <= {"image.missing-sdk", "image.unknown"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_uri": None}, "step 'step': no image is given"),
        ({"source_dir": "."}, "step 'step': source_dir needs entry_point"),
        ({"inputs": {"modl": "s3://b/x"}}, "step 'step': unknown input 'modl'"),
        ({"cache": True}, "step 'step' (CreateModel): unknown field 'cache'"),
        (
            {"inputs": {"model": "s3//b/x"}},
            "step 'step': input 'model' reads 's3//b/x', which is neither a URI nor step.port",
        ),
        ({"inputs": {"model": "ftp://b/x"}}, None),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str | None) -> None:
    error = error_in({"type": "CreateModel", "image_uri": IMAGE, **fields})
    if message is not None:
        assert error.message == message
    else:
        assert error.message.startswith("step 'step': inputs.model must match")


def test_without_a_role() -> None:
    pipeline = {"name": "demo"}
    error = error_in({"type": "CreateModel", "image_uri": IMAGE}, pipeline=pipeline)
    assert (error.message, str(error.location)) == ("steps need an execution role", "<config>.pipeline")
    given = arguments_of({"type": "CreateModel", "image_uri": IMAGE, "role": ROLE}, pipeline=pipeline)
    assert given["ExecutionRoleArn"] == ROLE


@pytest.mark.parametrize("field", ["image_uri", "framework"])
def test_a_wrong_image_is_one_error(field: str) -> None:
    error = error_in({"type": "CreateModel", field: 5})
    assert error.message.startswith(f"step 'step' (CreateModel): {field}: expected a string")
