"""Provenance: what each plugin changed, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from dagsmith.spec.pipeline import Origin, PipelineSpec, StepSpec
from dagsmith.spec.values import FrozenDict, Reference, freeze, render

ABSENT = None
"""Stands for the old value of what was added, and the new value of what was removed."""

_UNCOMPARED = ("origins",)


@dataclass(frozen=True)
class Change:
    """One field that a plugin changed.

    Attributes:
        plugin: The plugin.
        hook: The hook that changed it.
        path: The field, such as ``Steps.train.Arguments.VpcConfig.Subnets`` or ``metadata.author``.
        old: Its value before; ``None`` if it was not there.
        new: Its value after; ``None`` if it is gone.
    """

    plugin: str
    hook: str
    path: str
    old: Any
    new: Any

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON-ready data, references as the definition spells them."""
        return {
            "plugin": self.plugin,
            "hook": self.hook,
            "path": self.path,
            "old": plain(self.old),
            "new": plain(self.new),
        }


def plain(value: Any) -> Any:
    """A value of the spec as JSON-ready data."""
    if is_dataclass(value) and not isinstance(value, (type, Reference)):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.name not in _UNCOMPARED}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return render(value)


def attribute(plugin: str, before: PipelineSpec, after: PipelineSpec) -> tuple[PipelineSpec, tuple[Change, ...]]:
    """Find what a plugin's ``transform_spec`` changed, and note it in the origins of the spec.

    Returns:
        ``after`` with origins that name the plugin where it changed something, and the changes.
    """
    changes: list[Change] = []
    known = {step.name: step for step in before.steps}
    steps = []
    for step in after.steps:
        old = known.get(step.name)
        if old is step:
            steps.append(step)
            continue
        found = list(_step_changes(old, step))
        changes += [Change(plugin, "transform_spec", f"Steps.{step.name}{path}", o, n) for path, o, n in found]
        steps.append(replace(step, origins=_origins(old, plugin, [path for path, _, _ in found])))
    gone = known.keys() - {step.name for step in after.steps}
    changes += [Change(plugin, "transform_spec", f"Steps.{name}", known[name], ABSENT) for name in sorted(gone)]
    for field in fields(PipelineSpec):
        if field.name in ("steps", *_UNCOMPARED):
            continue
        old_value, new_value = getattr(before, field.name), getattr(after, field.name)
        if field.name == "parameters":
            old_value = FrozenDict({parameter.name: parameter for parameter in old_value})
            new_value = FrozenDict({parameter.name: parameter for parameter in new_value})
        for path, o, n in _differences(old_value, new_value, f"pipeline.{field.name}"):
            changes.append(Change(plugin, "transform_spec", path, o, n))
    return replace(after, steps=tuple(steps), origins=before.origins), tuple(changes)


def _step_changes(old: StepSpec | None, new: StepSpec) -> Iterator[tuple[str, Any, Any]]:
    if old is None:
        yield "", ABSENT, new
        return
    yield from _differences(old.arguments, new.arguments, ".Arguments")
    yield from _differences(old.fields, new.fields, "")
    for field in fields(StepSpec):
        if field.name not in ("arguments", "fields", *_UNCOMPARED):
            before, after = getattr(old, field.name), getattr(new, field.name)
            if before != after:
                yield f".{field.name}", before, after


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if old is new or (type(old) is type(new) and old == new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key, ABSENT), new.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{path}[{index}]")
    else:
        yield path, old, new


def _origins(old: StepSpec | None, plugin: str, paths: list[str]) -> FrozenDict:
    origins = dict(old.origins) if old is not None else {}
    for path in paths:
        place = path.removeprefix(".")
        for known in [name for name in origins if name == place or name.startswith((f"{place}.", f"{place}["))]:
            del origins[known]
        origins[place] = Origin("plugin", detail=plugin)
    frozen: FrozenDict = freeze(origins)
    return frozen
