"""QualityCheck: from config to the processing job of Model Monitor, and its baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.compiling import IMAGE, JOB, ROLE, config, error_in, step_of, steps_of

CHECK: dict[str, Any] = {
    "type": "QualityCheck",
    "image_uri": IMAGE,
    "dataset_format": {"csv": {"header": True}},
    "inputs": {"dataset": "s3://b/data"},
}
RUN = {"Get": "Execution.PipelineExecutionId"}


def test_minimal() -> None:
    assert step_of(CHECK) == {
        "Name": "step",
        "Type": "QualityCheck",
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "RoleArn": ROLE,
            "AppSpecification": {"ImageUri": IMAGE},
            "ProcessingInputs": [
                {
                    "InputName": "baseline_dataset_input",
                    "AppManaged": False,
                    "S3Input": {
                        "S3Uri": "s3://b/data",
                        "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                        "S3DataDistributionType": "FullyReplicated",
                        "S3CompressionType": "None",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "quality_check_output",
                        "AppManaged": False,
                        "S3Output": {
                            "S3Uri": {
                                "Std:Join": {
                                    "On": "/",
                                    "Values": ["s3:/", "my-bucket", "demo", RUN, "step", "output"],
                                }
                            },
                            "LocalPath": "/opt/ml/processing/output",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "Environment": {
                "output_path": "/opt/ml/processing/output",
                "publish_cloudwatch_metrics": "Disabled",
                "dataset_format": '{"csv": {"header": true}}',
                "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
            },
        },
        "CheckType": "DATA_QUALITY",
        "ModelPackageGroupName": None,
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
        "SuppliedBaselineStatistics": None,
        "SuppliedBaselineConstraints": None,
    }


def test_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "before.py").write_text("x = 1\n")
    (tmp_path / "after.py").write_text("x = 2\n")
    monkeypatch.chdir(tmp_path)
    step = step_of(
        {
            **CHECK,
            "check_type": "MODEL_QUALITY",
            "problem_type": "Regression",
            "inference_attribute": "prediction",
            "probability_attribute": 1,
            "ground_truth_attribute": "${param.Truth}",
            "probability_threshold_attribute": 0.5,
            "record_preprocessor_script": "before.py",
            "post_analytics_processor_script": "after.py",
            "role": "arn:aws:iam::123456789012:role/Other",
            "instance_type": "ml.c5.xlarge",
            "instance_count": 2,
            "volume_size_in_gb": 40,
            "volume_kms_key": "key-v",
            "max_runtime_in_seconds": 60,
            "enable_network_isolation": True,
            "subnets": ["subnet-1"],
            "security_group_ids": ["sg-1"],
            "environment": {"A": 1},
            "output_path": "s3://b/out",
            "output_kms_key": "key-o",
            "skip_check": True,
            "fail_on_violation": "${param.Fail}",
            "register_new_baseline": True,
            "model_package_group_name": "models",
            "supplied_baseline_constraints": "s3://b/c.json",
            "supplied_baseline_statistics": "s3://b/s.json",
            "cache": True,
        },
        parameters={"Truth": "label", "Fail": True},
    )
    arguments = step["Arguments"]
    assert [item["InputName"] for item in arguments["ProcessingInputs"]] == [
        "baseline_dataset_input",
        "post_analytics_processor_script_input",
        "record_preprocessor_script_input",
    ]
    environment = arguments["Environment"]
    assert environment["A"] == "1"
    assert environment["analysis_type"] == "MODEL_QUALITY"
    assert environment["problem_type"] == "Regression"
    assert environment["inference_attribute"] == "prediction"
    assert environment["probability_attribute"] == "1"
    assert environment["ground_truth_attribute"] == {"Get": "Parameters.Truth"}
    assert environment["probability_threshold_attribute"] == "0.5"
    for variable, channel, script in (
        ("record_preprocessor_script", "record_preprocessor_script_input", "before.py"),
        ("post_analytics_processor_script", "post_analytics_processor_script_input", "after.py"),
    ):
        assert environment[variable] == f"/opt/ml/processing/input/{channel}/{script}"
    assert arguments["RoleArn"] == "arn:aws:iam::123456789012:role/Other"
    assert arguments["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 2,
        "VolumeSizeInGB": 40,
        "VolumeKmsKeyId": "key-v",
    }
    assert arguments["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert arguments["NetworkConfig"] == {
        "EnableNetworkIsolation": True,
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
    }
    assert arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://b/out"
    assert arguments["ProcessingOutputConfig"]["KmsKeyId"] == "key-o"
    beside = {key: value for key, value in step.items() if key not in ("Arguments", "Name", "Type")}
    assert beside == {
        "CheckType": "MODEL_QUALITY",
        "ModelPackageGroupName": "models",
        "SkipCheck": True,
        "FailOnViolation": {"Get": "Parameters.Fail"},
        "RegisterNewBaseline": True,
        "SuppliedBaselineStatistics": "s3://b/s.json",
        "SuppliedBaselineConstraints": "s3://b/c.json",
        "CacheConfig": {"Enabled": True},
    }


def test_ports() -> None:
    steps = {
        "load": {"type": "Processing", **JOB, "outputs": {"rows": None}},
        "check": {**CHECK, "inputs": None},
        "register": {"type": "RegisterModel", "image_uri": IMAGE, "model_package_group_name": "m"},
    }
    edges = [
        "load -> check",
        "check.calculated_statistics -> register.data_statistics",
        "check.calculated_constraints -> register.data_constraints",
    ]
    found = steps_of(config(steps, edges=edges))
    source = found["check"]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    assert source == {"Get": "Steps.load.ProcessingOutputConfig.Outputs['rows'].S3Output.S3Uri"}
    quality = found["register"]["Arguments"]["ModelMetrics"]["ModelDataQuality"]
    assert quality["Statistics"]["S3Uri"] == {"Get": "Steps.check.CalculatedBaselineStatistics"}
    assert quality["Constraints"]["S3Uri"] == {"Get": "Steps.check.CalculatedBaselineConstraints"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inputs": None}, "step 'step': nothing feeds its input 'dataset'"),
        ({"dataset_format": None}, "step 'step' (QualityCheck): 'dataset_format' is missing"),
        (
            {"problem_type": "Regression"},
            "step 'step' (QualityCheck): problem_type is only for check_type MODEL_QUALITY",
        ),
        (
            {"check_type": "MODEL_QUALITY"},
            "step 'step' (QualityCheck): check_type MODEL_QUALITY needs problem_type",
        ),
        (
            {"dataset_format": {"csv": {"header": "${param.H}"}}},
            "step 'step' (QualityCheck): dataset_format: it is written out when the pipeline is compiled, so "
            "${param.H} would not be filled in",
        ),
        ({"record_preprocessor_script": "gone.py"}, "step 'step': gone.py does not exist"),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({**CHECK, **fields}).message == message
