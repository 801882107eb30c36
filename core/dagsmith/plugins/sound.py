"""Checking what plugins give before anything is made of it: parameters, step types, whole pipelines."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from operator import is_
from typing import Any, TypeVar, get_args

from dagsmith.dag import topological_order
from dagsmith.errors import CycleError, nearest
from dagsmith.load.models import PARAMETER_NAME, ParameterConfig
from dagsmith.plugins.active import ActivePlugin
from dagsmith.spec.edit import changed
from dagsmith.spec.pipeline import ParameterSpec, ParameterType, PipelineSpec, StagedCode, StepSpec
from dagsmith.spec.values import (
    ExecutionVariable,
    FrozenDict,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
    freeze,
    references,
    render,
)
from dagsmith.steps.base import STEP_NAME_MAX, STEP_NAME_PATTERN, StepConfig, StepType

T = TypeVar("T")

_TYPES = get_args(ParameterType)
_HARMLESS = frozenset({str, int, bool, type(None)})
"""Types whose every value is JSON data."""
_OF_TEXTS = frozenset({ParameterRef, ExecutionVariable, StepProperty, JsonGet})
"""References that are JSON data where all that they hold is text."""


def sound_parameter(active: ActivePlugin, hook: str, parameter: ParameterSpec) -> ParameterSpec:
    """A parameter with its default as the service takes it.

    Raises:
        PluginError: If its name, type, default or enum are not those of a parameter.
    """
    # What foreign code put into the fields need not be of their types.
    name: Any = parameter.name
    if not isinstance(name, str) or not re.fullmatch(PARAMETER_NAME, name) or not 1 <= len(name) <= 256:
        problem = f"{name!r} is not a name for a parameter"
        raise active.error(problem, "use 1 to 256 letters, digits, hyphens and underscores", hook)
    if parameter.type not in _TYPES:
        problem = f"parameter {name!r} has the type {parameter.type!r}"
        raise active.error(problem, f"use one of {', '.join(_TYPES)}", hook)
    enum: Any = parameter.enum
    if not isinstance(enum, (tuple, list)) or not all(isinstance(value, str) for value in enum):
        raise active.error(f"parameter {name!r}: its enum is {enum!r}", "give a tuple of strings", hook)
    config = ParameterConfig.model_construct(type=parameter.type, default=parameter.default, enum=tuple(enum))
    found = config.problem()
    if found is not None:
        raise active.error(f"parameter {name!r}: {found[1]}", found[2] or "give a default that fits", hook)
    return replace(parameter, default=config.value, enum=tuple(enum))


def sound_step_type(active: ActivePlugin, step_type: StepType[Any]) -> StepType[Any]:
    """A step type whose functions name the plugin when they fail.

    Raises:
        PluginError: If its config is not a model of a step.
    """
    hook = "register_step_types"
    config: Any = step_type.config
    if not (isinstance(config, type) and issubclass(config, StepConfig)):
        problem = f"the config of step type {step_type.name!r} is {config!r}"
        raise active.error(problem, "derive the model from dagsmith.plugin.StepConfig", hook)
    functions = {f.name: getattr(step_type, f.name) for f in fields(StepType) if f.name != "config"}
    guarded: dict[str, Any] = {}
    for name, value in functions.items():
        if callable(value):
            guarded[name] = _guarded(active, hook, value)
    return replace(step_type, **guarded)


def _guarded(active: ActivePlugin, hook: str, function: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(function)
    def called(*args: Any) -> T:
        with active.guard(hook):
            return function(*args)

    return called


def sound_spec(active: ActivePlugin, hook: str, before: PipelineSpec, after: Any) -> PipelineSpec:
    """The pipeline that a plugin returned, frozen, its steps in an order in which they can run.

    Args:
        active: The plugin.
        hook: The hook that returned it.
        before: The pipeline that the hook was given.
        after: What it returned.

    Raises:
        PluginError: If it is not a pipeline, or not a whole one.
    """
    if not isinstance(after, PipelineSpec):
        problem = (
            "it returned nothing" if after is None else f"it returned {after!r}, expected a PipelineSpec"
        )
        raise active.error(problem, "return the spec, changed or not", hook)
    _check_types(active, hook, after)
    known = {step.name: step for step in before.steps}
    brought: list[Reference] = []
    steps = tuple(_sound_step(active, hook, step, known.get(step.name), brought) for step in after.steps)
    altered = [step for step in steps if known.get(step.name) is not step]
    moved = [step.name for step in steps] != list(known)
    _check_names(active, hook, steps, steps if moved else altered)
    if moved or any(reference.steps for reference in brought) or _waits_anew(known, altered):
        steps = _ordered(active, hook, steps)
    parameters = after.parameters
    if parameters is not before.parameters:
        parameters = tuple(sound_parameter(active, hook, parameter) for parameter in parameters)
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        raise active.error("its pipeline has two parameters of one name", "give each a name of its own", hook)
    return replace(
        after,
        steps=steps,
        parameters=parameters,
        experiment=freeze(after.experiment),
        tags=after.tags if after.tags is before.tags else tuple((key, value) for key, value in after.tags),
        staged=tuple(after.staged),
    )


def _check_types(active: ActivePlugin, hook: str, spec: Any) -> None:
    def lists(value: Any, kind: type[Any]) -> bool:
        return isinstance(value, (tuple, list)) and all(isinstance(item, kind) for item in value)

    pairs = lists(spec.tags, tuple) and all(
        len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in spec.tags
    )
    for name, fits, expected in (
        ("name", isinstance(spec.name, str) and bool(spec.name), "a name"),
        ("steps", lists(spec.steps, StepSpec), "a tuple of StepSpec"),
        ("parameters", lists(spec.parameters, ParameterSpec), "a tuple of ParameterSpec"),
        ("tags", pairs, "a tuple of pairs of strings"),
        ("staged", lists(spec.staged, StagedCode), "a tuple of StagedCode"),
        ("experiment", spec.experiment is None or isinstance(spec.experiment, dict), "a mapping or None"),
    ):
        if not fits:
            problem = f"its pipeline has {name}={getattr(spec, name)!r}"
            raise active.error(problem, f"give {expected}", hook)


def _waits_anew(before: Mapping[str, StepSpec], altered: Iterable[StepSpec]) -> bool:
    """Whether a step that was there before waits for other ones, or has others in its branches."""
    return any(
        (old.depends_on, old.if_steps, old.else_steps) != (new.depends_on, new.if_steps, new.else_steps)
        for new in altered
        for old in (before[new.name],)
    )


def _sound_step(
    active: ActivePlugin, hook: str, step: StepSpec, old: StepSpec | None, brought: list[Reference]
) -> StepSpec:
    if step is old:
        return step
    name: Any = step.name
    if not isinstance(name, str) or not re.fullmatch(STEP_NAME_PATTERN, name) or len(name) > STEP_NAME_MAX:
        hint = f"use up to {STEP_NAME_MAX} letters, digits, hyphens and underscores; a letter or digit first"
        raise active.error(f"{name!r} is not a name for a step", hint, hook)
    sound: dict[str, Any] = {}
    for part in ("arguments", "fields"):
        value = getattr(step, part)
        if not isinstance(value, dict):
            raise active.error(f"step {name!r} has {part}={value!r}", "give a mapping", hook)
        try:
            sound[part] = _sound_data(getattr(old, part, None), value, brought)
        except (TypeError, ValueError, RecursionError) as error:
            problem = f"the {part} of step {name!r} are not JSON data and references: {error}"
            raise active.error(problem, "give plain data", hook) from error
    for part in ("depends_on", "if_steps", "else_steps"):
        value = getattr(step, part)
        if not isinstance(value, (tuple, list)) or not all(isinstance(item, str) for item in value):
            raise active.error(f"step {name!r} has {part}={value!r}", "give a tuple of names of steps", hook)
        sound[part] = tuple(value)
    if all(getattr(step, part) is value for part, value in sound.items()):
        return step
    return changed(step, **sound)


def _sound_data(old: Any, new: Any, brought: list[Reference]) -> Any:
    """What a plugin put into a request, frozen. The very objects that were there before are sound already.

    Args:
        old: What stood in the same place before.
        new: What stands there now.
        brought: Takes the references in what is new.

    Raises:
        TypeError: If it holds something that is neither JSON data nor a reference.
        ValueError: If it holds a number that JSON has no word for, or itself.
        RecursionError: If it is nested too deeply.
    """
    if new is old or type(new) in _HARMLESS:
        return new
    if isinstance(new, dict):
        return _sound_mapping(old if isinstance(old, dict) else {}, new, brought)
    if isinstance(new, (list, tuple)):
        before = old if isinstance(old, tuple) else ()
        # Most often something was added at the end.
        kept = len(before) if len(before) <= len(new) and all(map(is_, before, new)) else 0
        found = [
            _sound_data(before[index] if index < len(before) else None, new[index], brought)
            for index in range(kept, len(new))
        ]
        same = type(new) is tuple and all(map(is_, found, new[kept:]))
        return new if same else (*new[:kept], *found)
    if type(new) not in _OF_TEXTS or not all(type(text) is str for text in vars(new).values()):
        json.dumps(render(new), allow_nan=False)
    if isinstance(new, Reference):
        brought.extend(references(new))
    return new


def _sound_mapping(old: dict[Any, Any], new: dict[Any, Any], brought: list[Reference]) -> FrozenDict:
    other: dict[Any, Any] = {}
    for key, item in new.items():
        if type(key) is not str:
            json.dumps({key: render(item)}, allow_nan=False)
        if type(item) in _HARMLESS or item is old.get(key):
            continue
        sound = _sound_data(old.get(key), item, brought)
        if sound is not item:
            other[key] = sound
    return new if type(new) is FrozenDict and not other else FrozenDict({**new, **other})


def _check_names(
    active: ActivePlugin, hook: str, steps: Sequence[StepSpec], doubtful: Iterable[StepSpec]
) -> None:
    names = {step.name for step in steps}
    if len(names) < len(steps):
        raise active.error("its pipeline has two steps of one name", "give each step a name of its own", hook)
    for step in doubtful:
        for part in ("depends_on", "if_steps", "else_steps"):
            for other in getattr(step, part):
                if other not in names:
                    problem = f"its pipeline has no step {other!r}, which {part} of step {step.name!r} names"
                    close = nearest(other, names)
                    raise active.error(
                        problem, f"name {close!r}?" if close else f"change {part} as well", hook
                    )


def _ordered(active: ActivePlugin, hook: str, steps: tuple[StepSpec, ...]) -> tuple[StepSpec, ...]:
    by_name = {step.name: step for step in steps}
    try:
        order = topological_order(by_name, dict.fromkeys(_pairs(by_name)))
    except CycleError as error:
        cycle = " -> ".join(error.cycle)
        raise active.error(f"its pipeline has a cycle: {cycle}", "break it", hook) from error
    return tuple(by_name[name] for name in order)


def _pairs(steps: dict[str, StepSpec]) -> Iterator[tuple[str, str]]:
    """Pairs of steps where the second runs after the first."""
    for step in steps.values():
        for name in step.depends_on:
            yield name, step.name
        for value in (step.arguments, step.fields):
            for reference in references(value):
                yield from ((name, step.name) for name in reference.steps if name in steps)
        for name in (*step.if_steps, *step.else_steps):
            yield step.name, name
