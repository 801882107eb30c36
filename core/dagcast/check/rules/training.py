"""Rules of training jobs, by themselves or inside a tuning job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import (
    at_most,
    excludes,
    inside,
    unique,
)
from dagcast.check.rules.containers import isolated_script, private_registry
from dagcast.check.rules.examples import VPC
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, TRAINING_JOB, TRAINING_JOBS, PipelineFacts, Rule
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS

_ISOLATED = {"EnableNetworkIsolation": True}
_LONGEST_RUN = 2_419_200


def hyperparameters(job: RequestBody) -> RequestBody:
    """Return the hyperparameters of a training job; those of a definition in a tuning job are the static ones."""
    return job.part("HyperParameters" if job.given("HyperParameters") else "StaticHyperParameters")


def _isolated_script(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    hint = "bring the archive by a channel, and name its path below /opt/ml/input/data"
    yield from isolated_script(job, hyperparameters(job), "sagemaker_submit_directory", hint)


def _private_registry(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    image = job.part("AlgorithmSpecification", "TrainingImageConfig")
    yield from private_registry(job, image, "TrainingRepository")


def _spot_needs_wait(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    stopping = job.part("StoppingCondition")
    if job.get("EnableManagedSpotTraining") is True and not stopping.given("MaxWaitTimeInSeconds"):
        message = "MaxWaitTimeInSeconds is missing, which EnableManagedSpotTraining needs"
        hint = "the seconds of waiting and running together"
        least = stopping.number("MaxRuntimeInSeconds")
        # A default run time follows a shorter wait.
        if least is not None and least != DEFAULT_RUN_TIME_SECONDS:
            hint += f": at least {least:,}, as MaxRuntimeInSeconds"
        yield stopping.finding(message, "MaxWaitTimeInSeconds", hint=hint)


def _wait_covers_runtime(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    stopping = job.part("StoppingCondition")
    wait, runtime = stopping.number("MaxWaitTimeInSeconds"), stopping.number("MaxRuntimeInSeconds")
    # The service's own default. Source: botocore, StoppingCondition.MaxRuntimeInSeconds.
    if wait is not None and runtime is None and not stopping.given("MaxRuntimeInSeconds"):
        runtime = DEFAULT_RUN_TIME_SECONDS
    if wait is not None and runtime is not None and wait < runtime:
        message = f"MaxWaitTimeInSeconds is {wait:,}, less than MaxRuntimeInSeconds, which is {runtime:,}"
        yield stopping.finding(message, "MaxWaitTimeInSeconds", hint="the wait includes the run")


def _wait_needs_spot(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    spot = job.get("EnableManagedSpotTraining")
    if spot in (None, False) and job.given("StoppingCondition", "MaxWaitTimeInSeconds"):
        message = "MaxWaitTimeInSeconds is for spot training, which is off"
        hint = "set EnableManagedSpotTraining, or leave the wait out"
        yield job.finding(message, "StoppingCondition", "MaxWaitTimeInSeconds", hint=hint)


def _metric_patterns_compile(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for metric in job.items("AlgorithmSpecification", "MetricDefinitions"):
        regex = metric.text("Regex")
        try:
            re.compile(regex or "")
        except re.error as error:
            yield metric.finding(f"the regex of metric {metric.get('Name')!r} is invalid: {error}", "Regex")


def _metric_patterns_capture(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for metric in job.items("AlgorithmSpecification", "MetricDefinitions"):
        regex = metric.text("Regex")
        try:
            groups = re.compile(regex).groups if regex is not None else 1
        except re.error:
            continue
        if not groups:
            yield metric.finding(
                f"the regex of metric {metric.get('Name')!r} has no group, so it never yields a value",
                "Regex",
                hint="put the number into parentheses, such as 'auc=([0-9.]+)'",
            )


def _checkpoint_path(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    path = job.text("CheckpointConfig", "LocalPath")
    for taken in ("/opt/ml/input", "/opt/ml/output", "/opt/ml/model", "/opt/ml/code"):
        if path is not None and (path.rstrip("/") == taken or path.startswith(f"{taken}/")):
            message = f"checkpoints cannot be kept in {taken}, which the container uses itself"
            yield job.finding(message, "CheckpointConfig", "LocalPath", hint="such as /opt/ml/checkpoints")


def _no_isolation_image(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    image = job.text("AlgorithmSpecification", "TrainingImage") or ""
    name = image.rpartition("/")[2]
    if job.get("EnableNetworkIsolation") is True and re.match(
        r"sagemaker-(chainer|rl-|mxnet-rl|tensorflow-rl)", name
    ):
        message = f"the image {name!r} does not support network isolation"
        yield job.finding(message, "EnableNetworkIsolation")


def _express_bucket_key(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    output = job.part("OutputDataConfig")
    bucket = (output.text("S3OutputPath") or "").removeprefix("s3://").partition("/")[0]
    if output.given("KmsKeyId") and bucket.endswith("--x-s3"):
        message = f"a KMS key cannot be used with the S3 Express One Zone bucket {bucket!r}"
        yield output.finding(message, "KmsKeyId")


def _rule_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    seen: set[str] = set()
    for member in ("DebugRuleConfigurations", "ProfilerRuleConfigurations"):
        for item in job.items(member):
            name = item.text("RuleConfigurationName")
            if name in seen:
                yield item.finding(f"a second rule is named {name!r}", "RuleConfigurationName")
            if name is not None:
                seen.add(name)


_INTERVALS = (100, 200, 500, 1000, 5000, 60000)


def _profiling_interval(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    value = job.number("ProfilerConfig", "ProfilingIntervalInMilliseconds")
    if value is not None and value not in _INTERVALS:
        known = ", ".join(map(str, _INTERVALS))
        message = f"ProfilingIntervalInMilliseconds is {value:,}, expected one of {known}"
        yield job.finding(message, "ProfilerConfig", "ProfilingIntervalInMilliseconds")


def _algorithm_or_image(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    specification = job.part("AlgorithmSpecification")
    if job.given("ServerlessJobConfig") or job.get("AlgorithmSpecification") is UNKNOWN:
        return
    if not specification.given("TrainingImage") and not specification.given("AlgorithmName"):
        yield specification.finding("neither TrainingImage nor AlgorithmName is given", "TrainingImage")


def _stopping(**members: Any) -> dict[str, Any]:
    return {"StoppingCondition": members}


def _metrics(*metrics: dict[str, str]) -> dict[str, Any]:
    return {"AlgorithmSpecification": {"MetricDefinitions": list(metrics)}}


_AUC = {"Name": "auc", "Regex": "auc=(.*?);"}


RULES = (
    Rule(
        id="training.isolated-script",
        summary="A training job with network isolation gets its script by a channel, not from S3",
        source=f"{DEVELOPER_GUIDE}, mkt-algo-model-internet-free; "
        "SageMaker Python SDK 2.257, Framework.hyperparameters",
        shapes=TRAINING_JOB,
        check=_isolated_script,
        obeys={
            **_ISOLATED,
            "HyperParameters": {"sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'},
        },
        breaks={
            **_ISOLATED,
            "HyperParameters": {"sagemaker_submit_directory": '"s3://my-bucket/code.tar.gz"'},
        },
    ),
    Rule(
        id="tuning.isolated-script",
        summary="The training jobs of a tuning job with network isolation get their script by a channel, not from S3",
        source=f"{DEVELOPER_GUIDE}, mkt-algo-model-internet-free",
        shapes=("HyperParameterTrainingJobDefinition",),
        check=_isolated_script,
        obeys={
            **_ISOLATED,
            "StaticHyperParameters": {
                "sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'
            },
        },
        breaks={
            **_ISOLATED,
            "StaticHyperParameters": {"sagemaker_submit_directory": '"s3://my-bucket/code.tar.gz"'},
        },
    ),
    Rule(
        id="training.spot-wait",
        summary="Spot training needs MaxWaitTimeInSeconds",
        source=f"{DEVELOPER_GUIDE}, model-managed-spot-training",
        shapes=TRAINING_JOBS,
        check=_spot_needs_wait,
        obeys={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=7200)},
        breaks={"EnableManagedSpotTraining": True},
    ),
    Rule(
        id="training.wait-below-runtime",
        summary="MaxWaitTimeInSeconds is at least MaxRuntimeInSeconds",
        source="botocore, StoppingCondition.MaxWaitTimeInSeconds",
        shapes=TRAINING_JOBS,
        check=_wait_covers_runtime,
        obeys={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=3600)},
        breaks={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=3599)},
    ),
    Rule(
        id="training.wait-without-spot",
        summary="MaxWaitTimeInSeconds is only for spot training",
        source="Answer of the service, quoted in amazon-sagemaker-examples issue 869",
        shapes=TRAINING_JOBS,
        check=_wait_needs_spot,
        obeys={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=7200)},
        breaks=_stopping(MaxWaitTimeInSeconds=7200),
    ),
    Rule(
        id="training.metric-name",
        summary="Metrics have different names",
        source="botocore, MetricDefinition.Name",
        shapes=TRAINING_JOBS,
        check=inside("AlgorithmSpecification", unique("MetricDefinitions", "Name")),
        severity="warning",
        obeys=_metrics(_AUC, {**_AUC, "Name": "loss"}),
        breaks=_metrics(_AUC, _AUC),
    ),
    Rule(
        id="training.metric-regex",
        summary="The regex of a metric is valid",
        source="botocore, MetricDefinition.Regex",
        shapes=TRAINING_JOBS,
        check=_metric_patterns_compile,
        severity="warning",
        obeys=_metrics(_AUC),
        breaks=_metrics({"Name": "auc", "Regex": "auc=(.*"}),
    ),
    Rule(
        id="training.metric-group",
        summary="The regex of a metric captures its number in a group",
        source=f"{DEVELOPER_GUIDE}, training-metrics",
        shapes=TRAINING_JOBS,
        check=_metric_patterns_capture,
        severity="warning",
        obeys=_metrics(_AUC),
        breaks=_metrics({"Name": "auc", "Regex": "auc=.*"}),
    ),
    Rule(
        id="training.checkpoint-path",
        summary="Checkpoints are kept outside of /opt/ml/input, output, model and code",
        source=f"{DEVELOPER_GUIDE}, model-checkpoints",
        shapes=TRAINING_JOBS,
        check=_checkpoint_path,
        severity="warning",
        obeys={"CheckpointConfig": {"S3Uri": "s3://my-bucket/c", "LocalPath": "/opt/ml/checkpoints"}},
        breaks={"CheckpointConfig": {"S3Uri": "s3://my-bucket/c", "LocalPath": "/opt/ml/model/c"}},
    ),
    Rule(
        id="training.isolation-image",
        summary="The Chainer and reinforcement learning images do not support network isolation",
        source=f"{DEVELOPER_GUIDE}, mkt-algo-model-internet-free",
        shapes=TRAINING_JOBS,
        check=_no_isolation_image,
        obeys=_ISOLATED,
        breaks={
            **_ISOLATED,
            "AlgorithmSpecification": {
                "TrainingImage": "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-chainer:5.0.0-cpu-py3"
            },
        },
    ),
    Rule(
        id="training.algorithm",
        summary="A training job has TrainingImage or AlgorithmName",
        source="botocore, AlgorithmSpecification.AlgorithmName",
        shapes=TRAINING_JOBS,
        check=_algorithm_or_image,
        obeys={},
        breaks={"AlgorithmSpecification": {"TrainingImage": None}},
    ),
    Rule(
        id="training.image-and-algorithm",
        summary="TrainingImage and AlgorithmName exclude each other",
        source="botocore, AlgorithmSpecification.AlgorithmName",
        shapes=TRAINING_JOBS,
        check=inside("AlgorithmSpecification", excludes("AlgorithmName", "TrainingImage")),
        severity="warning",
        obeys={"AlgorithmSpecification": {"TrainingImage": None, "AlgorithmName": "mine"}},
        breaks={"AlgorithmSpecification": {"AlgorithmName": "mine"}},
    ),
    Rule(
        id="training.private-registry",
        summary="An image from a registry in a VPC needs VpcConfig, and only such a registry takes credentials",
        source="botocore, TrainingImageConfig.TrainingRepositoryAccessMode, TrainingRepositoryAuthConfig",
        shapes=TRAINING_JOB,
        check=_private_registry,
        obeys={
            "AlgorithmSpecification": {"TrainingImageConfig": {"TrainingRepositoryAccessMode": "Vpc"}},
            "VpcConfig": VPC,
        },
        breaks={"AlgorithmSpecification": {"TrainingImageConfig": {"TrainingRepositoryAccessMode": "Vpc"}}},
    ),
    Rule(
        id="training.runtime",
        summary="A training job runs for at most 28 days",
        source="botocore, StoppingCondition.MaxRuntimeInSeconds",
        shapes=TRAINING_JOBS,
        check=at_most(("StoppingCondition", "MaxRuntimeInSeconds"), _LONGEST_RUN, "seconds (28 days)"),
        obeys=_stopping(MaxRuntimeInSeconds=_LONGEST_RUN),
        breaks=_stopping(MaxRuntimeInSeconds=_LONGEST_RUN + 1),
    ),
    Rule(
        id="training.express-bucket-key",
        summary="KmsKeyId is not for outputs in an S3 Express One Zone bucket",
        source="botocore, OutputDataConfig.KmsKeyId",
        shapes=TRAINING_JOBS,
        check=_express_bucket_key,
        severity="warning",
        obeys={"OutputDataConfig": {"KmsKeyId": "alias/ml"}},
        breaks={
            "OutputDataConfig": {"S3OutputPath": "s3://models--use1-az4--x-s3/out", "KmsKeyId": "alias/ml"}
        },
    ),
    Rule(
        id="training.rule-name",
        summary="Debugger and profiler rules have different names",
        source="botocore, DebugRuleConfiguration.RuleConfigurationName",
        shapes=TRAINING_JOB,
        check=_rule_names,
        obeys={"DebugRuleConfigurations": [{"RuleConfigurationName": "a", "RuleEvaluatorImage": "i"}]},
        breaks={
            "DebugRuleConfigurations": [
                {"RuleConfigurationName": "a", "RuleEvaluatorImage": "i"},
                {"RuleConfigurationName": "a", "RuleEvaluatorImage": "i"},
            ]
        },
    ),
    Rule(
        id="training.profiling-interval",
        summary="ProfilingIntervalInMilliseconds is 100, 200, 500, 1000, 5000 or 60000",
        source="botocore, ProfilerConfig.ProfilingIntervalInMilliseconds",
        shapes=TRAINING_JOB,
        check=_profiling_interval,
        obeys={
            "ProfilerConfig": {"S3OutputPath": "s3://my-bucket/p", "ProfilingIntervalInMilliseconds": 500}
        },
        breaks={
            "ProfilerConfig": {"S3OutputPath": "s3://my-bucket/p", "ProfilingIntervalInMilliseconds": 300}
        },
    ),
)
