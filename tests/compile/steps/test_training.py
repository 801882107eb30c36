"""Training: from config to CreateTrainingJob."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.compiling import (
    IMAGE,
    JOB,
    ROLE,
    arguments_of,
    config,
    error_in,
    only_error,
    step_of,
    steps_of,
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script and a folder of code."""
    (tmp_path / "train.py").write_text("print('train')\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text("print('main')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_minimal() -> None:
    assert step_of({"type": "Training", **JOB}) == {
        "Name": "step",
        "Type": "Training",
        "Arguments": {
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
            "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": IMAGE},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/demo/step"},
        },
    }


def test_full() -> None:
    fields: dict[str, Any] = {
        "type": "Training",
        **JOB,
        "instance_count": 2,
        "volume_size_in_gb": "${param.Size}",
        "volume_kms_key": "key-v",
        "output_path": "s3://b/${exec.PipelineExecutionId}",
        "output_kms_key": "key-o",
        "max_runtime_in_seconds": 100,
        "max_wait_time_in_seconds": 200,
        "use_spot_instances": True,
        "checkpoint_s3_uri": "s3://b/checkpoints",
        "checkpoint_local_path": "/opt/ml/checkpoints",
        "input_mode": "Pipe",
        "metric_definitions": {"loss": "loss: ([0-9.]+)", "money": "$${x}"},
        "container_entrypoint": ["python3"],
        "arguments": ["-m", "train", 1],
        "environment": {"A": 1},
        "enable_network_isolation": False,
        "encrypt_inter_container_traffic": True,
        "subnets": ["subnet-1"],
        "security_group_ids": ["sg-1"],
        "hyperparameters": {
            "text": "plain",
            "whole": 3,
            "real": 0.1,
            "flag": True,
            "list": [1, "a"],
            "map": {"b": 1, "a": 2},
            "size": "${param.Size}",
            "run": "${exec.PipelineName}",
        },
        "inputs": {
            "train": "s3://b/train",
            "extra": {
                "source": "s3://b/extra",
                "content_type": "text/csv",
                "data_type": "AugmentedManifestFile",
                "distribution": "ShardedByS3Key",
                "input_mode": "Pipe",
                "compression": "Gzip",
                "record_wrapping": "RecordIO",
                "attribute_names": ["a"],
            },
        },
        "tags": {"team": "risk"},
        "cache": {"enabled": False},
    }
    step = step_of(fields, parameters={"Size": 40})
    size = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Size"}]}}
    assert step["Arguments"] == {
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 2,
            "VolumeSizeInGB": {"Get": "Parameters.Size"},
            "VolumeKmsKeyId": "key-v",
        },
        "OutputDataConfig": {
            "KmsKeyId": "key-o",
            "S3OutputPath": {
                "Std:Join": {"On": "", "Values": ["s3://b/", {"Get": "Execution.PipelineExecutionId"}]}
            },
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 200},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": "s3://b/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
        "AlgorithmSpecification": {
            "TrainingInputMode": "Pipe",
            "TrainingImage": IMAGE,
            "MetricDefinitions": [
                {"Name": "loss", "Regex": "loss: ([0-9.]+)"},
                {"Name": "money", "Regex": "${x}"},
            ],
            "ContainerEntrypoint": ["python3"],
            "ContainerArguments": ["-m", "train", "1"],
        },
        "Environment": {"A": "1"},
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "RoleArn": ROLE,
        "HyperParameters": {
            "text": "plain",
            "whole": "3",
            "real": "0.1",
            "flag": "true",
            "list": '[1, "a"]',
            "map": '{"a": 2, "b": 1}',
            "size": size,
            "run": {"Get": "Execution.PipelineName"},
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://b/train",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            },
            {
                "ChannelName": "extra",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "AugmentedManifestFile",
                        "S3Uri": "s3://b/extra",
                        "S3DataDistributionType": "ShardedByS3Key",
                        "AttributeNames": ["a"],
                    }
                },
                "ContentType": "text/csv",
                "CompressionType": "Gzip",
                "InputMode": "Pipe",
                "RecordWrapperType": "RecordIO",
            },
        ],
        "Tags": [{"Key": "team", "Value": "risk"}],
    }
    assert step["CacheConfig"] == {"Enabled": False}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("code", "program"),
    [
        ({"entry_point": "train.py"}, "train.py"),
        ({"entry_point": "code/main.py"}, "main.py"),
        ({"entry_point": "main.py", "source_dir": "code"}, "main.py"),
    ],
)
def test_script_mode(code: dict[str, str], program: str) -> None:
    """In script mode the toolkit in the container reads every hyperparameter as JSON."""
    given = {"depth": 3, "kind": "gini"}
    arguments = arguments_of({"type": "Training", **JOB, **code, "hyperparameters": given})
    hyperparameters = arguments["HyperParameters"]
    read = {name: json.loads(value) for name, value in hyperparameters.items()}
    archive = read.pop("sagemaker_submit_directory")
    assert archive.startswith("s3://my-bucket/demo/code/")
    assert archive.endswith("/sourcedir.tar.gz")
    assert read == {
        **given,
        "sagemaker_container_log_level": 20,
        "sagemaker_program": program,
        "sagemaker_region": "us-east-1",
    }


def test_output_port() -> None:
    steps = {
        "train": {"type": "Training", **JOB},
        "more": {"type": "Training", **JOB, "inputs": {"pretrained": {"kind": "model"}}},
    }
    found = steps_of(config(steps, edges=["train -> more"]))["more"]["Arguments"]["InputDataConfig"]
    assert found[0]["DataSource"]["S3DataSource"]["S3Uri"] == {
        "Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"
    }


def test_an_edge_may_name_a_new_channel() -> None:
    steps = {"a": {"type": "Processing", **JOB, "outputs": {"x": None}}, "t": {"type": "Training", **JOB}}
    found = steps_of(config(steps, edges=["a.x -> t.validation"]))["t"]["Arguments"]["InputDataConfig"]
    assert [channel["ChannelName"] for channel in found] == ["validation"]


def test_a_machine_is_kept_for_the_next_job() -> None:
    arguments = arguments_of({"type": "Training", **JOB, "keep_alive_period_in_seconds": 60})
    assert arguments["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 60


MODEL = "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/tiny/1.0.0"
SERVERLESS = {"ServerlessJobConfig": {"BaseModelArn": MODEL, "JobType": "FineTuning"}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"instance_type": None, "request": SERVERLESS}, None),
        ({"image_uri": None}, "step 'step': no image is given"),
        (
            {"instance_type": "ml.m5.xlarg"},
            "step 'step': instance_type must be a value of TrainingInstanceType, not 'ml.m5.xlarg'",
        ),
        (
            {"instance_count": "${param.Text}"},
            "step 'step': instance_count must be an integer, but ${param.Text} is a parameter of type String",
        ),
        (
            {"hyperparameters": {"a": {"b": ["${param.Text}"]}}},
            "step 'step': a list or mapping is written as JSON when compiling, so ${param.Text} in it would not "
            "be filled in",
        ),
        (
            {"hyperparameters": {f"h{i}": i for i in range(101)}},
            "step 'step': HyperParameters must have at most 100 keys, and has 101",
        ),
        (
            {"inputs": {f"c{i}": "s3://b/x" for i in range(21)}},
            "step 'step': InputDataConfig must have 1 to 20 items, and has 21",
        ),
        (
            {"inputs": {"a b": "s3://b/x"}},
            "step 'step': InputDataConfig[0].ChannelName must match [A-Za-z0-9\\.\\-_]+, and does not: 'a b'",
        ),
        (
            {"metric_definitions": [{"Name": "a", "Regex": "b"}]},
            "step 'step' (Training): metric_definitions: expected a mapping, got [{'Name': 'a', 'Regex': 'b'}]",
        ),
        (
            {"tags": {f"t{i}": "x" for i in range(51)}},
            "step 'step': tags must have at most 50 items, and has 51",
        ),
        (
            {"max_runtime_in_seconds": 0},
            "step 'step': max_runtime_in_seconds must be at least 1, not 0",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str | None) -> None:
    step = {"type": "Training", **JOB, **fields}
    if message is None:
        # Serverless jobs name no instance type of their own.
        assert "InstanceType" not in arguments_of(step).get("ResourceConfig", {})
    else:
        assert error_in(step, parameters={"Text": "x"}).message == message


@pytest.mark.parametrize("type_", ["Training", "Processing"])
@pytest.mark.parametrize("where", ["step", "defaults", "defaults of the type"])
def test_the_old_name_of_the_containers_entrypoint_says_the_new_one(type_: str, where: str) -> None:
    old = {"entrypoint": ["python3"]}
    source = config({"step": {"type": type_, **JOB, **(old if where == "step" else {})}})
    if where != "step":
        source["defaults"] = old if where == "defaults" else {type_: old}
    error = only_error(source)
    assert error.code == "config.renamed-field"
    assert "'entrypoint' is called 'container_entrypoint'" in error.message
    assert error.hint == "write container_entrypoint"
