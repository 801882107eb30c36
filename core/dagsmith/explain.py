"""Explaining a pipeline: for every field of the definition, where its value came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dagsmith.check.spec import origin_at, spell
from dagsmith.errors import Location
from dagsmith.plugins.provenance import Change
from dagsmith.report import CompileReport
from dagsmith.spec.pipeline import Origin, PipelineSpec, StepSpec
from dagsmith.spec.values import ParameterRef, Reference, render


@dataclass(frozen=True)
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


def _pipeline(
    spec: PipelineSpec, changes: tuple[Change, ...], locate: Callable[[Origin], Location | None]
) -> Iterator[Explanation]:
    for parameter in spec.parameters:
        path = f"Parameters.{parameter.name}"
        made = [change for change in changes if change.path in (path, f"pipeline.parameters.{parameter.name}")]
        origin: Origin = spec.origins.get(path, Origin("config", ("parameters", parameter.name)))
        if made:
            origin = Origin("plugin", detail=made[-1].plugin)
        yield Explanation(
            None, path, parameter.default, origin.kind, locate(origin), origin.detail, tuple(made)
        )
    if spec.experiment is not None:
        for key, value in spec.experiment.items():
            made = [change for change in changes if change.path == f"pipeline.experiment.{key}"]
            kind = "plugin" if made else spec.origins.get(f"PipelineExperimentConfig.{key}", Origin("default")).kind
            place = f"PipelineExperimentConfig.{key}"
            yield Explanation(None, place, render(value), kind, None, made[-1].plugin if made else "", tuple(made))


def _step(
    step: StepSpec, changes: tuple[Change, ...], locate: Callable[[Origin], Location | None]
) -> Iterator[Explanation]:
    own = [change for change in changes if change.path.startswith(f"Steps.{step.name}.") or change.path == f"Steps.{step.name}"]
    values: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for attribute, name in (("depends_on", "DependsOn"), ("display_name", "DisplayName"), ("description", "Description")):
        value = getattr(step, attribute)
        if value:
            values[name] = value
    for path, value in _leaves(values, ()):
        spelled = spell(path)
        origin = origin_at(step.origins, path) or _own_field(step, path)
        made = tuple(
            change
            for change in own
            if _covers(change.path.removeprefix(f"Steps.{step.name}").removeprefix("."), spelled)
        )
        kind: str = origin.kind
        detail = origin.detail
        if isinstance(value, ParameterRef) and kind != "plugin":
            kind, detail = "parameter", value.name
        yield Explanation(step.name, spelled, render(value), kind, locate(origin), detail, made)


def _own_field(step: StepSpec, path: tuple[str | int, ...]) -> Origin:
    names = {"DependsOn": "depends_on", "DisplayName": "display_name", "Description": "description"}
    if path[0] in names:
        return Origin("config", ("steps", step.name, names[str(path[0])]))
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
