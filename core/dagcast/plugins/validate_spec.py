"""Validate and freeze the pipelines that plugins return."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import is_
from types import MappingProxyType
from typing import Any

from dagcast.compile.spec.edit import replace_fields
from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec, PropertyShape, RequestShape, StepSpec
from dagcast.dag import topological_order
from dagcast.definition.dependencies import find_dependencies
from dagcast.definition.model import is_step_name
from dagcast.definition.references import (
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
    references,
)
from dagcast.definition.values import FrozenDict
from dagcast.errors import CycleError, nearest
from dagcast.plugins.configured import ConfiguredPlugin
from dagcast.plugins.safe_inspect import format_exception_text, is_instance, safe_repr
from dagcast.plugins.validate import validate_parameter
from dagcast.sagemaker.limits import PIPELINE_NAME_MAX_LENGTH, PIPELINE_NAME_PATTERN, STEP_NAME_MAX_LENGTH
from dagcast.staging.staged_code import StagedCode

_TEXT_FIELDS = ("description", "version", "region", "role", "definition_bucket", "definition_prefix")
_SPEC_FIELDS = frozenset({"Name", "Type", "Arguments", "DependsOn", "DisplayName", "Description"})
"""Fields of a step in the definition that other fields of its spec set."""
_SCALAR_TYPES = frozenset({str, int, bool, type(None)})
"""Types whose values are always JSON data."""
_SIMPLE_REFERENCES = frozenset({ParameterRef, ExecutionVariable, StepProperty, JsonGet})
"""The references whose fields are strings."""


def _is_text(value: Any, *others: None) -> bool:
    """Return whether a value is a non-empty string or, if ``None`` is passed too, any string or ``None``."""
    if value is None:
        return bool(others)
    return type(value) is str and bool(value or others)


def _is_shape(value: Any, kind: type[Any]) -> bool:
    """Return whether a value is a shape whose fields are strings or tuples of strings."""
    return type(value) is kind and all(
        type(part) is str or (type(part) is tuple and all(type(text) is str for text in part))
        for part in vars(value).values()
    )


_MISSING = object()
"""The previous field value of a new step."""
_STEP_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = MappingProxyType(
    {
        "step_type": (_is_text, "the name of a step type"),
        "definition_type": (_is_text, "the Type of the definition"),
        "display_name": (lambda value: _is_text(value, None), "a string or None"),
        "description": (lambda value: _is_text(value, None), "a string or None"),
        "properties": (lambda value: _is_shape(value, PropertyShape), "a PropertyShape"),
        "shapes": (
            lambda value: type(value) is tuple and all(_is_shape(shape, RequestShape) for shape in value),
            "a tuple of RequestShape",
        ),
        "triggers": (lambda value: value == {}, "no triggers: steps of the SDK have none"),
        "fields": (
            lambda value: not _SPEC_FIELDS.intersection(value),
            f"none of {', '.join(sorted(_SPEC_FIELDS))}",
        ),
    }
)
"""By field of a step: a predicate for valid values, and what a message says is expected."""


def validate_spec(plugin: ConfiguredPlugin, hook: str, before: PipelineSpec, after: Any) -> PipelineSpec:
    """Validate and freeze the pipeline that a plugin returned, and sort its steps topologically.

    Args:
        plugin: The plugin.
        hook: The hook that returned the pipeline.
        before: The pipeline that was passed to the hook.
        after: The result of the hook.

    Raises:
        PluginError: If the result is not a valid pipeline.
    """
    # An instance of a subclass may return another value at each attribute access.
    if type(after) is not PipelineSpec:
        problem = (
            "it returned nothing"
            if after is None
            else f"it returned {safe_repr(after)}, expected a PipelineSpec"
        )
        raise plugin.error(problem, "return the spec, changed or not", hook)
    _check_types(plugin, hook, after)
    known = {step.name: step for step in before.steps}
    new_references: list[Reference] = []
    steps = tuple(
        _validate_step(plugin, hook, step, known.get(step.name), new_references) for step in after.steps
    )
    changed_steps = [step for step in steps if known.get(step.name) is not step]
    moved = [step.name for step in steps] != list(known)
    _check_names(plugin, hook, steps, steps if moved else changed_steps)
    if (
        moved
        or any(reference.steps for reference in new_references)
        or _has_new_dependencies(known, changed_steps)
    ):
        steps = _order_steps(plugin, hook, steps)
    parameters = after.parameters
    if parameters is not before.parameters:
        parameters = tuple(validate_parameter(plugin, hook, parameter) for parameter in parameters)
    for what, names in (
        ("parameters with the same name", [parameter.name for parameter in parameters]),
        ("tags with the same key", [key for key, _ in after.tags]),
    ):
        if len(set(names)) < len(names):
            raise plugin.error(f"its pipeline has two {what}", "give each a unique name", hook)
    return replace(
        after,
        steps=steps,
        parameters=parameters,
        experiment=_freeze_experiment(plugin, hook, before, after),
        tags=after.tags if after.tags is before.tags else tuple((key, value) for key, value in after.tags),
        staged=tuple(after.staged),
    )


def _freeze_experiment(plugin: ConfiguredPlugin, hook: str, before: PipelineSpec, after: PipelineSpec) -> Any:
    try:
        return _freeze_data(before.experiment, after.experiment, [])
    # The mapping may be of a class that raises any exception.
    except Exception as error:
        problem = f"its pipeline has an experiment that is not JSON data and references: {format_exception_text(error)}"
        raise plugin.error(problem, "give plain data", hook) from error


def _check_types(plugin: ConfiguredPlugin, hook: str, spec: Any) -> None:
    def lists(value: Any, kind: type[Any]) -> bool:
        return is_instance(value, tuple, list) and all(type(item) is kind for item in value)

    pairs = lists(spec.tags, tuple) and all(
        len(pair) == 2 and all(is_instance(text, str) for text in pair) for pair in spec.tags
    )
    for name, fits, expected in (
        (
            "name",
            type(spec.name) is str
            and len(spec.name) <= PIPELINE_NAME_MAX_LENGTH
            and re.match(PIPELINE_NAME_PATTERN, spec.name),
            f"a name of 1 to {PIPELINE_NAME_MAX_LENGTH} letters, digits and hyphens",
        ),
        *((name, _is_text(getattr(spec, name), None), "a string or None") for name in _TEXT_FIELDS),
        (
            "parallelism",
            spec.parallelism is None or (type(spec.parallelism) is int and spec.parallelism > 0),
            "a number of steps or None",
        ),
        ("steps", lists(spec.steps, StepSpec), "a tuple of StepSpec"),
        ("parameters", lists(spec.parameters, ParameterSpec), "a tuple of ParameterSpec"),
        ("tags", pairs, "a tuple of pairs of strings"),
        ("staged", lists(spec.staged, StagedCode), "a tuple of StagedCode"),
        ("experiment", spec.experiment is None or is_instance(spec.experiment, dict), "a mapping or None"),
    ):
        if not fits:
            problem = f"its pipeline has {name}={safe_repr(getattr(spec, name))}"
            raise plugin.error(problem, f"give {expected}", hook)


def _has_new_dependencies(before: Mapping[str, StepSpec], changed_steps: Iterable[StepSpec]) -> bool:
    """Return whether the dependencies or branches of a step that existed before differ."""
    return any(
        (old.depends_on, old.if_steps, old.else_steps) != (new.depends_on, new.if_steps, new.else_steps)
        for new in changed_steps
        for old in (before[new.name],)
    )


def _validate_step(
    plugin: ConfiguredPlugin, hook: str, step: StepSpec, old: StepSpec | None, new_references: list[Reference]
) -> StepSpec:
    if step is old:
        return step
    name: Any = step.name
    if not is_instance(name, str) or not is_step_name(name):
        hint = f"use up to {STEP_NAME_MAX_LENGTH} letters, digits, hyphens and underscores; a letter or digit first"
        raise plugin.error(f"{safe_repr(name)} is not a valid step name", hint, hook)
    frozen: dict[str, Any] = {}
    for part in ("arguments", "fields"):
        value = getattr(step, part)
        if not is_instance(value, dict):
            raise plugin.error(f"step {name!r} has {part}={safe_repr(value)}", "give a mapping", hook)
        try:
            frozen[part] = _freeze_data(getattr(old, part, None), value, new_references)
        # The mapping may be of a class that raises any exception.
        except Exception as error:
            problem = f"the {part} of step {name!r} are not JSON data and references: {format_exception_text(error)}"
            raise plugin.error(problem, "give plain data", hook) from error
    for part in ("depends_on", "if_steps", "else_steps"):
        value = getattr(step, part)
        if value is getattr(old, part, None):
            continue
        if not is_instance(value, tuple, list) or not all(is_instance(item, str) for item in value):
            raise plugin.error(
                f"step {name!r} has {part}={safe_repr(value)}", "give a tuple of names of steps", hook
            )
        frozen[part] = tuple(value)
    for part, (fits, expected) in _STEP_FIELDS.items():
        value = getattr(step, part)
        if value is not getattr(old, part, _MISSING) and not fits(value):
            raise plugin.error(f"step {name!r} has {part}={safe_repr(value)}", f"give {expected}", hook)
    if all(getattr(step, part) is value for part, value in frozen.items()):
        return step
    return replace_fields(step, **frozen)


def _freeze_data(old: Any, new: Any, new_references: list[Reference]) -> Any:
    """Validate and freeze a value that a plugin put into a request. An unchanged object is not validated again.

    Args:
        old: The previous value of the field.
        new: The new value.
        new_references: Collects the references in new values.

    Raises:
        TypeError: If the value contains neither JSON data nor a reference of dagcast.
        ValueError: If it contains a number that JSON cannot represent, or itself.
        RecursionError: If it is nested too deeply.
    """
    if new is old or type(new) in _SCALAR_TYPES:
        return new
    if isinstance(new, dict):
        return _freeze_mapping(old if isinstance(old, dict) else {}, new, new_references)
    if isinstance(new, (list, tuple)):
        before = old if isinstance(old, tuple) else ()
        # Most changes append to the list.
        kept = len(before) if len(before) <= len(new) and all(map(is_, before, new)) else 0
        found = [
            _freeze_data(before[index] if index < len(before) else None, new[index], new_references)
            for index in range(kept, len(new))
        ]
        same = type(new) is tuple and all(map(is_, found, new[kept:]))
        return new if same else (*new[:kept], *found)
    if isinstance(new, Reference):
        _check_reference(new)
        new_references.extend(references(new))
    else:
        json.dumps(new, allow_nan=False)
    return new


def _check_reference(reference: Reference) -> None:
    if type(reference) is Join and type(reference.on) is str and type(reference.values) is tuple:
        for value in reference.values:
            if isinstance(value, Reference):
                _check_reference(value)
            elif type(value) is not str:
                raise TypeError(f"{safe_repr(value)} is joined, but is neither a string nor a reference")
    elif type(reference) not in _SIMPLE_REFERENCES or not all(
        type(text) is str for text in vars(reference).values()
    ):
        raise TypeError(f"{safe_repr(reference)} is not one of dagcast's references with string fields")


def _freeze_mapping(old: dict[Any, Any], new: dict[Any, Any], new_references: list[Reference]) -> FrozenDict:
    other: dict[Any, Any] = {}
    for key, item in new.items():
        if type(key) is not str:
            raise TypeError(f"{safe_repr(key)} is not a valid key: keys are strings")
        if type(item) in _SCALAR_TYPES or item is old.get(key):
            continue
        frozen = _freeze_data(old.get(key), item, new_references)
        if frozen is not item:
            other[key] = frozen
    return new if type(new) is FrozenDict and not other else FrozenDict({**new, **other})


def _check_names(
    plugin: ConfiguredPlugin, hook: str, steps: Sequence[StepSpec], changed_steps: Iterable[StepSpec]
) -> None:
    names = {step.name for step in steps}
    if len(names) < len(steps):
        raise plugin.error(
            "its pipeline has two steps with the same name", "give each step a unique name", hook
        )
    for step in changed_steps:
        for part in ("depends_on", "if_steps", "else_steps"):
            for other in getattr(step, part):
                if other not in names:
                    problem = f"its pipeline has no step {other!r}, which {part} of step {step.name!r} names"
                    close = nearest(other, names)
                    raise plugin.error(
                        problem, f"name {close!r}?" if close else f"change {part} as well", hook
                    )


def _order_steps(plugin: ConfiguredPlugin, hook: str, steps: tuple[StepSpec, ...]) -> tuple[StepSpec, ...]:
    by_name = {step.name: step for step in steps}
    try:
        order = topological_order(by_name, _order_pairs(steps))
    except CycleError as error:
        cycle = " -> ".join(error.cycle)
        raise plugin.error(f"its pipeline has a cycle: {cycle}", "break it", hook) from error
    return tuple(by_name[name] for name in order)


def _order_pairs(steps: tuple[StepSpec, ...]) -> Iterator[tuple[str, str]]:
    """Return pairs of steps of which the second runs after the first."""
    dependencies = find_dependencies(steps)
    for name, waits in dependencies.items():
        yield from ((other, name) for other in waits.steps if other in dependencies)
