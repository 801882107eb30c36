"""Small valid requests, one for each shape that has rules. The examples of rules are changes to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
VPC = {"Subnets": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}
"""A valid ``VpcConfig``."""
_TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": _IMAGE, "TrainingInputMode": "File"},
    "RoleArn": _ROLE,
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/train"}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
_OBJECTIVE = {"MetricName": "auc", "Type": "Maximize"}
_VARIANT = {
    "VariantName": "main",
    "ModelName": "churn",
    "InstanceType": "ml.m5.xlarge",
    "InitialInstanceCount": 1,
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "CreateTrainingJobRequest": {"TrainingJobName": "train", **_TRAINING},
        "HyperParameterTrainingJobDefinition": _TRAINING,
        "CreateHyperParameterTuningJobRequest": {
            "HyperParameterTuningJobName": "tune",
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "HyperParameterTuningJobObjective": _OBJECTIVE,
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
                "ParameterRanges": {
                    "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.9"}]
                },
            },
            "TrainingJobDefinition": {
                **_TRAINING,
                "AlgorithmSpecification": {
                    "TrainingImage": _IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*?);"}],
                },
            },
        },
        "CreateProcessingJobRequest": {
            "ProcessingJobName": "prepare",
            "AppSpecification": {"ImageUri": _IMAGE},
            "RoleArn": _ROLE,
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
        },
        "CreateTransformJobRequest": {
            "TransformJobName": "score",
            "ModelName": "churn",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/in"}}
            },
            "TransformOutput": {"S3OutputPath": "s3://my-bucket/out"},
            "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        },
        "CreateModelInput": {
            "ModelName": "churn",
            "ExecutionRoleArn": _ROLE,
            "PrimaryContainer": {"Image": _IMAGE, "ModelDataUrl": "s3://my-bucket/model.tar.gz"},
        },
        "CreateModelPackageInput": {
            "ModelPackageGroupName": "churn",
            "InferenceSpecification": {
                "Containers": [{"Image": _IMAGE, "ModelDataUrl": "s3://my-bucket/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
        "CreateEndpointConfigInput": {"EndpointConfigName": "churn", "ProductionVariants": [_VARIANT]},
        "CreateEndpointInput": {"EndpointName": "churn", "EndpointConfigName": "churn"},
        "CreateAutoMLJobRequest": {
            "AutoMLJobName": "search",
            "RoleArn": _ROLE,
            "InputDataConfig": [
                {
                    "DataSource": {
                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/train"}
                    },
                    "TargetAttributeName": "label",
                }
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/models"},
            "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
        },
        "RunJobFlowInput": {
            "Name": "cluster",
            "Instances": {
                "InstanceGroups": [
                    {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
                ]
            },
        },
        "StepConfig": {
            "Name": "spark",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", "job.py"]},
        },
    }
)
"""By request shape: a body that the service accepts."""


def example(shape: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the small valid request of a shape with ``members`` merged into it. ``None`` removes a member."""
    return _merged(EXAMPLES[shape], members)


def tuning_config(**members: Any) -> dict[str, Any]:
    """Return the member of a tuning request that contains its configuration."""
    return {"HyperParameterTuningJobConfig": members}


def step_example(name: str, kind: str, shape: str | None = None, /, **members: Any) -> dict[str, Any]:
    """Return a step of a definition.

    Args:
        name: Its name.
        kind: Its ``Type``.
        shape: The shape of its request, to merge the members into :func:`example`. Default: only the members.
        members: Members of the arguments.
    """
    return {"Name": name, "Type": kind, "Arguments": example(shape, members) if shape else members}


def job_example(name: str, uri: str) -> dict[str, Any]:
    """Return a processing step that writes to an S3 URI."""
    target = {"S3Uri": uri, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    outputs = [{"OutputName": "data", "S3Output": target}]
    members = {"ProcessingOutputConfig": {"Outputs": outputs}}
    return step_example(name, "Processing", "CreateProcessingJobRequest", **members)


def definition_example(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a definition with steps, and its other members such as ``Parameters``."""
    return {"Steps": list(steps), **more}


def _merged(base: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in members.items():
        below = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged
