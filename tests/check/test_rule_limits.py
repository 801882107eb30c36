"""Limits of the service, each written out from its source: the largest value passes, and one more is reported.

The examples of the rules stand next to the limits in the code, and follow them when they change; these do not.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from typing import Any

import pytest

from dagcast.check.definition import check_steps
from dagcast.definition.read import read_definition


def codes(definition_type: str, arguments: dict[str, Any], **fields: Any) -> list[str]:
    """The codes of a pipeline with one step."""
    step = {"Name": "step", "Type": definition_type, "Arguments": arguments, **fields}
    return pipeline_codes([step], [])


def pipeline_codes(steps: Sequence[Any], parameters: Sequence[Any]) -> list[str]:
    text = json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})
    return [problem.code for problem in check_steps(read_definition(text))]


def stopping(**limits: int) -> dict[str, Any]:
    return {"StoppingCondition": limits}


def tuning(
    *, strategy: str = "Bayesian", static: int = 0, tuned: int = 1, metrics: int = 1, **limits: int
) -> Any:
    ranges = [{"Name": f"t{n}", "MinValue": "1", "MaxValue": "2"} for n in range(tuned)]
    lists = {"ContinuousParameterRanges": ranges[:10], "IntegerParameterRanges": ranges[10:]}
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "ResourceLimits": {"MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 1, **limits},
            "ParameterRanges": lists,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "MetricDefinitions": [{"Name": f"m{n}", "Regex": "(.*)"} for n in range(metrics)]
            },
            "StaticHyperParameters": {f"s{n}": "1" for n in range(static)},
        },
    }


def containers(size: int) -> dict[str, Any]:
    """Two containers whose names and values of variables have so many bytes."""
    count, rest = divmod(size, 1024)
    variables = [(f"V{letter}", "x" * 1022) for letter in string.ascii_letters[:count]]
    variables[0] = ("Va", "x" * (1022 + rest))
    halves = (variables[:16], variables[16:])
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
    return {
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "Containers": [{"Image": image, "Environment": dict(half)} for half in halves],
    }


def spot(seconds: int) -> dict[str, Any]:
    return {
        "AlgorithmSpecification": {"TrainingImage": KNN, "TrainingInputMode": "File"},
        "EnableManagedSpotTraining": True,
        **stopping(MaxRuntimeInSeconds=60, MaxWaitTimeInSeconds=seconds),
    }


# A built-in algorithm that keeps no checkpoints.
KNN = "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"


@pytest.mark.parametrize(
    ("code", "kind", "most", "above"),
    [
        # SageMaker Developer Guide, model-managed-spot-training: 3600 seconds without checkpoints.
        ("algorithm.spot-wait", "Training", spot(3600), spot(3601)),
        # botocore, AutoMLOutputDataConfig.S3OutputPath, as the service has it: 512 characters.
        (
            "automl.output-path",
            "AutoML",
            {"OutputDataConfig": {"S3OutputPath": "s3://" + "a" * 507}},
            {"OutputDataConfig": {"S3OutputPath": "s3://" + "a" * 508}},
        ),
        # botocore, AddJobFlowSteps of EMR: "a total of 10,240 characters".
        (
            "emr.arguments",
            "EMR",
            {"StepConfig": {"HadoopJarStep": {"Args": ["x" * 10_000, "x" * 240]}}},
            {"StepConfig": {"HadoopJarStep": {"Args": ["x" * 10_000, "x" * 241]}}},
        ),
        # botocore, ContainerDefinition.Environment: 32 KB in all containers.
        (
            "model.environment-size",
            "Model",
            containers(32 * 1024),
            containers(32 * 1024 + 1),
        ),
        # botocore, FailStepMetadata.ErrorMessage: String3072.
        ("pipeline.fail-message", "Fail", {"ErrorMessage": "x" * 3072}, {"ErrorMessage": "x" * 3073}),
        # Service Quotas, "longest run time for a processing job": 5 days.
        (
            "processing.runtime",
            "Processing",
            stopping(MaxRuntimeInSeconds=432_000),
            stopping(MaxRuntimeInSeconds=432_001),
        ),
        # botocore, StoppingCondition.MaxRuntimeInSeconds: 28 days.
        (
            "training.runtime",
            "Training",
            stopping(MaxRuntimeInSeconds=2_419_200),
            stopping(MaxRuntimeInSeconds=2_419_201),
        ),
        # botocore, CreateTransformJobRequest.MaxPayloadInMB: 100 MB, and with MaxConcurrentTransforms, too.
        ("transform.payload", "Transform", {"MaxPayloadInMB": 100}, {"MaxPayloadInMB": 101}),
        (
            "transform.payload",
            "Transform",
            {"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 5},
            {"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 6},
        ),
        # botocore, TransformInstanceCount.
        (
            "transform.instance-count",
            "Transform",
            {"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 100}},
            {"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 101}},
        ),
        # SageMaker Developer Guide, automatic-model-tuning-limits: 30 in all ranges, 100 jobs at a time,
        # 750 in all (10,000 for Random), 20 metrics.
        ("tuning.tuned-count", "Tuning", tuning(tuned=30), tuning(tuned=31)),
        (
            "tuning.quota",
            "Tuning",
            tuning(MaxParallelTrainingJobs=100, MaxNumberOfTrainingJobs=100),
            tuning(MaxParallelTrainingJobs=101, MaxNumberOfTrainingJobs=101),
        ),
        (
            "tuning.quota",
            "Tuning",
            tuning(MaxNumberOfTrainingJobs=750),
            tuning(MaxNumberOfTrainingJobs=751),
        ),
        (
            "tuning.quota",
            "Tuning",
            tuning(strategy="Random", MaxNumberOfTrainingJobs=10_000),
            tuning(strategy="Random", MaxNumberOfTrainingJobs=10_001),
        ),
        ("tuning.quota", "Tuning", tuning(metrics=20), tuning(metrics=21)),
        # The same guide, automatic-model-tuning-define-ranges: 100, one of which the service adds.
        ("tuning.hyperparameter-count", "Tuning", tuning(static=69, tuned=30), tuning(static=70, tuned=30)),
    ],
)
def test_one_more_than_the_service_takes_is_reported(
    code: str, kind: str, most: dict[str, Any], above: dict[str, Any]
) -> None:
    assert code not in codes(kind, most)
    assert codes(kind, above).count(code) == 1


@pytest.mark.parametrize(("seconds", "found"), [(43_200, 0), (43_201, 1)])
def test_the_longest_wait_between_two_tries_is_12_hours(seconds: int, found: int) -> None:
    """Source: SageMaker Developer Guide, pipelines-retry-policy."""
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": seconds, "MaxAttempts": 2}
    assert codes("Training", {}, RetryPolicies=[policy]).count("pipeline.retry-interval") == found


@pytest.mark.parametrize(("count", "found"), [(200, 0), (201, 1)])
def test_a_pipeline_has_200_parameters_at_most(count: int, found: int) -> None:
    """Source: botocore, ParameterList."""
    parameters = [{"Name": f"P{n}", "Type": "String", "DefaultValue": ""} for n in range(count)]
    stop = {"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    assert pipeline_codes([stop], parameters).count("pipeline.parameter-count") == found


@pytest.mark.parametrize(
    ("interval", "known"),
    [(n, True) for n in (100, 200, 500, 1000, 5000, 60_000)]
    + [(n, False) for n in (50, 101, 2000, 10_000, 60_001)],
)
def test_profiling_intervals(interval: int, known: bool) -> None:
    """Source: botocore, ProfilerConfig.ProfilingIntervalInMilliseconds."""
    arguments = {"ProfilerConfig": {"ProfilingIntervalInMilliseconds": interval}}
    assert ("training.profiling-interval" not in codes("Training", arguments)) is known


@pytest.mark.parametrize(
    ("seconds", "known"),
    [(n, True) for n in (10, 30, 60, 120, 180, 240, 300)] + [(n, False) for n in (1, 20, 61, 301)],
)
def test_publish_frequencies(seconds: int, known: bool) -> None:
    """Source: botocore, MetricsConfig.MetricPublishFrequencyInSeconds."""
    arguments = {"MetricsConfig": {"MetricPublishFrequencyInSeconds": seconds}}
    assert ("endpoint-config.publish-frequency" not in codes("EndpointConfig", arguments)) is known


@pytest.mark.parametrize(
    ("sizes", "known"),
    [
        ({"MemorySizeInMB": 2048, "MaxConcurrency": 5}, True),
        ({"MemorySizeInMB": 2047, "MaxConcurrency": 5}, False),
        ({"MemorySizeInMB": 1536, "MaxConcurrency": 5}, False),
        ({"MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 5}, True),
        ({"MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 6}, False),
    ],
)
def test_sizes_of_serverless_variants(sizes: dict[str, int], known: bool) -> None:
    """Source: botocore, ProductionVariantServerlessConfig."""
    variant = {"VariantName": "v", "ModelName": "m", "ServerlessConfig": sizes}
    found = codes("EndpointConfig", {"ProductionVariants": [variant]})
    assert ("endpoint-config.serverless-size" not in found) is known
