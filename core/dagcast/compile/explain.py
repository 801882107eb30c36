"""Explaining a pipeline: for every field of the definition, where its value came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dagcast.check.spec import origin_at, spell
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.changes import DEFINITION_NAMES, Change
from dagcast.compile.spec.pipeline import Origin, PipelineSpec, StepSpec
from dagcast.definition.references import ParameterRef, Reference, render
from dagcast.errors import Location

ROLE = "arguments.execution_role"
"""The change by which a plugin gives the role that steps run with."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Where one value of the definition came from.

    Attributes:
        step: The step; ``None`` for what holds for the whole pipeline.
        path: The field in the definition, such as ``Arguments.RoleArn``.
        value: Its value, as the definition spells it.
        kind: ``config``, ``argument``, ``default``, ``edge``, ``parameter`` or ``plugin``.
        location: The config line, where one gave the value.
        detail: In words: which default, parameter or plugin.
        changes: What plugins changed here, in order, with the old and the new value.
    """

    step: str | None
    path: str
    value: Any
    kind: str
    location: Location | None
    detail: str
    changes: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        """The explanation as JSON-ready data."""
        return {
            "step": self.step,
            "path": self.path,
            "value": self.value,
            "kind": self.kind,
            "file": self.location.file if self.location else None,
            "line": self.location.line if self.location else None,
            "detail": self.detail,
            "changes": [change.as_dict() for change in self.changes],
        }


def explain(report: CompileReport, locate: Callable[[Origin], Location | None]) -> Iterator[Explanation]:
    """Every value of the definition, in its order.

    Args:
        report: The report of a compile.
        locate: Gives the place of an origin in the config.
    """
    yield from _pipeline(report.spec, report.changes, locate)
    for step in report.spec.steps:
        yield from _step(step, report.changes, locate)
    present = {step.name for step in report.spec.steps}
    steps = [change.path.partition(".")[2] for change in report.changes if change.path.startswith("Steps.")]
    for name in dict.fromkeys(steps):
        if "." not in name and name not in present:
            yield _removed(name, "", [change for change in report.changes if change.path == f"Steps.{name}"])


def _pipeline(
    spec: PipelineSpec, changes: tuple[Change, ...], locate: Callable[[Origin], Location | None]
) -> Iterator[Explanation]:
    values: dict[str, tuple[Any, Origin, tuple[str, ...]]] = {}

    def add(path: str, value: Any, origin: Origin, *places: str) -> None:
        values[path] = (render(value), origin, places)

    def config(*path: str) -> Origin:
        return Origin("config", path)

    add("Name", spec.name, config("pipeline", "name"), "pipeline.name")
    if spec.description is not None:
        add("Description", spec.description, config("pipeline", "description"), "pipeline.description")
    for key, value in spec.tags:
        add(f"Tags.{key}", value, config("pipeline", "tags", key), f"pipeline.tags.{key}", "pipeline.tags")
    if spec.parallelism is not None:
        add("Parallelism", spec.parallelism, config("pipeline", "parallelism"), "pipeline.parallelism")
    for parameter in spec.parameters:
        path = f"Parameters.{parameter.name}"
        origin = spec.origins.get(path, config("parameters", parameter.name))
        add(path, parameter.default, origin, path, f"pipeline.parameters.{parameter.name}")
    for key, value in (spec.experiment or {}).items():
        path = f"PipelineExperimentConfig.{key}"
        add(
            path,
            value,
            spec.origins.get(path, Origin("default")),
            f"pipeline.experiment.{key}",
            "pipeline.experiment",
        )
    told: set[str] = set()
    for path, (value, origin, places) in values.items():
        made = [change for change in changes if change.path in places]
        told.update(change.path for change in made)
        if made:
            origin = Origin("plugin", detail=made[-1].plugin)
        yield Explanation(
            step=None,
            path=path,
            value=value,
            kind=origin.kind,
            location=locate(origin),
            detail=origin.detail,
            changes=tuple(made),
        )
    for path in dict.fromkeys(
        c.path for c in changes if c.path.startswith("pipeline.") and c.path not in told
    ):
        yield _removed(None, path.removeprefix("pipeline."), [c for c in changes if c.path == path])


def _removed(step: str | None, path: str, changes: list[Change]) -> Explanation:
    """What a plugin took away, or what shows in no value, such as the order of the steps."""
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


def _step(
    step: StepSpec, changes: tuple[Change, ...], locate: Callable[[Origin], Location | None]
) -> Iterator[Explanation]:
    prefix = f"Steps.{step.name}"
    own = [
        (change.path.removeprefix(prefix).removeprefix("."), change)
        for change in changes
        if change.path == prefix or change.path.startswith(f"{prefix}.")
    ]
    role = [change for change in changes if change.path == ROLE]
    values: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for attribute, name in DEFINITION_NAMES.items():
        value = getattr(step, attribute)
        if value and attribute != "definition_type":
            values[name] = value
    told: set[str] = set()
    for path, value in _leaves(values, ()):
        spelled = spell(path)
        origin = origin_at(step.origins, path) or _own_field(step, spelled)
        covering = [(place, change) for place, change in own if _covers(place, spelled)]
        told.update(place for place, _ in covering)
        made = [change for _, change in covering]
        if origin.kind == "argument" and origin.detail == "role" and role:
            origin, made = Origin("plugin", detail=role[-1].plugin), [*role, *made]
        kind: str = origin.kind
        detail = origin.detail
        if isinstance(value, ParameterRef) and kind != "plugin":
            kind, detail = "parameter", value.name
        yield Explanation(
            step=step.name,
            path=spelled,
            value=render(value),
            kind=kind,
            location=locate(origin),
            detail=detail,
            changes=tuple(made),
        )
    for place in dict.fromkeys(place for place, _ in own if place not in told):
        yield _removed(step.name, place, [change for other, change in own if other == place])


def _own_field(step: StepSpec, path: str) -> Origin:
    for attribute, name in DEFINITION_NAMES.items():
        if _covers(name, path):
            return Origin("config", ("steps", step.name, attribute))
    return Origin("default")


def _covers(changed: str, path: str) -> bool:
    """Whether a change at one path touched the value at the other."""
    return changed in ("", path) or path.startswith((f"{changed}.", f"{changed}["))


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, (list, tuple)) and value and not isinstance(value, Reference):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value
