"""Bodies that the service accepts, one for each kind of step, written by hand."""

from __future__ import annotations

from typing import Any

from dagcast.definition.references import ExecutionVariable, Join, JsonGet, ParameterRef, StepProperty

ROLE = "arn:aws:iam::123456789012:role/service-role/pipelines"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1.2-1-cpu-py3"
PARAMETER_TYPES = {
    "InstanceType": "String",
    "InstanceCount": "Integer",
    "Volume": "Float",
    "Isolate": "Boolean",
}
REFERENCE_TYPES = {
    "ModelArtifacts.S3ModelArtifacts": "string",
    "TrainingTimeInSeconds": "integer",
    "CreationTime": "timestamp",
    "EnableNetworkIsolation": "boolean",
    "FinalMetricDataList[0].Value": "float",
    "VpcConfig": "structure",
    "InputDataConfig": "list",
}


def reference_type(reference: object) -> str | None:
    """Return the kinds of the properties of the tests' step ``train``; those of a property file are unknown."""
    return REFERENCE_TYPES.get(reference.path) if isinstance(reference, StepProperty) else None


TRAINING_INPUT: dict[str, Any] = {
    "ChannelName": "train",
    "DataSource": {
        "S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": Join("/", ("s3://bucket/runs", ExecutionVariable("PipelineExecutionId"))),
            "S3DataDistributionType": "FullyReplicated",
        }
    },
    "ContentType": "text/csv",
}

TRAINING: dict[str, Any] = {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {
        "InstanceType": ParameterRef("InstanceType"),
        "InstanceCount": ParameterRef("InstanceCount"),
        "VolumeSizeInGB": 30,
    },
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    "InputDataConfig": [TRAINING_INPUT],
    "HyperParameters": {"max_depth": "5", "eta": Join("", (ParameterRef("Volume"),))},
    "EnableNetworkIsolation": ParameterRef("Isolate"),
    "Tags": ({"Key": "team", "Value": "\u00c9quipe ML"},),
}

CONTAINER: dict[str, Any] = {
    "Image": IMAGE,
    "ModelDataUrl": StepProperty("train", "ModelArtifacts.S3ModelArtifacts"),
    "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
}

# By shape and service: the body, and the members that the pipeline names itself.
GOOD: dict[tuple[str, str], tuple[dict[str, Any], set[str]]] = {
    ("CreateProcessingJobRequest", "sagemaker"): (
        {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
            },
            "AppSpecification": {
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/preprocess.py"],
                "ContainerArguments": ["--limit", JsonGet("count", "Counts", "rows.train")],
            },
            "RoleArn": ROLE,
            "Environment": {"LOG_LEVEL": "info"},
            "ProcessingInputs": [
                {
                    "InputName": "code",
                    "S3Input": {
                        "S3Uri": "s3://bucket/code.tar.gz",
                        "LocalPath": "/opt/ml/processing/input/code",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "train",
                        "S3Output": {
                            "S3Uri": "s3://bucket/train",
                            "LocalPath": "/opt/ml/processing/train",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        },
        {"ProcessingJobName"},
    ),
    ("CreateTrainingJobRequest", "sagemaker"): (TRAINING, {"TrainingJobName"}),
    ("CreateHyperParameterTuningJobRequest", "sagemaker"): (
        {
            "HyperParameterTuningJobConfig": {
                "Strategy": "Bayesian",
                "ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2},
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
                "ParameterRanges": {
                    "ContinuousParameterRanges": [
                        {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5", "ScalingType": "Auto"}
                    ]
                },
            },
            "TrainingJobDefinition": {
                "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
                "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        },
        {"HyperParameterTuningJobName"},
    ),
    ("CreateTransformJobRequest", "sagemaker"): (
        {
            "ModelName": StepProperty("model", "ModelName"),
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/batch"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": "s3://bucket/scored", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
            "MaxPayloadInMB": 0,
        },
        {"TransformJobName"},
    ),
    ("CreateModelInput", "sagemaker"): (
        {"PrimaryContainer": CONTAINER, "ExecutionRoleArn": ROLE},
        {"ModelName"},
    ),
    ("CreateModelPackageInput", "sagemaker"): (
        {
            "ModelPackageGroupName": "diabetes",
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": {
                "Containers": [CONTAINER],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
                "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            },
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}
                }
            },
        },
        set(),
    ),
    ("CreateEndpointConfigInput", "sagemaker"): (
        {
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "model",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": 1,
                }
            ]
        },
        {"EndpointConfigName"},
    ),
    ("CreateAutoMLJobRequest", "sagemaker"): (
        {
            "InputDataConfig": [
                {
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train"}},
                    "TargetAttributeName": "target",
                }
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/automl"},
            "AutoMLJobConfig": {"Mode": "ENSEMBLING", "DataSplitConfig": {"ValidationFraction": 0.2}},
            "ProblemType": "Regression",
            "AutoMLJobObjective": {"MetricName": "MSE"},
            "RoleArn": ROLE,
        },
        {"AutoMLJobName"},
    ),
    ("StepConfig", "emr"): (
        {
            "Name": "count words",
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {
                "Jar": "command-runner.jar",
                "Args": ["spark-submit", "s3://bucket/job.py", "--note", "tab\tand \U0001f600"],
                "Properties": [{"Key": "k", "Value": "v"}],
            },
        },
        set(),
    ),
    ("StartJobRunRequest", "emr-serverless"): (
        {
            "applicationId": "00f1abcdefgh",
            "executionRoleArn": ROLE,
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://bucket/job.py", "entryPointArguments": ["a"]}},
            "executionTimeoutMinutes": 60,
        },
        set(),
    ),
}
