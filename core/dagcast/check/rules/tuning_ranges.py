"""Rules of the ranges that a tuning job searches, and of its hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.examples import tuning_config
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, TUNING_JOB, PipelineFacts, Rule

_NUMERIC = ("IntegerParameterRanges", "ContinuousParameterRanges")
CONFIG = "HyperParameterTuningJobConfig"
"""The member of a tuning job that says how it searches."""
MOST_TUNED = 30
"""Hyperparameters in all ranges together. Source: botocore, ParameterRanges."""
MOST_HYPERPARAMETERS = 100
"""Hyperparameters of a tuning job, static and tuned. Source: SageMaker Developer Guide,
automatic-model-tuning-define-ranges."""


def searches(job: RequestBody) -> Iterator[tuple[RequestBody, RequestBody, RequestBody]]:
    """Yield each definition of training jobs with its ranges and its objective.

    The only definition has them in the configuration of the tuning job, or as one of many in itself.
    """
    config = job.part(CONFIG)
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


def _numeric_bounds(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for _, ranges, _ in searches(job):
        for member, item in ranges_of(ranges):
            for bound in ("MinValue", "MaxValue") if member in _NUMERIC else ():
                value = item.get(bound)
                number = _number(value)
                if not isinstance(value, (str, int, float)) or isinstance(value, bool):
                    continue
                whole = member == "IntegerParameterRanges"
                if number is None or (whole and not number.is_integer()):
                    expected = "a whole number" if whole else "a number"
                    message = f"range {item.get('Name')!r}: {bound} {value!r} is not {expected}"
                    yield item.finding(message, bound)


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


def _static_and_tuned(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for definition, ranges, _ in searches(job):
        static = definition.part("StaticHyperParameters")
        for _, item in ranges_of(ranges):
            name = item.text("Name")
            if name is not None and static.given(name):
                message = f"hyperparameter {name!r} has a fixed value and a range"
                yield static.finding(message, name, hint="leave out one of the two")


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
    most = job.number(CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs")
    counts = [combinations(ranges) if ranges.data else None for _, ranges, _ in searches(job)]
    if job.get(CONFIG, "Strategy") == "Grid" or job.given("Autotune") or most is None:
        return
    known = [count for count in counts if count is not None]
    if counts and len(known) == len(counts) and sum(known) < most:
        message = f"MaxNumberOfTrainingJobs is {most:,}, and the ranges have {sum(known):,} combinations"
        yield job.finding(message, CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs")


def _grid_count(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    most = job.number(CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs")
    counts = [combinations(ranges) if ranges.data else None for _, ranges, _ in searches(job)]
    known = [count for count in counts if count is not None]
    if job.get(CONFIG, "Strategy") != "Grid" or most is None or not known or len(known) < len(counts):
        return
    if sum(known) != most:
        message = f"MaxNumberOfTrainingJobs is {most:,}, and the grid has {sum(known):,} combinations"
        yield job.finding(message, CONFIG, "ResourceLimits", "MaxNumberOfTrainingJobs", hint="leave it out")


def _grid_is_categorical(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.get(CONFIG, "Strategy") != "Grid":
        return
    for _, ranges, _ in searches(job):
        for member, item in ranges_of(ranges):
            if member in _NUMERIC:
                message = f"a grid takes only categorical ranges, and {item.get('Name')!r} has a minimum and a maximum"
                yield item.finding(message, hint="list its values")


def _ranges_given(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    config = job.part(CONFIG)
    if not job.given("Autotune"):
        for definition, ranges, _ in searches(job):
            if not any(True for _ in ranges_of(ranges)) and not _unknown_ranges(job, definition):
                yield ranges.finding("no range is given")
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
    return UNKNOWN in (job.get(CONFIG, "ParameterRanges"), definition.get("HyperParameterRanges"))


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


def _ranges(**members: Any) -> dict[str, Any]:
    return tuning_config(ParameterRanges={"ContinuousParameterRanges": None, **members})


def _numeric(kind: str, low: str, high: str, scaling: str | None = None) -> dict[str, Any]:
    item = {"Name": "eta", "MinValue": low, "MaxValue": high}
    return _ranges(
        **{f"{kind}ParameterRanges": [item if scaling is None else {**item, "ScalingType": scaling}]}
    )


def _categories(*values: str) -> dict[str, Any]:
    return _ranges(CategoricalParameterRanges=[{"Name": "c", "Values": list(values)}])


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {CONFIG: {**one[CONFIG], **other[CONFIG]}}


_MANY = [{"Name": f"p{number}", "Values": ["a", "b"]} for number in range(MOST_TUNED + 1)]
_STATIC = {f"p{number}": "1" for number in range(MOST_HYPERPARAMETERS)}


RULES = (
    Rule(
        id="tuning.range-order",
        summary="The minimum of a range is below its maximum",
        source="botocore, IntegerParameterRange and ContinuousParameterRange; amazon-sagemaker-feedback issue 196",
        shapes=TUNING_JOB,
        check=_ordered_bounds,
        obeys=_numeric("Continuous", "0.1", "0.5"),
        breaks=_numeric("Continuous", "0.5", "0.1"),
    ),
    Rule(
        id="tuning.range-number",
        summary="The bounds of a range are numbers, those of an Integer range whole ones",
        source="botocore, IntegerParameterRange and ContinuousParameterRange",
        shapes=TUNING_JOB,
        check=_numeric_bounds,
        obeys=_numeric("Integer", "1", "5"),
        breaks=_numeric("Integer", "1.5", "5"),
    ),
    Rule(
        id="tuning.range-values",
        summary="A range has more than one value, each of them once",
        source="amazon-sagemaker-feedback issue 195",
        shapes=TUNING_JOB,
        check=_single_values,
        severity="warning",
        obeys=_categories("a", "b", "c", "d"),
        breaks=_categories("a", "a", "b", "c", "d"),
    ),
    Rule(
        id="tuning.range-scale",
        summary="A logarithmic scale is for values above 0, a reverse one for continuous values from 0 to below 1",
        source="botocore, ContinuousParameterRange.ScalingType and IntegerParameterRange.ScalingType",
        shapes=TUNING_JOB,
        check=_scaling,
        obeys=_numeric("Continuous", "0.1", "0.5", "Logarithmic"),
        breaks=_numeric("Continuous", "0", "0.5", "Logarithmic"),
    ),
    Rule(
        id="tuning.range-name",
        summary="A hyperparameter has one range",
        source="SageMaker Python SDK 2.257, tuner.py: ranges are kept by name",
        shapes=TUNING_JOB,
        check=_range_names,
        obeys={},
        breaks=tuning_config(
            ParameterRanges={"CategoricalParameterRanges": [{"Name": "eta", "Values": ["0.1", "0.2"]}]}
        ),
    ),
    Rule(
        id="tuning.no-range",
        summary="A tuning job has a range to search, unless Autotune chooses it, and a limit, unless it is a grid",
        source="SageMaker Python SDK 2.257, tuner.py: hyperparameter ranges or autotune are needed",
        shapes=TUNING_JOB,
        check=_ranges_given,
        obeys=tuning_config(ResourceLimits={"MaxNumberOfTrainingJobs": None, "MaxRuntimeInSeconds": 3600}),
        breaks=tuning_config(ResourceLimits={"MaxNumberOfTrainingJobs": None}),
    ),
    Rule(
        id="tuning.combinations",
        summary="The ranges have at least MaxNumberOfTrainingJobs combinations",
        source="Answer of the service, quoted in amazon-sagemaker-operator-for-k8s issue 123",
        shapes=TUNING_JOB,
        check=_enough_combinations,
        obeys=_categories("a", "b", "c", "d"),
        breaks=_categories("a", "b", "c"),
    ),
    Rule(
        id="tuning.grid-count",
        summary="MaxNumberOfTrainingJobs of a grid, if it is given, is the number of its combinations",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-define-ranges",
        shapes=TUNING_JOB,
        check=_grid_count,
        severity="warning",
        obeys=_both(_categories("a", "b", "c", "d"), tuning_config(Strategy="Grid")),
        breaks=_both(_categories("a", "b"), tuning_config(Strategy="Grid")),
    ),
    Rule(
        id="tuning.grid-range",
        summary="A grid takes only categorical ranges",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-how-it-works",
        shapes=TUNING_JOB,
        check=_grid_is_categorical,
        obeys=_both(_categories("a", "b", "c", "d"), tuning_config(Strategy="Grid")),
        breaks=tuning_config(Strategy="Grid"),
    ),
    Rule(
        id="tuning.static-and-tuned",
        summary="A hyperparameter is fixed or tuned, not both",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-define-ranges; SageMaker Python SDK 2.257, tuner.py",
        shapes=TUNING_JOB,
        check=_static_and_tuned,
        severity="warning",
        obeys={"TrainingJobDefinition": {"StaticHyperParameters": {"depth": "3"}}},
        breaks={"TrainingJobDefinition": {"StaticHyperParameters": {"eta": "0.3"}}},
    ),
    Rule(
        id="tuning.tuned-count",
        summary=f"At most {MOST_TUNED} hyperparameters are tuned",
        source="botocore, ParameterRanges",
        shapes=TUNING_JOB,
        check=_tuned_count,
        obeys=_ranges(CategoricalParameterRanges=_MANY[:MOST_TUNED]),
        breaks=tuning_config(ParameterRanges={"CategoricalParameterRanges": _MANY[:MOST_TUNED]}),
    ),
    Rule(
        id="tuning.hyperparameter-count",
        summary=f"A training job has at most {MOST_HYPERPARAMETERS} hyperparameters, tuned ones included",
        source=f"{DEVELOPER_GUIDE}, automatic-model-tuning-define-ranges",
        shapes=TUNING_JOB,
        check=_hyperparameter_count,
        obeys={"TrainingJobDefinition": {"StaticHyperParameters": {"depth": "3"}}},
        breaks={"TrainingJobDefinition": {"StaticHyperParameters": _STATIC}},
    ),
)
