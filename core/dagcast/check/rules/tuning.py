"""Rules of hyperparameter tuning jobs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, PipelineFacts, Rule
from dagcast.errors import did_you_mean
from dagcast.sagemaker.builtin_algorithms import algorithm_of_image

_JOB = ("CreateHyperParameterTuningJobRequest",)
_DEFINITION = ("HyperParameterTrainingJobDefinition",)
_NUMERIC = ("IntegerParameterRanges", "ContinuousParameterRanges")
_CONFIG = "HyperParameterTuningJobConfig"
MOST_TUNED = 30
"""Hyperparameters in all ranges together. Source: botocore, ParameterRanges."""
MOST_HYPERPARAMETERS = 100
"""Hyperparameters of a tuning job, static and tuned. Source: SageMaker Developer Guide,
automatic-model-tuning-define-ranges."""


def searches(job: RequestBody) -> Iterator[tuple[RequestBody, RequestBody, RequestBody]]:
    """Yield each definition of training jobs with its ranges and its objective.

    The only definition has them in the configuration of the tuning job, or as one of many in itself.
    """
    config = job.part(_CONFIG)
    if job.given("TrainingJobDefinition"):
        only = job.part("TrainingJobDefinition")
        own_ranges, own_objective = only.given("HyperParameterRanges"), only.given("TuningObjective")
        yield (
            only,
            only.part("HyperParameterRanges") if own_ranges else config.part("ParameterRanges"),
            only.part("TuningObjective")
            if own_objective
            else config.part("HyperParameterTuningJobObjective"),
        )
    for definition in job.items("TrainingJobDefinitions"):
        yield definition, definition.part("HyperParameterRanges"), definition.part("TuningObjective")


def ranges_of(ranges: RequestBody) -> Iterator[tuple[str, RequestBody]]:
    """Yield each range with the member that lists it."""
    for member in (*_NUMERIC, "CategoricalParameterRanges", "AutoParameters"):
        for item in ranges.items(member):
            yield member, item


def _number(value: Any) -> float | None:
    """Return a bound of a range, which the service takes as text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounds(item: RequestBody) -> tuple[float, float] | None:
    low, high = _number(item.get("MinValue")), _number(item.get("MaxValue"))
    return (low, high) if low is not None and high is not None else None


def _ordered_bounds(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for _, ranges, _ in searches(job):
        for member, item in ranges_of(ranges):
            bounds = _bounds(item) if member in _NUMERIC else None
            if bounds is not None and bounds[0] > bounds[1]:
                low, high = item.get("MinValue"), item.get("MaxValue")
                message = f"range {item.get('Name')!r}: the minimum {low} is above the maximum {high}"
                yield item.finding(message, "MinValue", hint="exchange them")


def _single_values(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for _, ranges, _ in searches(job):
        for member, item in ranges_of(ranges):
            name, bounds = item.get("Name"), _bounds(item) if member in _NUMERIC else None
            if bounds is not None and bounds[0] == bounds[1]:
                message = f"range {name!r} has one value, {item.get('MinValue')}"
                yield item.finding(message, "MaxValue", hint="make it a hyperparameter that is not tuned")
            values = item.get("Values") if member == "CategoricalParameterRanges" else None
            if not isinstance(values, list) or any(
                not isinstance(value, (str, int, float)) for value in values
            ):
                continue
            repeated = next((value for index, value in enumerate(values) if value in values[:index]), None)
            if repeated is not None:
                yield item.finding(f"range {name!r} has the value {repeated!r} twice", "Values")
            elif len(values) == 1:
                message = f"range {name!r} has one value, {values[0]!r}"
                yield item.finding(message, "Values", hint="make it a hyperparameter that is not tuned")


def _scaling(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for _, ranges, _ in searches(job):
        for member, item in ranges_of(ranges):
            low, high = _number(item.get("MinValue")), _number(item.get("MaxValue"))
            scaling, name = item.get("ScalingType"), item.get("Name")
            if scaling == "Logarithmic" and low is not None and low <= 0:
                message = (
                    f"range {name!r}: a logarithmic scale takes values above 0, and the minimum is {low:g}"
                )
                yield item.finding(message, "ScalingType")
            elif scaling == "ReverseLogarithmic" and member == "IntegerParameterRanges":
                message = f"range {name!r}: a reverse logarithmic scale is for continuous ranges"
                yield item.finding(message, "ScalingType")
            elif scaling == "ReverseLogarithmic" and (
                (low is not None and not 0 <= low < 1) or (high is not None and not 0 <= high < 1)
            ):
                message = f"range {name!r}: a reverse logarithmic scale takes values from 0 to below 1"
                yield item.finding(message, "ScalingType")


def _objective_given(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, _, objective in searches(job):
        if not objective.data and job.get(_CONFIG) is not UNKNOWN:
            where = "TuningObjective" if definition.path[:1] == ("TrainingJobDefinitions",) else None
            if where is not None:
                yield definition.finding("the objective is missing", where)
            else:
                path = (_CONFIG, "HyperParameterTuningJobObjective")
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


def _static_and_tuned(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, ranges, _ in searches(job):
        static = definition.part("StaticHyperParameters")
        for _, item in ranges_of(ranges):
            name = item.text("Name")
            if name is not None and static.given(name):
                message = f"hyperparameter {name!r} has a fixed value and a range"
                yield static.finding(message, name, hint="leave out one of the two")


def _parallel_jobs(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    limits = job.part(_CONFIG, "ResourceLimits")
    parallel, most = limits.number("MaxParallelTrainingJobs"), limits.number("MaxNumberOfTrainingJobs")
    if parallel is not None and most is not None and parallel > most:
        message = f"MaxParallelTrainingJobs is {parallel}, more than MaxNumberOfTrainingJobs, which is {most}"
        yield limits.finding(message, "MaxParallelTrainingJobs")


def combinations(ranges: RequestBody) -> int | None:
    """Return how many combinations the ranges have; ``None`` if endless or not known."""
    total = 1
    for member, item in ranges_of(ranges):
        values, bounds = item.get("Values"), _bounds(item)
        if member == "CategoricalParameterRanges" and isinstance(values, list):
            total *= len(values)
        elif member == "IntegerParameterRanges" and bounds is not None and bounds[0] <= bounds[1]:
            total *= int(bounds[1]) - int(bounds[0]) + 1
        else:
            return None
    return total


def _enough_combinations(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    most = job.number(_CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs")
    counts = [combinations(ranges) if ranges.data else None for _, ranges, _ in searches(job)]
    if job.get(_CONFIG, "Strategy") == "Grid" or job.given("Autotune") or most is None:
        return
    known = [count for count in counts if count is not None]
    if counts and len(known) == len(counts) and sum(known) < most:
        message = f"MaxNumberOfTrainingJobs is {most:,}, and the ranges have {sum(known):,} combinations"
        yield job.finding(message, _CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs")


def _grid_count(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    most = job.number(_CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs")
    counts = [combinations(ranges) if ranges.data else None for _, ranges, _ in searches(job)]
    known = [count for count in counts if count is not None]
    if job.get(_CONFIG, "Strategy") != "Grid" or most is None or not known or len(known) < len(counts):
        return
    if sum(known) != most:
        message = f"MaxNumberOfTrainingJobs is {most:,}, and the grid has {sum(known):,} combinations"
        yield job.finding(message, _CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs", hint="leave it out")


def _grid_is_categorical(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.get(_CONFIG, "Strategy") != "Grid":
        return
    for _, ranges, _ in searches(job):
        for member, item in ranges_of(ranges):
            if member in _NUMERIC:
                message = f"a grid takes categorical ranges alone, and {item.get('Name')!r} has a minimum and a maximum"
                yield item.finding(message, hint="list its values")


def _ranges_given(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    config = job.part(_CONFIG)
    if not job.given("Autotune"):
        for definition, ranges, _ in searches(job):
            if not any(True for _ in ranges_of(ranges)) and not _unknown_ranges(job, definition):
                yield ranges.finding("there is no range to search")
    limits = config.part("ResourceLimits")
    given = limits.given("MaxNumberOfTrainingJobs") or limits.given("MaxRuntimeInSeconds")
    if (
        not given
        and config.get("Strategy") not in ("Grid", UNKNOWN)
        and config.get("ResourceLimits") is not UNKNOWN
    ):
        message = "neither MaxNumberOfTrainingJobs nor MaxRuntimeInSeconds limits the search"
        yield limits.finding(message, "MaxNumberOfTrainingJobs")


def _unknown_ranges(job: RequestBody, definition: RequestBody) -> bool:
    return UNKNOWN in (job.get(_CONFIG, "ParameterRanges"), definition.get("HyperParameterRanges"))


def _range_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for _, ranges, _ in searches(job):
        seen: set[str] = set()
        for _, item in ranges_of(ranges):
            name = item.text("Name")
            if name in seen:
                yield item.finding(f"hyperparameter {name!r} has two ranges", "Name")
            if name is not None:
                seen.add(name)


def _tuned_count(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for _, ranges, _ in searches(job):
        count = sum(1 for _ in ranges_of(ranges))
        if count > MOST_TUNED:
            yield ranges.finding(f"{count} hyperparameters are tuned, at most {MOST_TUNED} are allowed")


def _hyperparameter_count(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, ranges, _ in searches(job):
        static = definition.part("StaticHyperParameters")
        # The service adds _tuning_objective_metric.
        count = len(static.data) + sum(1 for _ in ranges_of(ranges)) + 1
        if count > MOST_HYPERPARAMETERS:
            message = f"a training job would have {count} hyperparameters, at most {MOST_HYPERPARAMETERS} are allowed"
            yield static.finding(message, hint="the service adds one, and a script takes up to four")


def _definition_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition in job.items("TrainingJobDefinitions"):
        if not definition.given("DefinitionName"):
            yield definition.finding(
                "DefinitionName is missing: each of several definitions has one", "DefinitionName"
            )


def _hyperband_early_stopping(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    config = job.part(_CONFIG)
    if config.get("Strategy") == "Hyperband" and config.get("TrainingJobEarlyStoppingType") == "Auto":
        message = "Hyperband stops training jobs itself: TrainingJobEarlyStoppingType is Off"
        yield config.finding(message, "TrainingJobEarlyStoppingType")


def _hyperband_resources(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    band = job.part(_CONFIG, "StrategyConfig", "HyperbandStrategyConfig")
    low, high = band.number("MinResource"), band.number("MaxResource")
    if low is not None and high is not None and low > high:
        yield band.finding(f"MinResource {low} is above MaxResource {high}", "MinResource")


def _early_stopping_of_many(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.given("TrainingJobDefinitions"):
        if job.get(_CONFIG, "TrainingJobEarlyStoppingType") == "Auto":
            message = "early stopping is for a single definition"
            yield job.finding(message, _CONFIG, "TrainingJobEarlyStoppingType")
        if job.given("WarmStartConfig"):
            yield job.finding("a warm start is for a single definition", "WarmStartConfig")


def _quotas(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    limits = job.part(_CONFIG, "ResourceLimits")
    yield from at_most("MaxParallelTrainingJobs", 100, "by default")(limits, facts)
    most = 10_000 if job.get(_CONFIG, "Strategy") == "Random" else 750
    yield from at_most("MaxNumberOfTrainingJobs", most, "by default")(limits, facts)
    for definition, _, _ in searches(job):
        metrics = definition.get("AlgorithmSpecification", "MetricDefinitions")
        if isinstance(metrics, list) and len(metrics) > 20:
            message = f"{len(metrics)} metrics are defined, at most 20 are allowed by default"
            yield definition.finding(message, "AlgorithmSpecification", "MetricDefinitions")


def _config(**members: Any) -> dict[str, Any]:
    return {_CONFIG: members}


def _ranges(**members: Any) -> dict[str, Any]:
    return _config(ParameterRanges={"ContinuousParameterRanges": None, **members})


def _numeric(kind: str, low: str, high: str, scaling: str | None = None) -> dict[str, Any]:
    item = {"Name": "eta", "MinValue": low, "MaxValue": high}
    return _ranges(
        **{f"{kind}ParameterRanges": [item if scaling is None else {**item, "ScalingType": scaling}]}
    )


def _categories(*values: str) -> dict[str, Any]:
    return _ranges(CategoricalParameterRanges=[{"Name": "c", "Values": list(values)}])


def _limits(**members: Any) -> dict[str, Any]:
    return _config(ResourceLimits=members)


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {_CONFIG: {**one[_CONFIG], **other[_CONFIG]}}


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
        _CONFIG: {**unset, **config},
    }


_SECOND = {**_DEFINED, "DefinitionName": "two"}
_MANY = [{"Name": f"p{number}", "Values": ["a", "b"]} for number in range(MOST_TUNED + 1)]
_STATIC = {f"p{number}": "1" for number in range(MOST_HYPERPARAMETERS)}
_CLUSTER = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}

RULES = (
    Rule(
        id="tuning.range-order",
        summary="The minimum of a range is below its maximum",
        source="botocore, IntegerParameterRange and ContinuousParameterRange; amazon-sagemaker-feedback issue 196",
        shapes=_JOB,
        check=_ordered_bounds,
        obeys=_numeric("Continuous", "0.1", "0.5"),
        breaks=_numeric("Continuous", "0.5", "0.1"),
    ),
    Rule(
        id="tuning.range-values",
        summary="A range has more than one value, each of them once",
        source="amazon-sagemaker-feedback issue 195",
        shapes=_JOB,
        check=_single_values,
        severity="warning",
        obeys=_categories("a", "b", "c", "d"),
        breaks=_categories("a", "a", "b", "c", "d"),
    ),
    Rule(
        id="tuning.range-scale",
        summary="A logarithmic scale is for values above 0, a reverse one for continuous values from 0 to below 1",
        source="botocore, ContinuousParameterRange.ScalingType and IntegerParameterRange.ScalingType",
        shapes=_JOB,
        check=_scaling,
        obeys=_numeric("Continuous", "0.1", "0.5", "Logarithmic"),
        breaks=_numeric("Continuous", "0", "0.5", "Logarithmic"),
    ),
    Rule(
        id="tuning.range-name",
        summary="A hyperparameter has one range",
        source="SageMaker Python SDK 2.257, tuner.py: ranges are kept by name",
        shapes=_JOB,
        check=_range_names,
        obeys={},
        breaks=_config(
            ParameterRanges={"CategoricalParameterRanges": [{"Name": "eta", "Values": ["0.1", "0.2"]}]}
        ),
    ),
    Rule(
        id="tuning.no-range",
        summary="A tuning job has a range to search, unless Autotune chooses it, and a limit, unless it is a grid",
        source="SageMaker Python SDK 2.257, tuner.py: hyperparameter ranges or autotune are needed",
        shapes=_JOB,
        check=_ranges_given,
        obeys=_limits(MaxNumberOfTrainingJobs=None, MaxRuntimeInSeconds=3600),
        breaks=_limits(MaxNumberOfTrainingJobs=None),
    ),
    Rule(
        id="tuning.combinations",
        summary="The ranges have at least MaxNumberOfTrainingJobs combinations",
        source="Answer of the service, quoted in amazon-sagemaker-operator-for-k8s issue 123",
        shapes=_JOB,
        check=_enough_combinations,
        obeys=_categories("a", "b", "c", "d"),
        breaks=_categories("a", "b", "c"),
    ),
    Rule(
        id="tuning.grid-count",
        summary="MaxNumberOfTrainingJobs of a grid, if it is given, is the number of its combinations",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-define-ranges",
        shapes=_JOB,
        check=_grid_count,
        severity="warning",
        obeys=_both(_categories("a", "b", "c", "d"), _config(Strategy="Grid")),
        breaks=_both(_categories("a", "b"), _config(Strategy="Grid")),
    ),
    Rule(
        id="tuning.grid-range",
        summary="A grid takes categorical ranges alone",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-how-it-works",
        shapes=_JOB,
        check=_grid_is_categorical,
        obeys=_both(_categories("a", "b", "c", "d"), _config(Strategy="Grid")),
        breaks=_config(Strategy="Grid"),
    ),
    Rule(
        id="tuning.objective",
        summary="A tuning job has an objective",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-ex-tuning-job",
        shapes=_JOB,
        check=_objective_given,
        obeys={},
        breaks=_config(HyperParameterTuningJobObjective=None),
    ),
    Rule(
        id="tuning.objective-metric",
        summary="The objective is one of the metric definitions, where the image does not define its own",
        source="Answer of the service, quoted in amazon-sagemaker-examples issue 1207",
        shapes=_JOB,
        check=_objective_is_a_metric,
        obeys={},
        breaks=_config(HyperParameterTuningJobObjective={"MetricName": "acu", "Type": "Maximize"}),
    ),
    Rule(
        id="tuning.builtin-metric",
        summary="The objective of a built-in algorithm is one of its metrics",
        source=f"{DEVELOPER_GUIDE}, the tuning page of each algorithm",
        shapes=_JOB,
        check=_builtin_metric,
        severity="warning",
        obeys={
            **_image(_XGBOOST, metrics=False),
            **_config(HyperParameterTuningJobObjective={"MetricName": "validation:rmse"}),
        },
        breaks={
            **_image(_XGBOOST, metrics=False),
            **_config(HyperParameterTuningJobObjective={"MetricName": "validation:rsme"}),
        },
    ),
    Rule(
        id="tuning.static-and-tuned",
        summary="A hyperparameter is fixed or tuned, not both",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-define-ranges; SageMaker Python SDK 2.257, tuner.py",
        shapes=_JOB,
        check=_static_and_tuned,
        severity="warning",
        obeys={"TrainingJobDefinition": {"StaticHyperParameters": {"depth": "3"}}},
        breaks={"TrainingJobDefinition": {"StaticHyperParameters": {"eta": "0.3"}}},
    ),
    Rule(
        id="tuning.parallel-jobs",
        summary="MaxParallelTrainingJobs is not above MaxNumberOfTrainingJobs",
        source="botocore, ResourceLimits",
        shapes=_JOB,
        check=_parallel_jobs,
        severity="warning",
        obeys=_limits(MaxParallelTrainingJobs=4),
        breaks=_limits(MaxParallelTrainingJobs=5),
    ),
    Rule(
        id="tuning.tuned-count",
        summary=f"At most {MOST_TUNED} hyperparameters are tuned",
        source="botocore, ParameterRanges",
        shapes=_JOB,
        check=_tuned_count,
        obeys=_ranges(CategoricalParameterRanges=_MANY[:MOST_TUNED]),
        breaks=_config(ParameterRanges={"CategoricalParameterRanges": _MANY[:MOST_TUNED]}),
    ),
    Rule(
        id="tuning.hyperparameter-count",
        summary=f"A training job has at most {MOST_HYPERPARAMETERS} hyperparameters, tuned ones included",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-define-ranges",
        shapes=_JOB,
        check=_hyperparameter_count,
        obeys={"TrainingJobDefinition": {"StaticHyperParameters": {"depth": "3"}}},
        breaks={"TrainingJobDefinition": {"StaticHyperParameters": _STATIC}},
    ),
    Rule(
        id="tuning.definitions",
        summary="A tuning job has TrainingJobDefinition or TrainingJobDefinitions",
        source=f"{DEVELOPER_GUIDE}, multiple-algorithm-hpo",
        shapes=_JOB,
        check=exactly_one_of("TrainingJobDefinition", "TrainingJobDefinitions"),
        obeys={},
        breaks={"TrainingJobDefinition": None},
    ),
    Rule(
        id="tuning.definition-name",
        summary="Each of several definitions has a DefinitionName of its own",
        source=f"{DEVELOPER_GUIDE}, multiple-algorithm-hpo-create-tuning-jobs",
        shapes=_JOB,
        check=all_of(_definition_names, unique("TrainingJobDefinitions", "DefinitionName")),
        obeys=_defined(_DEFINED, _SECOND),
        breaks=_defined(_DEFINED, _DEFINED),
    ),
    Rule(
        id="tuning.definitions-exclude",
        summary="Several definitions exclude early stopping and a warm start",
        source=f"{DEVELOPER_GUIDE}, multiple-algorithm-hpo",
        shapes=_JOB,
        check=_early_stopping_of_many,
        obeys=_defined(_DEFINED, _SECOND),
        breaks=_defined(_DEFINED, _SECOND, TrainingJobEarlyStoppingType="Auto"),
    ),
    Rule(
        id="tuning.hyperband-early-stopping",
        summary="Hyperband needs TrainingJobEarlyStoppingType Off",
        source="botocore, HyperParameterTuningJobConfig.TrainingJobEarlyStoppingType",
        shapes=_JOB,
        check=_hyperband_early_stopping,
        obeys=_config(Strategy="Hyperband", TrainingJobEarlyStoppingType="Off"),
        breaks=_config(Strategy="Hyperband", TrainingJobEarlyStoppingType="Auto"),
    ),
    Rule(
        id="tuning.hyperband-config",
        summary="HyperbandStrategyConfig is for the strategy Hyperband, with MinResource not above MaxResource",
        source="botocore, HyperParameterTuningJobConfig.StrategyConfig and HyperbandStrategyConfig",
        shapes=_JOB,
        check=all_of(
            inside(
                _CONFIG, only_with(("StrategyConfig", "HyperbandStrategyConfig"), "Strategy", "Hyperband")
            ),
            _hyperband_resources,
        ),
        obeys=_config(
            Strategy="Hyperband",
            StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 10}},
        ),
        breaks=_config(StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 10}}),
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
        summary="InstanceConfigs exclude InstanceType, InstanceCount and VolumeSizeInGB beside them",
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
        shapes=_JOB,
        check=_quotas,
        severity="warning",
        obeys=_limits(MaxNumberOfTrainingJobs=750, MaxParallelTrainingJobs=100),
        breaks=_limits(MaxNumberOfTrainingJobs=751),
    ),
)
