"""Reads a CreateHyperParameterTuningJob request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.runner.container import training_request
from dagcast.runner.container.checks import Shape, cannot, listed, mapping, shape_problems, without_nulls
from dagcast.runner.container.toolkit import PROGRAM
from dagcast.runner.search import STRATEGIES, Range, SpaceError, combinations, make_search, read_ranges

OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter by which a training job learns the metric. Source: ``sagemaker_training.params``."""

_DIRECTIONS = ("Maximize", "Minimize")
"""Source: SageMaker API reference, ``HyperParameterTuningJobObjectiveType``."""

_BESIDE = (
    "DefinitionName",
    "TuningObjective",
    "HyperParameterRanges",
    "StaticHyperParameters",
    "HyperParameterTuningResourceConfig",
    "RetryStrategy",
)
"""What of a definition is no part of a CreateTrainingJob request."""

_BOUNDS: Shape = [{"Name": "text", "MinValue": "scalar", "MaxValue": "scalar", "ScalingType": "text"}]
_RANGES: Shape = {
    "IntegerParameterRanges": _BOUNDS,
    "ContinuousParameterRanges": _BOUNDS,
    "CategoricalParameterRanges": [{"Name": "text", "Values": ["scalar"]}],
}
_OBJECTIVE: Shape = {"MetricName": "text", "Type": "text"}
_DEFINITION: Shape = {
    "DefinitionName": "text",
    "HyperParameterRanges": _RANGES,
    "StaticHyperParameters": {"*": "scalar"},
    "TuningObjective": _OBJECTIVE,
    "HyperParameterTuningResourceConfig": {"InstanceConfigs": [{}]},
}
_SHAPE: Shape = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "text",
        "HyperParameterTuningJobObjective": _OBJECTIVE,
        "ParameterRanges": _RANGES,
        "RandomSeed": "number",
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": "whole",
            "MaxParallelTrainingJobs": "whole",
            "MaxRuntimeInSeconds": "whole",
        },
        "TuningJobCompletionCriteria": {
            "TargetObjectiveMetricValue": "number",
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": "whole"},
            "ConvergenceDetected": {"CompleteOnConvergence": "text"},
        },
    },
    "TrainingJobDefinition": _DEFINITION,
    "TrainingJobDefinitions": [_DEFINITION],
}


@dataclass(frozen=True)
class Definition:
    """The training jobs of one definition.

    Attributes:
        name: Its name; ``None`` for the only one.
        request: The definition as it was written.
        ranges: What is searched.
        metric: The name of the objective.
        maximize: Whether a larger value is better.
    """

    name: str | None
    request: Mapping[str, Any]
    ranges: tuple[Range, ...]
    metric: str
    maximize: bool

    def training(self, tuned: Mapping[str, str], job_name: str) -> dict[str, Any]:
        """The CreateTrainingJob request of one trial.

        A trial keeps its checkpoints below its own name: trials that shared them would go on from each other's.
        """
        static = {
            str(name): str(value)
            for name, value in mapping(self.request.get("StaticHyperParameters")).items()
        }
        objective = (
            json.dumps(self.metric) if PROGRAM in static else self.metric
        )  # scripts get JSON, images texts
        request = _as_training(self.request, {**static, OBJECTIVE: objective, **tuned})
        if checkpoints := mapping(request.get("CheckpointConfig")):
            place = f"{str(checkpoints['S3Uri']).rstrip('/')}/{job_name}"
            request["CheckpointConfig"] = {**checkpoints, "S3Uri": place}
        return {**request, "TrainingJobName": job_name}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A tuning job.

    Attributes:
        strategy: One of :data:`~dagcast.runner.search.STRATEGIES`.
        definitions: Whose trials take turns.
        trials: How many there are at most; of a grid, never more than it has combinations.
        parallel: How many may run at once.
        seconds: After how long no further trial starts.
        seed: The seed that was given.
        target: The objective that ends the search.
        patience: After how many trials without an improvement of 1 % the search ends.
    """

    strategy: str
    definitions: tuple[Definition, ...]
    trials: int
    parallel: int
    seconds: float | None
    seed: int | None
    target: float | None
    patience: int | None


def read_plan(request: Mapping[str, Any]) -> Plan:
    """Read a request without references that :func:`problems` finds nothing wrong with."""
    config = request["HyperParameterTuningJobConfig"]
    limits, criteria = (
        mapping(config.get("ResourceLimits")),
        mapping(config.get("TuningJobCompletionCriteria")),
    )
    definitions = tuple(_read(*parts) for parts in _definitions(request))
    strategy, most = str(config["Strategy"]), limits.get("MaxNumberOfTrainingJobs")
    if strategy == "Grid":
        whole = grid_size(definitions)
        most = whole if most is None else min(int(most), whole)
    patience = mapping(criteria.get("BestObjectiveNotImproving")).get("MaxNumberOfTrainingJobsNotImproving")
    return Plan(
        strategy=strategy,
        definitions=definitions,
        trials=int(most) if most is not None else UNBOUNDED,
        parallel=int(limits.get("MaxParallelTrainingJobs", 1)),
        seconds=_float(limits.get("MaxRuntimeInSeconds")),
        seed=None if config.get("RandomSeed") is None else int(float(config["RandomSeed"])),
        target=_float(criteria.get("TargetObjectiveMetricValue")),
        patience=None if patience is None else int(patience),
    )


def grid_size(definitions: Sequence[Definition]) -> int:
    """How many combinations the definitions of a grid have."""
    return sum(combinations(definition.ranges) for definition in definitions)


UNBOUNDED = 750
"""The most trials of a job that only its time limits. Source: SageMaker Developer Guide, "Resource Limits for
Automatic Model Tuning"."""


def problems(step: str, request: Mapping[str, Any], *, image: bool) -> Iterator[Diagnostic]:
    """Say what of a request cannot run here; references may stand for any value.

    Args:
        step: The name of the step.
        request: The request.
        image: Whether training jobs will run in their own image.
    """
    request = without_nulls(request)
    wrong = list(shape_problems(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    config = mapping(request.get("HyperParameterTuningJobConfig"))
    strategy = config.get("Strategy")
    if strategy is None:
        message = f"step {step!r}: HyperParameterTuningJobConfig has no Strategy"
        yield Diagnostic(message, code="request.missing-field")
        return
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        hint = did_you_mean(strategy, STRATEGIES)
        yield Diagnostic(
            f"step {step!r}: there is no strategy {strategy!r}", code="request.unknown-value", hint=hint
        )
        return
    if "WarmStartConfig" in request:
        yield cannot(step, "WarmStartConfig starts from tuning jobs that are in AWS alone")
    if "Autotune" in request or _given(config.get("ParameterRanges"), "AutoParameters"):
        yield cannot(step, "Autotune chooses the ranges in AWS alone", hint="write ParameterRanges")
    limits = mapping(config.get("ResourceLimits"))
    if strategy != "Grid" and not {"MaxNumberOfTrainingJobs", "MaxRuntimeInSeconds"} & set(limits):
        message = f"step {step!r}: ResourceLimits has neither MaxNumberOfTrainingJobs nor MaxRuntimeInSeconds"
        yield Diagnostic(message, code="request.missing-field")
    found = list(_definitions(request))
    if not found:
        yield Diagnostic(f"step {step!r}: there is no TrainingJobDefinition", code="request.missing-field")
    for definition, ranges, objective in found:
        training = _as_training(definition, mapping(definition.get("StaticHyperParameters")))
        yield from training_request.problems(step, training, image=image)
        yield from _objective_problems(step, definition, objective)
        yield from _range_problems(step, strategy, ranges)


def _objective_problems(
    step: str, definition: Mapping[str, Any], objective: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """The service refuses an objective without a type, or without a metric definition, as well."""
    name, direction = objective.get("MetricName"), objective.get("Type")
    if "MetricName" not in objective:
        yield Diagnostic(f"step {step!r}: there is no objective", code="request.missing-field")
    elif "Type" not in objective:
        yield Diagnostic(
            f"step {step!r}: the objective {name!r} has no Type: Maximize or Minimize",
            code="request.missing-field",
        )
    elif isinstance(direction, str) and direction not in _DIRECTIONS:
        yield Diagnostic(
            f"step {step!r}: the objective's Type is {direction!r}, expected Maximize or Minimize",
            code="request.unknown-value",
            hint=did_you_mean(direction, _DIRECTIONS),
        )
    written = listed(mapping(definition.get("AlgorithmSpecification")).get("MetricDefinitions"))
    names = [mapping(item).get("Name") for item in written]
    if isinstance(name, str) and name not in names and not any(isinstance(item, Reference) for item in names):
        hint = did_you_mean(name, map(str, names))
        yield Diagnostic(
            f"step {step!r}: no MetricDefinitions says how the objective {name!r} is read from the log",
            code="tuning.missing-metric",
            hint=hint,
        )


def _range_problems(step: str, strategy: Any, ranges: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if _has_reference(ranges):
        return  # known when the step runs
    try:
        found = read_ranges(ranges)
        if strategy == "Grid":
            make_search("Grid", found, seed=0, maximize=True, trials=0)
    except SpaceError as error:
        for problem in error.problems:
            yield Diagnostic(f"step {step!r}: {problem}", code="tuning.invalid-range")


def _definitions(
    request: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Each definition with its ranges and its objective: the only one has them in the job's configuration."""
    config = mapping(request.get("HyperParameterTuningJobConfig"))
    if only := mapping(request.get("TrainingJobDefinition")):
        ranges = only.get("HyperParameterRanges") or config.get("ParameterRanges")
        objective = only.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
        yield only, mapping(ranges), mapping(objective)
    for definition in map(mapping, listed(request.get("TrainingJobDefinitions"))):
        ranges, objective = definition.get("HyperParameterRanges"), definition.get("TuningObjective")
        yield definition, mapping(ranges), mapping(objective)


def _read(
    definition: Mapping[str, Any], ranges: Mapping[str, Any], objective: Mapping[str, Any]
) -> Definition:
    maximize = objective["Type"] == "Maximize"
    name = definition.get("DefinitionName")
    return Definition(name, definition, read_ranges(ranges), str(objective["MetricName"]), maximize)


def _as_training(definition: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """SDK 2 names resources for tuning alone: of those, the first choice."""
    resources = mapping(definition.get("HyperParameterTuningResourceConfig"))
    first = [mapping(choice) for choice in listed(resources.get("InstanceConfigs"))][:1]
    rest = {key: value for key, value in definition.items() if key not in _BESIDE}
    given = {"ResourceConfig": {**resources, **(first[0] if first else {})}} if resources else {}
    return {**given, **rest, "HyperParameters": dict(hyperparameters)}


def _given(value: Any, key: str) -> bool:
    return bool(mapping(value).get(key))


def _has_reference(value: Any) -> bool:
    if isinstance(value, Reference):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(map(_has_reference, inner))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
