"""Rules of SageMaker's built-in algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import TRAINING_JOBS, PipelineFacts, Rule
from dagcast.check.rules.training import hyperparameters
from dagcast.check.rules.training_channels import input_mode
from dagcast.sagemaker.builtin_algorithms import BuiltinAlgorithm, algorithm_of_image
from dagcast.sagemaker.instances import has_gpu

_SOURCE = "SageMaker Developer Guide, common-info-all-im-models"
_SHORT_WAIT = 3600
_CHECKPOINTED = "SageMaker Developer Guide, model-managed-spot-training"


def _algorithm(job: RequestBody) -> BuiltinAlgorithm | None:
    return algorithm_of_image(job.text("AlgorithmSpecification", "TrainingImage") or "")


def _script(job: RequestBody) -> bool:
    """Return whether the job runs a script of the user's in the image, which may do anything."""
    return hyperparameters(job).given("sagemaker_program")


def _gpu(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    algorithm, machine = _algorithm(job), job.text("ResourceConfig", "InstanceType")
    if algorithm is not None and algorithm.gpu_only and machine is not None and has_gpu(machine) is False:
        yield job.finding(
            f"{algorithm.name} trains on a GPU, which {machine} lacks", "ResourceConfig", "InstanceType"
        )


def _file_mode(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    algorithm = _algorithm(job)
    if algorithm is None or not algorithm.file_only:
        return
    for channel in job.items("InputDataConfig"):
        if input_mode(job, channel) == "Pipe":
            message = f"{algorithm.name} reads files, and channel {channel.get('ChannelName')!r} is a pipe"
            yield channel.finding(message, "InputMode")


def _channel(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    algorithm = _algorithm(job)
    if algorithm is None or _script(job) or job.get("InputDataConfig") is UNKNOWN:
        return
    names = [channel.get("ChannelName") for channel in job.items("InputDataConfig")]
    if UNKNOWN not in names and not set(algorithm.channels) & set(map(str, names)):
        expected = " or ".join(map(repr, algorithm.channels))
        yield job.finding(
            f"{algorithm.name} trains on a channel {expected}, which is missing", "InputDataConfig"
        )


def _one_machine(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    algorithm, count = _algorithm(job), job.number("ResourceConfig", "InstanceCount")
    if algorithm is not None and algorithm.single_machine and count is not None and count > 1:
        message = f"{algorithm.name} trains on one machine, and InstanceCount is {count}"
        yield job.finding(message, "ResourceConfig", "InstanceCount")


def _own_metrics(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    algorithm = _algorithm(job)
    if algorithm is not None and job.given("AlgorithmSpecification", "MetricDefinitions"):
        message = f"{algorithm.name} has metrics of its own, so MetricDefinitions are refused"
        hint = f"its metrics include {', '.join(algorithm.metrics[:4])}" if algorithm.metrics else None
        yield job.finding(message, "AlgorithmSpecification", "MetricDefinitions", hint=hint)


def _spot_wait(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    algorithm, wait = _algorithm(job), job.number("StoppingCondition", "MaxWaitTimeInSeconds")
    if algorithm is None or algorithm.checkpoints or _script(job) or wait is None:
        return
    if wait > _SHORT_WAIT and job.get("EnableManagedSpotTraining") is True:
        message = (
            f"{algorithm.name} keeps no checkpoints, so spot training waits at most {_SHORT_WAIT:,} seconds"
        )
        yield job.finding(message, "StoppingCondition", "MaxWaitTimeInSeconds")


def _trains(repository: str, **members: Any) -> dict[str, Any]:
    image = f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{repository}:1"
    return {"AlgorithmSpecification": {"TrainingImage": image, **members}}


_TEST = {
    "ChannelName": "test",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/test"}},
}
_SPOT = {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxWaitTimeInSeconds": _SHORT_WAIT}}
_LONG = {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxWaitTimeInSeconds": _SHORT_WAIT + 1}}

RULES = (
    Rule(
        id="algorithm.gpu",
        summary="Some built-in algorithms train only on machines with a GPU",
        source=f"{_SOURCE}, column Instance class",
        shapes=TRAINING_JOBS,
        check=_gpu,
        severity="warning",
        obeys={**_trains("image-classification"), "ResourceConfig": {"InstanceType": "ml.p3.2xlarge"}},
        breaks=_trains("image-classification"),
    ),
    Rule(
        id="algorithm.file-mode",
        summary="Some built-in algorithms read channels only in File mode",
        source=f"{_SOURCE}, column Training input mode",
        shapes=TRAINING_JOBS,
        check=_file_mode,
        severity="warning",
        obeys=_trains("forecasting-deepar"),
        breaks=_trains("forecasting-deepar", TrainingInputMode="Pipe"),
    ),
    Rule(
        id="algorithm.channel",
        summary="A built-in algorithm has the channel that it trains on",
        source=f"{_SOURCE}, column Channel name",
        shapes=TRAINING_JOBS,
        check=_channel,
        severity="warning",
        obeys=_trains("kmeans"),
        breaks={**_trains("kmeans"), "InputDataConfig": [_TEST]},
    ),
    Rule(
        id="algorithm.one-machine",
        summary="Some built-in algorithms train only on one machine",
        source=f"{_SOURCE}, column Parallelizable",
        shapes=TRAINING_JOBS,
        check=_one_machine,
        severity="warning",
        obeys=_trains("lda"),
        breaks={**_trains("lda"), "ResourceConfig": {"InstanceCount": 2}},
    ),
    Rule(
        id="algorithm.own-metrics",
        summary="A built-in algorithm takes no metric definitions, XGBoost not even for a script",
        source="SageMaker Developer Guide, automatic-model-tuning-ex-tuning-job; mlspace pull request 68",
        shapes=TRAINING_JOBS,
        check=_own_metrics,
        obeys={
            **_trains("kmeans"),
            "AlgorithmSpecification": {**_trains("kmeans")["AlgorithmSpecification"]},
        },
        breaks=_trains("kmeans", MetricDefinitions=[{"Name": "auc", "Regex": "auc=(.*?);"}]),
    ),
    Rule(
        id="algorithm.spot-wait",
        summary=f"Spot training of a built-in algorithm without checkpoints waits at most {_SHORT_WAIT:,} seconds",
        source=f"{_CHECKPOINTED}, model-checkpoints",
        shapes=TRAINING_JOBS,
        check=_spot_wait,
        obeys={**_trains("kmeans"), **_SPOT},
        breaks={**_trains("kmeans"), **_LONG},
    ),
)
