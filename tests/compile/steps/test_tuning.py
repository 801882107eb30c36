"""Tuning: from config to CreateHyperParameterTuningJob."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import IMAGE, JOB, ROLE, arguments_of, config, error_in, step_of, steps_of

TUNING: dict[str, Any] = {
    "type": "Tuning",
    **JOB,
    "max_jobs": 4,
    "objective": {"name": "loss", "type": "Minimize"},
    "metric_definitions": {"loss": "loss=(.*)"},
    "ranges": {"depth": {"type": "Integer", "min": 1, "max": 9}},
}


def test_minimal() -> None:
    assert step_of(TUNING) == {
        "Name": "step",
        "Type": "Tuning",
        "Arguments": {
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 1},
                "TrainingJobEarlyStoppingType": "Off",
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ParameterRanges": {
                    "IntegerParameterRanges": [
                        {"Name": "depth", "MinValue": "1", "MaxValue": "9", "ScalingType": "Auto"}
                    ]
                },
            },
            "TrainingJobDefinition": {
                "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
                "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
                "AlgorithmSpecification": {
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
                    "TrainingImage": IMAGE,
                },
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/demo/step"},
            },
        },
    }


def test_full() -> None:
    arguments = arguments_of(
        {
            **TUNING,
            "strategy": "Random",
            "early_stopping": "Auto",
            "random_seed": 7,
            "max_jobs": "${param.Jobs}",
            "max_parallel_jobs": 2,
            "instance_count": 2,
            "volume_size_in_gb": 40,
            "volume_kms_key": "key-v",
            "output_path": "s3://b/out",
            "output_kms_key": "key-o",
            "max_runtime_in_seconds": 60,
            "max_wait_time_in_seconds": 90,
            "use_spot_instances": True,
            "checkpoint_s3_uri": "s3://b/c",
            "checkpoint_local_path": "/opt/ml/c",
            "input_mode": "FastFile",
            "metric_definitions": {"loss": "loss=(.*)"},
            "enable_network_isolation": True,
            "encrypt_inter_container_traffic": True,
            "subnets": ["subnet-1"],
            "security_group_ids": ["sg-1"],
            "environment": {"A": True},
            "hyperparameters": {"fixed": 1},
            "inputs": {"train": "s3://b/train"},
            "ranges": {
                "rate": {"type": "Continuous", "min": 0.01, "max": "${param.Most}", "scaling": "Logarithmic"},
                "kind": ["gini", "entropy", 3],
                "depth": {"type": "Integer", "min": 1, "max": 9},
            },
            "tags": {"team": "risk"},
        },
        parameters={"Jobs": 4, "Most": 0.5},
    )
    assert arguments["HyperParameterTuningJobConfig"] == {
        "Strategy": "Random",
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": {"Get": "Parameters.Jobs"},
            "MaxParallelTrainingJobs": 2,
        },
        "TrainingJobEarlyStoppingType": "Auto",
        "RandomSeed": 7,
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {
                    "Name": "rate",
                    "MinValue": "0.01",
                    "MaxValue": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Most"}]}},
                    "ScalingType": "Logarithmic",
                }
            ],
            "CategoricalParameterRanges": [{"Name": "kind", "Values": ["gini", "entropy", "3"]}],
            "IntegerParameterRanges": [
                {"Name": "depth", "MinValue": "1", "MaxValue": "9", "ScalingType": "Auto"}
            ],
        },
    }
    assert arguments["Tags"] == [{"Key": "team", "Value": "risk"}]
    assert arguments["TrainingJobDefinition"] == {
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 2,
            "VolumeSizeInGB": 40,
            "VolumeKmsKeyId": "key-v",
        },
        "OutputDataConfig": {"KmsKeyId": "key-o", "S3OutputPath": "s3://b/out"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/c"},
        "AlgorithmSpecification": {
            "TrainingInputMode": "FastFile",
            "TrainingImage": IMAGE,
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        },
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "Environment": {"A": "true"},
        "RoleArn": ROLE,
        "StaticHyperParameters": {"fixed": "1"},
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
            }
        ],
    }


def test_the_best_model_flows_on() -> None:
    model = {"type": "CreateModel", "image_uri": IMAGE}
    steps = steps_of(config({"tune": TUNING, "m": model}, edges=["tune -> m"]))
    assert steps["m"]["Arguments"]["PrimaryContainer"]["ModelDataUrl"] == {
        "Std:Join": {
            "On": "/",
            "Values": [
                {"Get": "Steps.tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath"},
                {"Get": "Steps.tune.BestTrainingJob.TrainingJobName"},
                "output/model.tar.gz",
            ],
        }
    }


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"type": "Integer", "min": 1},
            "ranges.x: a Categorical range has values, any other has min and max",
        ),
        (
            {"type": "Categorical", "min": 1, "max": 2},
            "ranges.x: a Categorical range has values, any other has min and max",
        ),
        (
            {"type": "Integer", "min": 1, "max": 2, "values": [1]},
            "ranges.x: a Categorical range has values, any other has min and max",
        ),
        ([], "ranges.x: a Categorical range has values, any other has min and max"),
        ({"min": 1, "max": 2}, "'ranges.x.type' is missing"),
        (
            {"type": "Integr", "min": 1, "max": 2},
            "ranges.x.type: expected 'Continuous', 'Integer' or 'Categorical', got 'Integr'",
        ),
        (5, "ranges.x: expected a mapping, got 5"),
        ({"type": "Integer", "min": "1", "max": 2}, "ranges.x.min: expected an integer or a number, got '1'"),
    ],
)
def test_mistakes_in_ranges(item: Any, message: str) -> None:
    error = error_in({**TUNING, "ranges": {"x": item}})
    assert error.message == f"step 'step' (Tuning): {message}"
