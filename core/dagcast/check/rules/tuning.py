"""Rules of hyperparameter tuning jobs: objective, limits, strategy, and several definitions of training jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import (
    all_of,
    at_most,
    exactly_one_of,
    excludes,
    forbidden,
    inside,
    only_with,
    unique,
)
from dagcast.check.rules.examples import tuning_config
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, TUNING_JOB, PipelineFacts, Rule
from dagcast.check.rules.tuning_ranges import CONFIG, searches
from dagcast.errors import did_you_mean
from dagcast.sagemaker.builtin_algorithms import algorithm_of_image

_DEFINITION = ("HyperParameterTrainingJobDefinition",)


def _objective_given(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, _, objective in searches(job):
        if not objective.data and job.get(CONFIG) is not UNKNOWN:
            where = "TuningObjective" if definition.path[:1] == ("TrainingJobDefinitions",) else None
            if where is not None:
                yield definition.finding("the objective is missing", where)
            else:
                path = (CONFIG, "HyperParameterTuningJobObjective")
                yield job.finding("the objective is missing", *path)


def _objective_is_a_metric(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, _, objective in searches(job):
        name = objective.text("MetricName")
        specification = definition.part("AlgorithmSpecification")
        image = specification.get("TrainingImage")
        if name is None or not isinstance(image, str) or specification.given("AlgorithmName"):
            continue
        if algorithm_of_image(image) is not None:
            continue  # Its image defines its metrics; see tuning.builtin-metric.
        metrics = [metric.get("Name") for metric in specification.items("MetricDefinitions")]
        if specification.get("MetricDefinitions") is UNKNOWN or UNKNOWN in metrics or name in metrics:
            continue
        yield objective.finding(
            f"the objective {name!r} has no metric definition, so no value of it is ever read",
            "MetricName",
            hint=did_you_mean(name, [metric for metric in metrics if isinstance(metric, str)])
            or f"add a metric definition named {name!r}",
        )


def _builtin_metric(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, _, objective in searches(job):
        name = objective.text("MetricName")
        algorithm = algorithm_of_image(definition.text("AlgorithmSpecification", "TrainingImage") or "")
        if name is None or algorithm is None or not algorithm.metrics or name in algorithm.metrics:
            continue
        yield objective.finding(
            f"{algorithm.name} reports no metric {name!r}",
            "MetricName",
            hint=did_you_mean(name, algorithm.metrics),
        )


def _parallel_jobs(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    limits = job.part(CONFIG, "ResourceLimits")
    parallel, most = limits.number("MaxParallelTrainingJobs"), limits.number("MaxNumberOfTrainingJobs")
    if parallel is not None and most is not None and parallel > most:
        message = f"MaxParallelTrainingJobs is {parallel}, more than MaxNumberOfTrainingJobs, which is {most}"
        yield limits.finding(message, "MaxParallelTrainingJobs")


def _definition_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition in job.items("TrainingJobDefinitions"):
        if not definition.given("DefinitionName"):
            yield definition.finding(
                "DefinitionName is missing: each of several definitions has one", "DefinitionName"
            )


def _hyperband_early_stopping(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    config = job.part(CONFIG)
    if config.get("Strategy") == "Hyperband" and config.get("TrainingJobEarlyStoppingType") == "Auto":
        message = "Hyperband stops training jobs itself: TrainingJobEarlyStoppingType is Off"
        yield config.finding(message, "TrainingJobEarlyStoppingType")


def _hyperband_resources(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    band = job.part(CONFIG, "StrategyConfig", "HyperbandStrategyConfig")
    low, high = band.number("MinResource"), band.number("MaxResource")
    if low is not None and high is not None and low > high:
        yield band.finding(f"MinResource {low} is above MaxResource {high}", "MinResource")


def _early_stopping_of_many(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.given("TrainingJobDefinitions"):
        if job.get(CONFIG, "TrainingJobEarlyStoppingType") == "Auto":
            message = "early stopping is for a single definition"
            yield job.finding(message, CONFIG, "TrainingJobEarlyStoppingType")
        if job.given("WarmStartConfig"):
            yield job.finding("a warm start is for a single definition", "WarmStartConfig")


def _quotas(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    limits = job.part(CONFIG, "ResourceLimits")
    yield from at_most("MaxParallelTrainingJobs", 100, "by default")(limits, facts)
    most = 10_000 if job.get(CONFIG, "Strategy") == "Random" else 750
    yield from at_most("MaxNumberOfTrainingJobs", most, "by default")(limits, facts)
    for definition, _, _ in searches(job):
        metrics = definition.get("AlgorithmSpecification", "MetricDefinitions")
        if isinstance(metrics, list) and len(metrics) > 20:
            message = f"{len(metrics)} metrics are defined, at most 20 are allowed by default"
            yield definition.finding(message, "AlgorithmSpecification", "MetricDefinitions")


def _limits(**members: Any) -> dict[str, Any]:
    return tuning_config(ResourceLimits=members)


def _image(image: str, *, metrics: bool) -> dict[str, Any]:
    specification: dict[str, Any] = {"TrainingImage": image}
    if not metrics:
        specification["MetricDefinitions"] = None
    return {"TrainingJobDefinition": {"AlgorithmSpecification": specification}}


_XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
_DEFINED: dict[str, Any] = {
    "DefinitionName": "one",
    "TuningObjective": {"MetricName": "auc", "Type": "Maximize"},
    "HyperParameterRanges": {
        "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.1", "MaxValue": "0.9"}]
    },
    "AlgorithmSpecification": {
        "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1",
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*?);"}],
    },
    "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
    "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}


def _defined(*definitions: dict[str, Any], **config: Any) -> dict[str, Any]:
    unset = {"HyperParameterTuningJobObjective": None, "ParameterRanges": None}
    return {
        "TrainingJobDefinition": None,
        "TrainingJobDefinitions": list(definitions),
        CONFIG: {**unset, **config},
    }


_SECOND = {**_DEFINED, "DefinitionName": "two"}
_CLUSTER = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}


RULES = (
    Rule(
        id="tuning.objective",
        summary="A tuning job has an objective",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-ex-tuning-job",
        shapes=TUNING_JOB,
        check=_objective_given,
        obeys={},
        breaks=tuning_config(HyperParameterTuningJobObjective=None),
    ),
    Rule(
        id="tuning.objective-metric",
        summary="The objective is one of the metric definitions, where the image does not define its own",
        source="Answer of the service, quoted in amazon-sagemaker-examples issue 1207",
        shapes=TUNING_JOB,
        check=_objective_is_a_metric,
        obeys={},
        breaks=tuning_config(HyperParameterTuningJobObjective={"MetricName": "acu", "Type": "Maximize"}),
    ),
    Rule(
        id="tuning.builtin-metric",
        summary="The objective of a built-in algorithm is one of its metrics",
        source=f"{DEVELOPER_GUIDE}, the tuning page of each algorithm",
        shapes=TUNING_JOB,
        check=_builtin_metric,
        severity="warning",
        obeys={
            **_image(_XGBOOST, metrics=False),
            **tuning_config(HyperParameterTuningJobObjective={"MetricName": "validation:rmse"}),
        },
        breaks={
            **_image(_XGBOOST, metrics=False),
            **tuning_config(HyperParameterTuningJobObjective={"MetricName": "validation:rsme"}),
        },
    ),
    Rule(
        id="tuning.parallel-jobs",
        summary="MaxParallelTrainingJobs is not above MaxNumberOfTrainingJobs",
        source="botocore, ResourceLimits",
        shapes=TUNING_JOB,
        check=_parallel_jobs,
        severity="warning",
        obeys=_limits(MaxParallelTrainingJobs=4),
        breaks=_limits(MaxParallelTrainingJobs=5),
    ),
    Rule(
        id="tuning.definitions",
        summary="A tuning job has TrainingJobDefinition or TrainingJobDefinitions",
        source=f"{DEVELOPER_GUIDE}, multiple-algorithm-hpo",
        shapes=TUNING_JOB,
        check=exactly_one_of("TrainingJobDefinition", "TrainingJobDefinitions"),
        obeys={},
        breaks={"TrainingJobDefinition": None},
    ),
    Rule(
        id="tuning.definition-name",
        summary="Each of several definitions has a DefinitionName of its own",
        source=f"{DEVELOPER_GUIDE}, multiple-algorithm-hpo-create-tuning-jobs",
        shapes=TUNING_JOB,
        check=all_of(_definition_names, unique("TrainingJobDefinitions", "DefinitionName")),
        obeys=_defined(_DEFINED, _SECOND),
        breaks=_defined(_DEFINED, _DEFINED),
    ),
    Rule(
        id="tuning.definitions-exclude",
        summary="Several definitions exclude early stopping and a warm start",
        source=f"{DEVELOPER_GUIDE}, multiple-algorithm-hpo",
        shapes=TUNING_JOB,
        check=_early_stopping_of_many,
        obeys=_defined(_DEFINED, _SECOND),
        breaks=_defined(_DEFINED, _SECOND, TrainingJobEarlyStoppingType="Auto"),
    ),
    Rule(
        id="tuning.hyperband-early-stopping",
        summary="Hyperband needs TrainingJobEarlyStoppingType Off",
        source="botocore, HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType",
        shapes=TUNING_JOB,
        check=_hyperband_early_stopping,
        obeys=tuning_config(Strategy="Hyperband", TrainingJobEarlyStoppingType="Off"),
        breaks=tuning_config(Strategy="Hyperband", TrainingJobEarlyStoppingType="Auto"),
    ),
    Rule(
        id="tuning.hyperband-config",
        summary="HyperbandStrategyConfig is for the strategy Hyperband, with MinResource not above MaxResource",
        source="botocore, HyperParameterTuningJobConfig.StrategyConfig and HyperbandStrategyConfig",
        shapes=TUNING_JOB,
        check=all_of(
            inside(CONFIG, only_with(("StrategyConfig", "HyperbandStrategyConfig"), "Strategy", "Hyperband")),
            _hyperband_resources,
        ),
        obeys=tuning_config(
            Strategy="Hyperband",
            StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 10}},
        ),
        breaks=tuning_config(
            StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 10}}
        ),
    ),
    Rule(
        id="tuning.two-clusters",
        summary="ResourceConfig and HyperParameterTuningResourceConfig exclude each other",
        source="botocore, HyperParameterTrainingJobDefinition",
        shapes=_DEFINITION,
        check=excludes("HyperParameterTuningResourceConfig", "ResourceConfig"),
        severity="warning",
        obeys={"ResourceConfig": None, "HyperParameterTuningResourceConfig": _CLUSTER},
        breaks={"HyperParameterTuningResourceConfig": _CLUSTER},
    ),
    Rule(
        id="tuning.instance-configs",
        summary="InstanceConfigs exclude InstanceType, InstanceCount and VolumeSizeInGB next to them",
        source="botocore, HyperParameterTuningResourceConfig.InstanceConfigs",
        shapes=_DEFINITION,
        check=inside(
            "HyperParameterTuningResourceConfig",
            excludes("InstanceConfigs", "InstanceType", "InstanceCount", "VolumeSizeInGB"),
        ),
        obeys={
            "ResourceConfig": None,
            "HyperParameterTuningResourceConfig": {"InstanceConfigs": [_CLUSTER]},
        },
        breaks={
            "ResourceConfig": None,
            "HyperParameterTuningResourceConfig": {**_CLUSTER, "InstanceConfigs": [_CLUSTER]},
        },
    ),
    Rule(
        id="tuning.warm-pool",
        summary="Training jobs of a tuning job take no KeepAlivePeriodInSeconds",
        source="sagemaker-controller pull request 176; botocore, HyperParameterTuningResourceConfig",
        shapes=_DEFINITION,
        check=forbidden(
            ("ResourceConfig", "KeepAlivePeriodInSeconds"), "a tuning job keeps its machines itself"
        ),
        severity="warning",
        obeys={},
        breaks={"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}},
    ),
    Rule(
        id="tuning.quota",
        summary="By default 100 training jobs run in parallel, 750 in all (Random: 10,000), with 20 metrics",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-limits",
        shapes=TUNING_JOB,
        check=_quotas,
        severity="warning",
        obeys=_limits(MaxNumberOfTrainingJobs=750, MaxParallelTrainingJobs=100),
        breaks=_limits(MaxNumberOfTrainingJobs=751),
    ),
)
