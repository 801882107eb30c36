"""Finds the steps for whose images a local image stands, and what the images would refuse, before a run starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from dagcast.check.rules.request_body import UNKNOWN, RequestBody, known_values
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import StepProperty
from dagcast.definition.resolve_references import Scope, resolve_known
from dagcast.errors import Diagnostic, Location
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.runner.container.check_request import as_list, as_mapping, remove_nulls
from dagcast.runner.container.training_toolkit import PROGRAM
from dagcast.runner.local_images import LocalImages, NoStandInError, RequestCheck, StandIn
from dagcast.runner.model_containers import list_containers

if TYPE_CHECKING:
    from dagcast.runner.options import RunOptions

LocateField = Callable[[str, FieldPath], Location | None]
"""Returns the place of a value, from the name of a step and the path in its entry of the definition."""

_TRAINING = {"Training", "Tuning"}
_MODEL_PROGRAM = "SAGEMAKER_PROGRAM"
_IMAGE = ("AlgorithmSpecification", "TrainingImage")


@dataclass(frozen=True)
class ImageProblem:
    """What prevents a local image from standing for the image of a step.

    Attributes:
        path: The path of the value in the step's ``Arguments``.
        message: What is wrong.
        code: The id of the diagnostic.
        hint: The remedy, if it is known.
    """

    path: FieldPath
    message: str
    code: str
    hint: str | None = None


@dataclass(frozen=True)
class _Job:
    """A training job of a step, or a definition of training jobs in a tuning job.

    Attributes:
        path: Its path in the step's ``Arguments``.
        request: Its request; hyperparameters that are searched are unknown.
        parameters: The name of the member that holds its hyperparameters.
        searched: By hyperparameter that is searched: the ends of its range, or its values, each with its path.
    """

    path: FieldPath
    request: dict[str, Any]
    parameters: str = "HyperParameters"
    searched: Mapping[str, tuple[tuple[FieldPath, Any], ...]] = field(default_factory=dict)


def training_stand_in(request: Mapping[str, Any], images: LocalImages) -> StandIn | None:
    """Return the local image that stands for the image of a training job; ``None`` if the job brings code.

    Args:
        request: A CreateTrainingJob request, or a definition of a tuning job with ``HyperParameters``.
        images: The local images of the run.

    Raises:
        NoStandInError: If a local image knows the image's repository, but not its tag.
    """
    algorithm = as_mapping(request.get("AlgorithmSpecification"))
    if algorithm.get("ContainerEntrypoint") or PROGRAM in as_mapping(request.get("HyperParameters")):
        return None
    return images.find(algorithm.get("TrainingImage"), "training")


def serving_stand_in(container: Mapping[str, Any], images: LocalImages) -> StandIn | None:
    """Return the local image that stands for the image of a model's container; ``None`` if it names a script.

    Args:
        container: A container of a CreateModel request.
        images: The local images of the run.

    Raises:
        NoStandInError: If a local image knows the image's repository, but not its tag.
    """
    if _MODEL_PROGRAM in as_mapping(container.get("Environment")):
        return None
    return images.find(container.get("Image"), "serving")


def find_stand_ins(step: Step, definition: Definition, options: RunOptions, scope: Scope) -> list[StandIn]:
    """Return the local images that stand for the images of a step, each once.

    Images that no local image can stand for are left out: :func:`check_step` reports them.
    """
    found: dict[str, StandIn] = {}
    for _, find, _ in _uses(step, definition, options, scope):
        try:
            stand_in = find()
        except NoStandInError:
            continue
        if stand_in is not None:
            found.setdefault(str(stand_in), stand_in)
    return list(found.values())


def check_step(
    step: Step, definition: Definition, options: RunOptions, scope: Scope, locate: LocateField
) -> Iterator[Diagnostic]:
    """Yield what prevents local images from standing for the images of a step, with its place.

    Args:
        step: The step.
        definition: The pipeline.
        options: The options of the run, with its local images.
        scope: The values of parameters.
        locate: Returns the place of a value.
    """
    seen: set[tuple[FieldPath, str]] = set()
    for path, find, check in _uses(step, definition, options, scope):
        for problem in _problems(path, find, check):
            if (problem.path, problem.message) not in seen:
                seen.add((problem.path, problem.message))
                yield Diagnostic(
                    f"step {step.name!r}: {problem.message}",
                    locate(step.name, ("Arguments", *problem.path)),
                    code=problem.code,
                    hint=problem.hint,
                )


def check_training_request(request: Mapping[str, Any], images: LocalImages) -> Iterator[ImageProblem]:
    """Yield what prevents a local image from standing for the image of a training job without references."""
    job = _Job((), dict(request))
    yield from _problems(_IMAGE, lambda: training_stand_in(job.request, images), _training_check(job))


def check_serving_request(
    request: Mapping[str, Any], container: Mapping[str, Any], images: LocalImages
) -> Iterator[ImageProblem]:
    """Yield what prevents a local image from serving a batch transform without references."""
    yield from _problems(
        ("ModelName",), lambda: serving_stand_in(container, images), _serving_check(request, container)
    )


def stand_ins_of(
    kind: str, arguments: Mapping[str, Any], models: Iterable[Mapping[str, Any]], images: LocalImages
) -> list[StandIn]:
    """Return the local images that stand for the images of a step without references.

    Args:
        kind: The type of the step.
        arguments: Its arguments.
        models: The properties of the models that it names.
        images: The local images of the run.
    """
    found: list[StandIn | None] = []
    try:
        if kind in _TRAINING:
            found = [training_stand_in(job.request, images) for job in _training_jobs(kind, arguments)]
        elif kind == "Transform":
            containers = (container for model in models for container in list_containers(model))
            found = [serving_stand_in(container, images) for container in containers]
    except NoStandInError:
        return []
    return [stand_in for stand_in in found if stand_in is not None]


_Findings = Iterator[ImageProblem]
_Use = tuple[FieldPath, Callable[[], StandIn | None], Callable[[StandIn], _Findings]]
"""The path of an image, a function that returns its local image, and one that checks the request."""


def _problems(
    path: FieldPath, find: Callable[[], StandIn | None], check: Callable[[StandIn], _Findings]
) -> _Findings:
    try:
        stand_in = find()
    except NoStandInError as error:
        hint = f"{error.hint}; --runner docker runs the image itself"
        yield ImageProblem(path, error.message, "run.unknown-image-tag", hint)
        return
    if stand_in is None:
        return
    missing = list(_missing_requirements(stand_in))
    if missing:
        names = " and ".join(requirement for requirement, _ in missing)
        found = ", ".join(f"{found or 'none'} is installed" for _, found in missing)
        message = f"local image {stand_in.loaded.name!r} needs {names}: {found}"
        install = " ".join(f"'{requirement}'" for requirement, _ in missing)
        yield ImageProblem(path, message, "run.missing-extra", f"pip install {install}")
        return
    yield from check(stand_in)


def _missing_requirements(stand_in: StandIn) -> Iterator[tuple[str, str | None]]:
    """Yield each requirement that is not installed here, with the version that is."""
    from packaging.requirements import Requirement

    for text in stand_in.image.requirements:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield text, None
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield text, found


def _uses(step: Step, definition: Definition, options: RunOptions, scope: Scope) -> Iterator[_Use]:
    images = options.local_images
    if not images or options.isolation == "docker" or step.name in options.stubs:
        return
    if step.definition_type in _TRAINING:
        arguments = remove_nulls(resolve_known(step.arguments, scope))
        for job in _training_jobs(step.definition_type, arguments):
            yield (
                (*job.path, *_IMAGE),
                lambda job=job: training_stand_in(job.request, images),  # type: ignore[misc]
                _training_check(job),
            )
    elif step.definition_type == "Transform":
        container = _container(step, definition, options, scope)
        if container is not None:
            request = remove_nulls(resolve_known(step.arguments, scope))
            yield (
                ("ModelName",),
                lambda: serving_stand_in(container, images),
                _serving_check(request, container),
            )


def _container(
    step: Step, definition: Definition, options: RunOptions, scope: Scope
) -> dict[str, Any] | None:
    """Return the only container of the model of a transform, as far as it is known before the run."""
    name = step.arguments.get("ModelName")
    model = definition.by_name.get(name.step) if isinstance(name, StepProperty) else None
    if model is None or model.definition_type != "Model" or model.name in options.stubs:
        return None
    arguments = remove_nulls(resolve_known(model.arguments, scope))
    found = [arguments.get("PrimaryContainer"), *as_list(arguments.get("Containers"))]
    containers = [dict(item) for item in found if isinstance(item, Mapping)]
    return containers[0] if len(containers) == 1 else None


def _training_jobs(kind: str, arguments: Mapping[str, Any]) -> Iterator[_Job]:
    if kind == "Training":
        yield _Job((), dict(arguments))
        return
    config = as_mapping(arguments.get("HyperParameterTuningJobConfig"))
    single = arguments.get("TrainingJobDefinition")
    if isinstance(single, Mapping):
        here = "HyperParameterRanges" in single
        ranges = single["HyperParameterRanges"] if here else config.get("ParameterRanges")
        base = (
            ("TrainingJobDefinition", "HyperParameterRanges")
            if here
            else ("HyperParameterTuningJobConfig", "ParameterRanges")
        )
        objective = single.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
        yield _tuned_job(("TrainingJobDefinition",), single, base, ranges, objective)
    for index, definition in enumerate(as_list(arguments.get("TrainingJobDefinitions"))):
        if isinstance(definition, Mapping):
            path: FieldPath = ("TrainingJobDefinitions", index)
            base = (*path, "HyperParameterRanges")  # type: ignore[assignment]
            ranges, objective = definition.get("HyperParameterRanges"), definition.get("TuningObjective")
            yield _tuned_job(path, definition, base, ranges, objective)


def _tuned_job(
    path: FieldPath, definition: Mapping[str, Any], base: FieldPath, ranges: Any, objective: Any
) -> _Job:
    searched: dict[str, tuple[tuple[FieldPath, Any], ...]] = {}
    for kind, members in as_mapping(ranges).items():
        for index, item in enumerate(map(as_mapping, as_list(members))):
            ends: list[tuple[FieldPath, Any]] = [
                ((*base, kind, index, name), item[name]) for name in ("MinValue", "MaxValue") if name in item
            ]
            ends += [
                ((*base, kind, index, "Values", number), value)
                for number, value in enumerate(as_list(item.get("Values")))
            ]
            searched[str(item.get("Name"))] = tuple(ends)
    static = dict(as_mapping(definition.get("StaticHyperParameters")))
    metric = as_mapping(objective).get("MetricName")
    given = {} if metric is None else {"_tuning_objective_metric": metric}
    request = {
        **{key: value for key, value in definition.items() if key != "StaticHyperParameters"},
        "HyperParameters": {**static, **given, **dict.fromkeys(searched, UNKNOWN)},
    }
    return _Job(path, request, "StaticHyperParameters", searched)


def _training_check(job: _Job) -> Callable[[StandIn], _Findings]:
    def check(stand_in: StandIn) -> _Findings:
        yield from (
            ImageProblem(_place(job, path), message, "run.image-refuses", hint)
            for path, message, hint in _findings(stand_in.image.check_training, stand_in.tag, job.request)
        )
        for name, ends in job.searched.items():
            for place, value in ends:
                tried = {**job.request["HyperParameters"], name: value}
                request = {**job.request, "HyperParameters": tried}
                yield from (
                    ImageProblem(place, message, "run.image-refuses", hint)
                    for path, message, hint in _findings(stand_in.image.check_training, stand_in.tag, request)
                    if path == ("HyperParameters", name)
                )

    return check


def _place(job: _Job, path: FieldPath) -> FieldPath:
    if path[:1] == ("HyperParameters",):
        path = (job.parameters, *path[1:])
    return (*job.path, *path)


def _serving_check(
    request: Mapping[str, Any], container: Mapping[str, Any]
) -> Callable[[StandIn], _Findings]:
    def check(stand_in: StandIn) -> _Findings:
        body = {**request, "Container": dict(container)}
        for path, message, hint in _findings(stand_in.image.check_serving, stand_in.tag, body):
            place = ("ModelName",) if path[:1] == ("Container",) else path
            yield ImageProblem(place, message, "run.image-refuses", hint)

    return check


def _findings(
    check: RequestCheck, tag: str, request: Mapping[str, Any]
) -> Iterator[tuple[FieldPath, str, str | None]]:
    body = RequestBody(known_values(dict(request), {}))
    for finding in check(tag, body):
        yield finding.path, finding.message, finding.hint
