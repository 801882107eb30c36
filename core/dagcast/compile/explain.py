"""The origin of every value of a pipeline: a line of the config, a default, an edge, a parameter or a plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagcast.compile.config.origins import NO_CONFIG, find_origin
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.changes import DEFINITION_PATHS, Change
from dagcast.compile.spec.pipeline import Origin, PipelineSpec, StepSpec
from dagcast.definition.references import ParameterRef, Reference, render
from dagcast.errors import Location
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, is_within

ROLE = ("arguments", "execution_role")
"""The path of the change with which a plugin sets the execution role."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The origin of one value of the definition.

    Attributes:
        step: The step; ``None`` for the pipeline itself.
        path: The field in the definition, such as ``("Arguments", "RoleArn")``.
        value: Its value as JSON data.
        kind: ``config``, ``argument``, ``default``, ``edge``, ``parameter`` or ``plugin``.
        location: The line of the config, for a value from there.
        detail: The default, parameter or plugin, in words.
        changes: The changes of plugins to the field, in order, with old and new values.
    """

    step: str | None
    path: FieldPath
    value: Any
    kind: str
    location: Location | None
    detail: str
    changes: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON data."""
        return {
            "step": self.step,
            "path": list(self.path),
            "value": self.value,
            "kind": self.kind,
            "file": self.location.file if self.location else None,
            "line": self.location.line if self.location else None,
            "detail": self.detail,
            "changes": [change.as_dict() for change in self.changes],
        }


def explain(
    report: CompileReport,
    locate: Callable[[Origin], Location | None],
    config: Mapping[str, Any] = NO_CONFIG,
) -> Iterator[Explanation]:
    """Yield the origin of every value of a definition, in the order of the definition.

    Args:
        report: The report of a compile.
        locate: Returns the place of an origin in the config.
        config: The data of the config, to find the line of each value.
    """
    yield from _explain_pipeline(report.spec, report.changes, locate)
    for step in report.spec.steps:
        yield from _explain_step(step, report.changes, locate, config)
    present = {step.name for step in report.spec.steps}
    whole = [change for change in report.changes if change.path[0] == "Steps" and len(change.path) == 2]
    for path in dict.fromkeys(change.path for change in whole):
        name = str(path[1])
        if name not in present:
            yield _explain_change(name, (), [change for change in whole if change.path == path])


def _explain_pipeline(
    spec: PipelineSpec, changes: tuple[Change, ...], locate: Callable[[Origin], Location | None]
) -> Iterator[Explanation]:
    values: dict[FieldPath, tuple[Any, Origin, tuple[FieldPath, ...]]] = {}

    def add(path: FieldPath, value: Any, origin: Origin, *places: FieldPath) -> None:
        values[path] = (render(value), origin, places)

    def config(*path: str) -> Origin:
        return Origin("config", path)

    add(("Name",), spec.name, config("pipeline", "name"), ("pipeline", "name"))
    if spec.description is not None:
        own = ("pipeline", "description")
        add(("Description",), spec.description, config(*own), own)
    for key, value in spec.tags:
        own = ("pipeline", "tags")
        add(("Tags", key), value, config(*own, key), (*own, key), own)
    if spec.parallelism is not None:
        own = ("pipeline", "parallelism")
        add(("Parallelism",), spec.parallelism, config(*own), own)
    for parameter in spec.parameters:
        path = ("Parameters", parameter.name)
        origin = spec.origins.get(path, config("parameters", parameter.name))
        add(path, parameter.default, origin, path, ("pipeline", "parameters", parameter.name))
    for key, value in (spec.experiment or {}).items():
        path, own = ("PipelineExperimentConfig", key), ("pipeline", "experiment")
        add(path, value, spec.origins.get(path, Origin("default")), (*own, key), own)
    shown: set[FieldPath] = set()
    for place, (value, origin, places) in values.items():
        made = [change for change in changes if change.path in places]
        shown.update(change.path for change in made)
        if made:
            origin = Origin("plugin", detail=made[-1].plugin)
        yield Explanation(
            step=None,
            path=place,
            value=value,
            kind=origin.kind,
            location=locate(origin),
            detail=origin.detail,
            changes=tuple(made),
        )
    others = [change for change in changes if change.path[0] == "pipeline" and change.path not in shown]
    for gone in dict.fromkeys(change.path for change in others):
        yield _explain_change(None, gone[1:], [change for change in others if change.path == gone])


def _explain_change(step: str | None, path: FieldPath, changes: list[Change]) -> Explanation:
    """Return the explanation of changes without a value: removed fields, or the order of the steps."""
    value = changes[-1].as_dict()["new"]
    return Explanation(
        step=step,
        path=path,
        value=value,
        kind="plugin",
        location=None,
        detail=changes[-1].plugin,
        changes=tuple(changes),
    )


def _explain_step(
    step: StepSpec,
    changes: tuple[Change, ...],
    locate: Callable[[Origin], Location | None],
    config: Mapping[str, Any],
) -> Iterator[Explanation]:
    prefix = ("Steps", step.name)
    own = [(change.path[len(prefix) :], change) for change in changes if is_within(change.path, prefix)]
    role = [change for change in changes if change.path == ROLE]
    leaves = list(_leaves({"Arguments": step.arguments, **step.fields}, ()))
    for attribute, path in DEFINITION_PATHS.items():
        value = getattr(step, attribute)
        if value and attribute != "definition_type":
            leaves += _leaves(value, path)
    shown: set[FieldPath] = set()
    for path, value in leaves:
        origin = find_origin(step.origins, path, value, config) or _own_field(step, path)
        covering = [(place, change) for place, change in own if is_within(path, place)]
        shown.update(place for place, _ in covering)
        made = [change for _, change in covering]
        if origin.kind == "argument" and origin.detail == "role" and role:
            origin, made = Origin("plugin", detail=role[-1].plugin), [*role, *made]
        kind: str = origin.kind
        detail = origin.detail
        if isinstance(value, ParameterRef) and kind != "plugin":
            kind, detail = "parameter", value.name
        yield Explanation(
            step=step.name,
            path=path,
            value=render(value),
            kind=kind,
            location=locate(origin),
            detail=detail,
            changes=tuple(made),
        )
    for place in dict.fromkeys(place for place, _ in own if place not in shown):
        yield _explain_change(step.name, place, [change for other, change in own if other == place])


def _own_field(step: StepSpec, path: FieldPath) -> Origin:
    for attribute, own in DEFINITION_PATHS.items():
        if is_within(path, own):
            return Origin("config", ("steps", step.name, attribute))
    return Origin("default")


def _leaves(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, (list, tuple)) and value and not isinstance(value, Reference):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value
