"""AutoML: from config to CreateAutoMLJob."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import IMAGE, JOB, ROLE, arguments_of, config, error_in, step_of, steps_of

AUTOML: dict[str, Any] = {
    "type": "AutoML",
    "target_attribute_name": "y",
    "inputs": {"train": "s3://b/train"},
}


def test_minimal() -> None:
    assert step_of(AUTOML) == {
        "Name": "step",
        "Type": "AutoML",
        "Arguments": {
            "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
            "RoleArn": ROLE,
            "InputDataConfig": [
                {
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}},
                    "TargetAttributeName": "y",
                }
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/demo/step"},
        },
    }


def test_full() -> None:
    fields = {
        **AUTOML,
        "content_type": "text/csv;header=present",
        "compression_type": "Gzip",
        "problem_type": "Regression",
        "objective": "MSE",
        "max_candidates": 3,
        "max_runtime_per_training_job_in_seconds": 60,
        "max_runtime_in_seconds": 600,
        "output_path": "s3://b/out",
        "output_kms_key": "key-o",
        "volume_kms_key": "key-v",
        "encrypt_inter_container_traffic": True,
        "subnets": ["subnet-1"],
        "security_group_ids": ["sg-1"],
        "inputs": {"train": "s3://b/train", "validation": "s3://b/validation"},
        "tags": {"team": "risk"},
    }

    def entry(name: str, channel: str) -> dict[str, Any]:
        return {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://b/{name}"}},
            "TargetAttributeName": "y",
            "ContentType": "text/csv;header=present",
            "CompressionType": "Gzip",
            "ChannelType": channel,
        }

    assert arguments_of(fields) == {
        "AutoMLJobConfig": {
            "Mode": "ENSEMBLING",
            "CompletionCriteria": {
                "MaxCandidates": 3,
                "MaxRuntimePerTrainingJobInSeconds": 60,
                "MaxAutoMLJobRuntimeInSeconds": 600,
            },
            "SecurityConfig": {
                "VolumeKmsKeyId": "key-v",
                "EnableInterContainerTrafficEncryption": True,
                "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            },
        },
        "ProblemType": "Regression",
        "AutoMLJobObjective": {"MetricName": "MSE"},
        "OutputDataConfig": {"KmsKeyId": "key-o", "S3OutputPath": "s3://b/out"},
        "Tags": [{"Key": "team", "Value": "risk"}],
        "RoleArn": ROLE,
        "InputDataConfig": [entry("train", "training"), entry("validation", "validation")],
    }


def test_ports() -> None:
    steps = {
        "load": {"type": "Processing", **JOB, "outputs": {"train": None, "validation": None}},
        "search": {"type": "AutoML", "target_attribute_name": "y"},
        "model": {"type": "CreateModel", "image_uri": IMAGE},
    }
    found = steps_of(config(steps, edges=["load -> search", "search.model -> model.model"]))
    uris = [
        item["DataSource"]["S3DataSource"]["S3Uri"]["Get"]
        for item in found["search"]["Arguments"]["InputDataConfig"]
    ]
    assert uris == [
        f"Steps.load.ProcessingOutputConfig.Outputs['{n}'].S3Output.S3Uri" for n in ("train", "validation")
    ]
    assert found["model"]["Arguments"]["PrimaryContainer"]["ModelDataUrl"] == {
        "Get": "Steps.search.BestCandidate.InferenceContainers[0].ModelDataUrl"
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inputs": None}, "step 'step': nothing feeds its input 'train'"),
        ({"inputs": {"train": "s3://b/x", "valid": "s3://b/y"}}, "step 'step': unknown input 'valid'"),
        ({"mode": "AUTO"}, "step 'step' (AutoML): mode: expected 'ENSEMBLING', got 'AUTO'"),
        (
            {"request": {"ModelDeployConfig": {}}},
            "step 'step': ModelDeployConfig cannot be set: pipelines do not take it",
        ),
        ({"target_attribute_name": None}, "step 'step' (AutoML): 'target_attribute_name' is missing"),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({**AUTOML, **fields}).message == message
