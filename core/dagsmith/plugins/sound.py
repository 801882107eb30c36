"""Checking what plugins give before anything is made of it: parameters, step types, whole pipelines."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args

from dagsmith.dag import topological_order
from dagsmith.errors import CycleError, nearest
from dagsmith.load.models import PARAMETER_NAME, ParameterConfig
from dagsmith.plugins.active import ActivePlugin
from dagsmith.spec.pipeline import ParameterSpec, ParameterType, PipelineSpec, StagedCode, StepSpec
from dagsmith.spec.values import changed_parts, freeze, references, render
from dagsmith.steps.base import STEP_NAME_MAX, STEP_NAME_PATTERN, StepConfig, StepType

T = TypeVar("T")

_TYPES = get_args(ParameterType)


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
    steps = tuple(_sound_step(active, hook, step, known.get(step.name)) for step in after.steps)
    _check_names(active, hook, steps)
    if _may_be_disordered(before.steps, steps):
        steps = _ordered(active, hook, steps)
    parameters = tuple(sound_parameter(active, hook, parameter) for parameter in after.parameters)
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        raise active.error("its pipeline has two parameters of one name", "give each a name of its own", hook)
    return replace(
        after,
        steps=steps,
        parameters=parameters,
        experiment=freeze(after.experiment),
        tags=tuple((key, value) for key, value in after.tags),
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


def _may_be_disordered(before: tuple[StepSpec, ...], after: tuple[StepSpec, ...]) -> bool:
    """Whether steps came, went or moved, or a changed part of one brings a reference or an order with it."""
    if [step.name for step in before] != [step.name for step in after]:
        return True
    return any(
        (old.depends_on, old.if_steps, old.else_steps) != (new.depends_on, new.if_steps, new.else_steps)
        or any(True for part in _changed(old, new) for _ in references(part))
        for old, new in zip(before, after, strict=True)
        if old is not new
    )


def _changed(old: StepSpec | None, new: StepSpec) -> Iterator[Any]:
    yield from changed_parts(old.arguments if old else None, new.arguments)
    yield from changed_parts(old.fields if old else None, new.fields)


def _sound_step(active: ActivePlugin, hook: str, step: StepSpec, old: StepSpec | None) -> StepSpec:
    if step is old:
        return step
    name: Any = step.name
    if not isinstance(name, str) or not re.fullmatch(STEP_NAME_PATTERN, name) or len(name) > STEP_NAME_MAX:
        hint = f"use up to {STEP_NAME_MAX} letters, digits, hyphens and underscores; a letter or digit first"
        raise active.error(f"{name!r} is not a name for a step", hint, hook)
    for part in ("arguments", "fields"):
        value = getattr(step, part)
        if not isinstance(value, dict):
            raise active.error(f"step {name!r} has {part}={value!r}", "give a mapping", hook)
        try:
            for changed in changed_parts(getattr(old, part, None), value):
                json.dumps(render(changed), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            problem = f"the {part} of step {name!r} are not JSON data and references: {error}"
            raise active.error(problem, "give plain data", hook) from error
    for part in ("depends_on", "if_steps", "else_steps"):
        value = getattr(step, part)
        if not isinstance(value, (tuple, list)) or not all(isinstance(item, str) for item in value):
            raise active.error(f"step {name!r} has {part}={value!r}", "give a tuple of names of steps", hook)
    return replace(
        step,
        arguments=freeze(step.arguments),
        fields=freeze(step.fields),
        depends_on=tuple(step.depends_on),
        if_steps=tuple(step.if_steps),
        else_steps=tuple(step.else_steps),
    )


def _check_names(active: ActivePlugin, hook: str, steps: tuple[StepSpec, ...]) -> None:
    names = {step.name for step in steps}
    if len(names) < len(steps):
        raise active.error("its pipeline has two steps of one name", "give each step a name of its own", hook)
    for step in steps:
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
