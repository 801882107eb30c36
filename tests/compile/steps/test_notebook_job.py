"""NotebookJob: from config to the training job that runs the notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.compiling import IMAGE, ROLE, config, error_in, step_of, steps_of

JOB: dict[str, Any] = {
    "type": "NotebookJob",
    "input_notebook": "reports/report.ipynb",
    "image_uri": IMAGE,
    "kernel_name": "python3",
}
CHANNEL = "sagemaker_headless_execution_pipelinestep"
RUN = {"Get": "Execution.PipelineExecutionId"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with a notebook and what goes along with it."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "report.ipynb").write_text("{}")
    (tmp_path / "init.sh").write_text("echo init\n")
    (tmp_path / "more.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)


def test_minimal() -> None:
    step = step_of(JOB)
    assert (step["Name"], step["Type"]) == ("step", "Training")
    arguments = step["Arguments"]
    (channel,) = arguments.pop("InputDataConfig")
    assert channel["ChannelName"] == CHANNEL
    assert channel["DataSource"]["S3DataSource"]["S3Uri"].startswith("s3://my-bucket/demo/code/")
    assert arguments == {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["amazon_sagemaker_scheduler"],
        },
        "ResourceConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 30, "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 172800},
        "RetryStrategy": {"MaximumRetryAttempts": 1},
        "EnableInterContainerTrafficEncryption": True,
        "RoleArn": ROLE,
        "TrainingJobName": "step",
        "OutputDataConfig": {
            "S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3:/", "my-bucket", "demo", RUN, "step"]}}
        },
        "Environment": {
            "AWS_DEFAULT_REGION": "us-east-1",
            "SM_JOB_DEF_VERSION": "1.0",
            "SM_ENV_NAME": "sagemaker-default-env",
            "SM_SKIP_EFS_SIMULATION": "true",
            "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{CHANNEL}",
            "SM_KERNEL_NAME": "python3",
            "SM_INPUT_NOTEBOOK_NAME": "report.ipynb",
            "SM_OUTPUT_NOTEBOOK_NAME": "step.ipynb",
        },
        "Tags": [
            {"Key": "sagemaker:name", "Value": "step"},
            {"Key": "sagemaker:notebook-name", "Value": "report.ipynb"},
            {"Key": "sagemaker:notebook-job-origin", "Value": "PIPELINE_STEP"},
            {"Key": "sagemaker:is-studio-archived", "Value": "false"},
        ],
    }


def test_full() -> None:
    step = step_of(
        {
            **JOB,
            "role": "arn:aws:iam::123456789012:role/Other",
            "initialization_script": "init.sh",
            "additional_dependencies": ["more.py"],
            "notebook_job_name": "my_job",
            "parameters": {"rows": 3, "name": "${param.P}", "count": "${param.N}"},
            "environment": {"A": 1},
            "instance_type": "ml.m5.xlarge",
            "volume_size_in_gb": 40,
            "volume_kms_key": "key-v",
            "output_path": "s3://b/out",
            "output_kms_key": "key-o",
            "max_runtime_in_seconds": 60,
            "max_retry_attempts": 3,
            "encrypt_inter_container_traffic": False,
            "subnets": ["subnet-1"],
            "security_group_ids": ["sg-1"],
            "tags": {"team": "risk"},
            "retry_policies": [{"exception_types": ["Step.THROTTLING"], "max_attempts": 2}],
        },
        parameters={"P": "x", "N": 1},
    )
    arguments = step["Arguments"]
    assert arguments["TrainingJobName"] == "my-job"
    assert arguments["HyperParameters"] == {
        "rows": "3",
        "name": {"Get": "Parameters.P"},
        "count": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}},
    }
    assert arguments["ResourceConfig"] == {
        "InstanceType": "ml.m5.xlarge",
        "VolumeSizeInGB": 40,
        "VolumeKmsKeyId": "key-v",
        "InstanceCount": 1,
    }
    assert arguments["OutputDataConfig"] == {
        "KmsKeyId": "key-o",
        "S3OutputPath": {"Std:Join": {"On": "/", "Values": ["s3://b/out", "demo", RUN, "step"]}},
    }
    assert arguments["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    environment = arguments["Environment"]
    assert environment["A"] == "1"
    assert environment["SM_INIT_SCRIPT"] == "init.sh"
    assert environment["SM_OUTPUT_NOTEBOOK_NAME"] == "my-job.ipynb"
    assert arguments["Tags"][:2] == [
        {"Key": "team", "Value": "risk"},
        {"Key": "sagemaker:name", "Value": "my_job"},
    ]
    assert "RetryPolicies" in step


def test_a_job_has_a_name_that_the_service_takes() -> None:
    steps = steps_of(config({"weekly_report_": JOB}))
    assert steps["weekly_report_"]["Arguments"]["TrainingJobName"] == "weekly-report"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_notebook": "reprots/report.ipynb"}, "step 'step': reprots/report.ipynb does not exist"),
        ({"additional_dependencies": ["gone.py"]}, "step 'step': gone.py does not exist"),
        ({"kernel_name": None}, "step 'step' (NotebookJob): 'kernel_name' is missing"),
        (
            {"notebook_job_name": "1job"},
            "step 'step' (NotebookJob): notebook_job_name: '1job' does not match ^[a-zA-Z][a-zA-Z0-9_-]*$",
        ),
        ({"cache": True}, "step 'step' (NotebookJob): unknown field 'cache'"),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({**JOB, **fields}).message == message
