"""Reads and checks a CreateHyperParameterTuningJob request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.container import metrics, training_request
from dagcast.runner.container.check_request import (
    Schema,
    as_list,
    as_mapping,
    cannot_run_here,
    check_schema,
    remove_nulls,
)
from dagcast.runner.container.training_toolkit import PROGRAM
from dagcast.runner.local_images import NO_LOCAL_IMAGES, LocalImages
from dagcast.runner.tuning.hyperparameter_search import (
    STRATEGIES,
    Range,
    SearchRangeError,
    count_combinations,
    make_search,
    read_ranges,
)
from dagcast.sagemaker.builtin_algorithms import algorithm_of_image

OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter that names the objective metric to a training job. Source: ``sagemaker_training.params``."""

_DIRECTIONS = ("Maximize", "Minimize")
"""Source: SageMaker API reference, ``HyperParameterTuningJobObjectiveType``."""

_TUNING_FIELDS = (
    "DefinitionName",
    "TuningObjective",
    "HyperParameterRanges",
    "StaticHyperParameters",
    "HyperParameterTuningResourceConfig",
    "RetryStrategy",
)
"""Fields of a definition that are not part of a CreateTrainingJob request."""

_BOUNDS: Schema = [{"Name": "string", "MinValue": "scalar", "MaxValue": "scalar", "ScalingType": "string"}]
_RANGES: Schema = {
    "IntegerParameterRanges": _BOUNDS,
    "ContinuousParameterRanges": _BOUNDS,
    "CategoricalParameterRanges": [{"Name": "string", "Values": ["scalar"]}],
}
_OBJECTIVE: Schema = {"MetricName": "string", "Type": "string"}
_DEFINITION: Schema = {
    "DefinitionName": "string",
    "HyperParameterRanges": _RANGES,
    "StaticHyperParameters": {"*": "scalar"},
    "TuningObjective": _OBJECTIVE,
    "HyperParameterTuningResourceConfig": {"InstanceConfigs": [{}]},
}
_SHAPE: Schema = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "string",
        "HyperParameterTuningJobObjective": _OBJECTIVE,
        "ParameterRanges": _RANGES,
        "RandomSeed": "number",
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": "count",
            "MaxParallelTrainingJobs": "count",
            "MaxRuntimeInSeconds": "count",
        },
        "TuningJobCompletionCriteria": {
            "TargetObjectiveMetricValue": "number",
            "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": "count"},
            "ConvergenceDetected": {"CompleteOnConvergence": "string"},
        },
    },
    "TrainingJobDefinition": _DEFINITION,
    "TrainingJobDefinitions": [_DEFINITION],
}


@dataclass(frozen=True)
class TrainingDefinition:
    """A definition of training jobs, and what is searched in it.

    Attributes:
        name: Its name; ``None`` for the only definition of a job.
        request: The definition.
        ranges: The ranges of its hyperparameters.
        metric: The name of the objective metric.
        maximize: Whether a larger objective is better.
    """

    name: str | None
    request: Mapping[str, Any]
    ranges: tuple[Range, ...]
    metric: str
    maximize: bool

    def make_training_request(self, tuned: Mapping[str, str], job_name: str) -> dict[str, Any]:
        """Return the CreateTrainingJob request of one trial.

        Checkpoints of a trial are kept below its name, so that trials do not continue from each other's.
        """
        static = {
            str(name): str(value)
            for name, value in as_mapping(self.request.get("StaticHyperParameters")).items()
        }
        # The toolkit parses the hyperparameters of scripts as JSON; images get plain strings.
        objective = json.dumps(self.metric) if PROGRAM in static else self.metric
        request = _as_training(self.request, {**static, OBJECTIVE: objective, **tuned})
        if checkpoints := as_mapping(request.get("CheckpointConfig")):
            place = f"{str(checkpoints['S3Uri']).rstrip('/')}/{job_name}"
            request["CheckpointConfig"] = {**checkpoints, "S3Uri": place}
        return {**request, "TrainingJobName": job_name}


@dataclass(frozen=True, kw_only=True)
class TuningJob:
    """A tuning job.

    Attributes:
        strategy: One of :data:`~dagcast.runner.tuning.hyperparameter_search.STRATEGIES`.
        definitions: The training definitions, whose trials take turns.
        trials: The maximum number of trials; for a grid, at most the number of its combinations.
        parallel: The maximum number of trials at once.
        seconds: Seconds after which no trial starts.
        seed: The seed in the request.
        target: The objective that ends the search.
        patience: The number of trials without an improvement of 1 % that ends the search.
    """

    strategy: str
    definitions: tuple[TrainingDefinition, ...]
    trials: int
    parallel: int
    seconds: float | None
    seed: int | None
    target: float | None
    patience: int | None


def read_tuning_job(request: Mapping[str, Any]) -> TuningJob:
    """Read a request that has no references, and in which :func:`check_request` finds nothing."""
    config = request["HyperParameterTuningJobConfig"]
    limits, criteria = (
        as_mapping(config.get("ResourceLimits")),
        as_mapping(config.get("TuningJobCompletionCriteria")),
    )
    definitions = tuple(_read_definition(*parts) for parts in _iter_definitions(request))
    strategy, max_trials = str(config["Strategy"]), limits.get("MaxNumberOfTrainingJobs")
    if strategy == "Grid":
        size = grid_size(definitions)
        max_trials = size if max_trials is None else min(int(max_trials), size)
    patience = as_mapping(criteria.get("BestObjectiveNotImproving")).get(
        "MaxNumberOfTrainingJobsNotImproving"
    )
    return TuningJob(
        strategy=strategy,
        definitions=definitions,
        trials=int(max_trials) if max_trials is not None else MAX_UNBOUNDED_TRIALS,
        parallel=int(limits.get("MaxParallelTrainingJobs", 1)),
        seconds=_to_float(limits.get("MaxRuntimeInSeconds")),
        seed=None if config.get("RandomSeed") is None else int(float(config["RandomSeed"])),
        target=_to_float(criteria.get("TargetObjectiveMetricValue")),
        patience=None if patience is None else int(patience),
    )


def grid_size(definitions: Sequence[TrainingDefinition]) -> int:
    """Return the number of combinations of a grid's definitions."""
    return sum(count_combinations(definition.ranges) for definition in definitions)


MAX_UNBOUNDED_TRIALS = 750
"""Maximum number of trials of a job with a time limit only.

Source: SageMaker Developer Guide, "Resource Limits for Automatic Model Tuning".
"""


def check_request(
    step: str, request: Mapping[str, Any], *, image: bool, local_images: LocalImages = NO_LOCAL_IMAGES
) -> Iterator[Diagnostic]:
    """Find what cannot run here; any value can be a reference.

    Args:
        step: The name of the step.
        request: The request.
        image: Whether training jobs run in their image.
        local_images: The programs that stand for images.
    """
    request = remove_nulls(request)
    wrong = list(check_schema(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    config = as_mapping(request.get("HyperParameterTuningJobConfig"))
    strategy = config.get("Strategy")
    if strategy is None:
        message = f"step {step!r}: HyperParameterTuningJobConfig has no Strategy"
        yield Diagnostic(message, code="request.missing-field")
        return
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        hint = did_you_mean(strategy, STRATEGIES)
        yield Diagnostic(
            f"step {step!r}: unknown strategy {strategy!r}", code="request.unknown-value", hint=hint
        )
        return
    if "WarmStartConfig" in request:
        yield cannot_run_here(step, "WarmStartConfig needs earlier tuning jobs, which exist in AWS only")
    if "Autotune" in request or _has_items(config.get("ParameterRanges"), "AutoParameters"):
        yield cannot_run_here(step, "Autotune is available in AWS only", hint="write ParameterRanges")
    limits = as_mapping(config.get("ResourceLimits"))
    if strategy != "Grid" and not {"MaxNumberOfTrainingJobs", "MaxRuntimeInSeconds"} & set(limits):
        message = f"step {step!r}: ResourceLimits has neither MaxNumberOfTrainingJobs nor MaxRuntimeInSeconds"
        yield Diagnostic(message, code="request.missing-field")
    found = list(_iter_definitions(request))
    if not found:
        yield Diagnostic(f"step {step!r}: TrainingJobDefinition is missing", code="request.missing-field")
    for definition, ranges, objective in found:
        training = _as_training(definition, as_mapping(definition.get("StaticHyperParameters")))
        yield from training_request.check_request(step, training, image=image, local_images=local_images)
        own = () if image else local_images.metric_names(_image(definition))
        yield from _objective_problems(step, definition, objective, own)
        yield from _range_problems(step, strategy, ranges)


def _objective_problems(
    step: str, definition: Mapping[str, Any], objective: Mapping[str, Any], own: Sequence[str]
) -> Iterator[Diagnostic]:
    """Find problems of an objective: the service requires a type, and a metric definition or a metric of the image."""
    name, direction = objective.get("MetricName"), objective.get("Type")
    if "MetricName" not in objective:
        yield Diagnostic(f"step {step!r}: the objective is missing", code="request.missing-field")
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
    written = metrics.list_definitions(as_mapping(definition.get("AlgorithmSpecification")))
    names = [*(as_mapping(item).get("Name") for item in written), *own]
    if not isinstance(name, str) or name in names or any(isinstance(item, Reference) for item in names):
        return
    image = as_mapping(definition.get("AlgorithmSpecification")).get("TrainingImage")
    algorithm = algorithm_of_image(image) if isinstance(image, str) else None
    if algorithm is not None:
        yield cannot_run_here(
            step,
            f"the image of {algorithm.name} defines the metric {name!r}, which a local run cannot read from its log",
        )
    else:
        hint = did_you_mean(name, map(str, names))
        yield Diagnostic(
            f"step {step!r}: MetricDefinitions has no regular expression for the objective {name!r}",
            code="tuning.missing-metric",
            hint=hint,
        )


def _image(definition: Mapping[str, Any]) -> Any:
    return as_mapping(definition.get("AlgorithmSpecification")).get("TrainingImage")


def _range_problems(step: str, strategy: Any, ranges: Mapping[str, Any]) -> Iterator[Diagnostic]:
    if _has_reference(ranges):
        return  # known when the step runs
    try:
        found = read_ranges(ranges)
        if strategy == "Grid":
            make_search("Grid", found, seed=0, maximize=True, trials=0)
    except SearchRangeError as error:
        for problem in error.problems:
            yield Diagnostic(f"step {step!r}: {problem}", code="tuning.invalid-range")


def _iter_definitions(
    request: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each definition with its ranges and its objective. A single one has them in the job's configuration."""
    config = as_mapping(request.get("HyperParameterTuningJobConfig"))
    if only := as_mapping(request.get("TrainingJobDefinition")):
        ranges = only.get("HyperParameterRanges") or config.get("ParameterRanges")
        objective = only.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
        yield only, as_mapping(ranges), as_mapping(objective)
    for definition in map(as_mapping, as_list(request.get("TrainingJobDefinitions"))):
        ranges, objective = definition.get("HyperParameterRanges"), definition.get("TuningObjective")
        yield definition, as_mapping(ranges), as_mapping(objective)


def _read_definition(
    definition: Mapping[str, Any], ranges: Mapping[str, Any], objective: Mapping[str, Any]
) -> TrainingDefinition:
    maximize = objective["Type"] == "Maximize"
    name = definition.get("DefinitionName")
    return TrainingDefinition(name, definition, read_ranges(ranges), str(objective["MetricName"]), maximize)


def _as_training(definition: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the CreateTrainingJob fields of a definition. Of SDK 2's instance choices for tuning, it has the first."""
    resources = as_mapping(definition.get("HyperParameterTuningResourceConfig"))
    first = [as_mapping(choice) for choice in as_list(resources.get("InstanceConfigs"))][:1]
    rest = {key: value for key, value in definition.items() if key not in _TUNING_FIELDS}
    given = {"ResourceConfig": {**resources, **(first[0] if first else {})}} if resources else {}
    return {**given, **rest, "HyperParameters": dict(hyperparameters)}


def _has_items(value: Any, key: str) -> bool:
    return bool(as_mapping(value).get(key))


def _has_reference(value: Any) -> bool:
    if isinstance(value, Reference):
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(map(_has_reference, inner))


def _to_float(value: Any) -> float | None:
    return None if value is None else float(value)
