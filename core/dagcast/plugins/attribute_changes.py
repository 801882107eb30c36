"""Compare a pipeline before and after a plugin, and attribute each changed field to the plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from operator import is_
from typing import Any

from dagcast.compile.spec.changes import ABSENT, DEFINITION_PATHS, Change
from dagcast.compile.spec.edit import replace_fields
from dagcast.compile.spec.pipeline import Origin, ParameterSpec, PipelineSpec, StepSpec, freeze_origins
from dagcast.definition.values import FrozenDict
from dagcast.paths import FieldPath

Note = Callable[[FieldPath, Any, Any], None]
"""Records the path of a field with its old and its new value."""

_MISSING = object()
_STEP_FIELDS: Mapping[str, FieldPath] = {
    "arguments": ("Arguments",),
    "fields": (),
    **{
        field.name: DEFINITION_PATHS.get(field.name, (field.name,))
        for field in fields(StepSpec)
        if field.name not in ("arguments", "fields", "origins")
    },
}
_PIPELINE_FIELDS = tuple(
    field.name for field in fields(PipelineSpec) if field.name not in ("steps", "origins")
)


def attribute_changes(
    plugin: str, before: PipelineSpec, after: PipelineSpec
) -> tuple[PipelineSpec, tuple[Change, ...]]:
    """Find the fields that ``transform_spec`` of a plugin changed, and record them in the origins of the steps.

    Returns:
        ``after``, with origins that name the plugin for each changed field, and the changes.
    """
    found: list[Change] = []

    def note(path: FieldPath, old: Any, new: Any) -> None:
        found.append(
            Change(
                plugin,
                "transform_spec",
                path,
                ABSENT if old is _MISSING else old,
                ABSENT if new is _MISSING else new,
            )
        )

    known = {step.name: step for step in before.steps}
    steps = []
    for step in after.steps:
        old = known.get(step.name)
        if old is step:
            steps.append(step)
            continue
        prefix = ("Steps", step.name)
        start = len(found)
        _compare_steps(old, step, prefix, note)
        if len(found) > start or old is None or step.origins is not old.origins:
            places = [change.path[len(prefix) :] for change in found[start:]]
            step = replace_fields(step, origins=_origins(old, plugin, places))
        steps.append(step)
    kept = {step.name: step for step in after.steps}
    for name, step in known.items():
        if name not in kept:
            note(("Steps", name), step, _MISSING)
    old_order, new_order = [name for name in known if name in kept], [name for name in kept if name in known]
    if old_order != new_order:
        note(("pipeline", "steps"), tuple(old_order), tuple(new_order))
    for name in _PIPELINE_FIELDS:
        old_value, new_value = getattr(before, name), getattr(after, name)
        if old_value is not new_value:
            _compare(_by_name(old_value), _by_name(new_value), ("pipeline", name), note)
    return replace(after, steps=tuple(steps), origins=before.origins), tuple(found)


def _by_name(value: Any) -> Any:
    """Return parameters and tags as a mapping, so that an inserted item does not change all that follow."""
    if isinstance(value, tuple) and value and isinstance(value[0], ParameterSpec):
        return FrozenDict({parameter.name: parameter for parameter in value})
    if isinstance(value, tuple) and value and isinstance(value[0], tuple) and len(dict(value)) == len(value):
        return FrozenDict(dict(value))
    return FrozenDict() if value == () else value


def _compare_steps(old: StepSpec | None, new: StepSpec, path: FieldPath, note: Note) -> None:
    if old is None:
        note(path, _MISSING, new)
        return
    before, after = vars(old), vars(new)
    for name, place in _STEP_FIELDS.items():
        if before[name] is not after[name]:
            _compare(before[name], after[name], path + place, note)


def _compare(old: Any, new: Any, path: FieldPath, note: Note) -> None:
    """Record how two values differ. Identical objects are not compared."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, before in old.items():
            after = new.get(key, _MISSING)
            if before is not after:
                _compare(before, after, (*path, key), note)
        for key, after in new.items():
            if key not in old:
                note((*path, key), _MISSING, after)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _have_common_start(old, new):
        shorter = min(len(old), len(new))
        if not all(map(is_, old, new)):
            for index in range(shorter):
                if old[index] is not new[index]:
                    _compare(old[index], new[index], (*path, index), note)
        for index in range(shorter, len(old)):
            note((*path, index), old[index], _MISSING)
        for index in range(shorter, len(new)):
            note((*path, index), _MISSING, new[index])
    # In Python, True == 1 == 1.0; in a definition they differ.
    elif type(old) is not type(new) or old != new:
        note(path, old, new)


def _have_common_start(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    """Return whether lists can be compared item by item: of equal length, or changed at the end only."""
    return len(old) == len(new) or old[: len(new)] == new[: len(old)]


def _origins(old: StepSpec | None, plugin: str, places: list[FieldPath]) -> Mapping[FieldPath, Origin]:
    before = old.origins if old is not None else {}
    found, lengths = frozenset(places), frozenset(map(len, places))
    origins = {
        known: origin
        for known, origin in before.items()
        if not any(known[:length] in found for length in lengths)
    }
    # A removed field has an origin too: if a check misses it, the error names the plugin.
    origins.update(dict.fromkeys(places, Origin("plugin", detail=plugin)))
    return freeze_origins(origins)
