"""Validate the parameters and step types that plugins add."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args

from dagcast.compile.config.models import ParameterConfig
from dagcast.compile.config.step import StepConfig
from dagcast.compile.spec.pipeline import ParameterSpec, ParameterType
from dagcast.compile.steps.step_type import StepType
from dagcast.plugins.configured import ConfiguredPlugin
from dagcast.plugins.safe_inspect import is_instance, safe_repr
from dagcast.sagemaker.limits import PARAMETER_NAME_MAX_LENGTH, PARAMETER_NAME_PATTERN

T = TypeVar("T")

_TYPES = get_args(ParameterType)
_STEP_TYPE_NAME = r"[A-Za-z][A-Za-z0-9_-]*"


def validate_parameter(plugin: ConfiguredPlugin, hook: str, parameter: ParameterSpec) -> ParameterSpec:
    """Validate a parameter and convert its default to the form that the service accepts.

    Raises:
        PluginError: If its name, type, default or enum is invalid.
    """
    # Third-party code may set fields to values of any type.
    name: Any = parameter.name
    if (
        not is_instance(name, str)
        or not re.fullmatch(PARAMETER_NAME_PATTERN, name)
        or not 1 <= len(name) <= PARAMETER_NAME_MAX_LENGTH
    ):
        problem = f"{safe_repr(name)} is not a valid parameter name"
        raise plugin.error(
            problem, f"use 1 to {PARAMETER_NAME_MAX_LENGTH} letters, digits, hyphens and underscores", hook
        )
    if parameter.type not in _TYPES:
        problem = f"parameter {name!r} has the type {safe_repr(parameter.type)}"
        raise plugin.error(problem, f"use one of {', '.join(_TYPES)}", hook)
    enum: Any = parameter.enum
    if not is_instance(enum, tuple, list) or not all(is_instance(value, str) for value in enum):
        raise plugin.error(
            f"parameter {name!r}: its enum is {safe_repr(enum)}", "give a tuple of strings", hook
        )
    config = ParameterConfig.model_construct(type=parameter.type, default=parameter.default, enum=tuple(enum))
    if is_instance(parameter.default, float) and not math.isfinite(parameter.default):
        problem = f"parameter {name!r}: {parameter.default} is not a finite number, and JSON has no others"
        raise plugin.error(problem, "give a default that fits", hook)
    # The default may be of a class that raises any exception.
    with plugin.guard(hook):
        found = config.problem()
    if found is not None:
        raise plugin.error(f"parameter {name!r}: {found[1]}", found[2] or "give a default that fits", hook)
    return replace(parameter, default=config.value, enum=tuple(enum))


def validate_step_type(plugin: ConfiguredPlugin, step_type: StepType[Any]) -> StepType[Any]:
    """Validate a step type and wrap its functions, so that their failures name the plugin.

    Raises:
        PluginError: If its name, its config model or its ``lower`` function is invalid.
    """
    hook = "register_step_types"
    name: Any = step_type.name
    if type(name) is not str or not re.fullmatch(_STEP_TYPE_NAME, name):
        problem = f"{safe_repr(name)} is not a valid step type name"
        raise plugin.error(problem, "use letters, digits, hyphens and underscores; a letter first", hook)
    if not callable(step_type.lower):
        problem = f"lower of step type {name!r} is {safe_repr(step_type.lower)}"
        raise plugin.error(problem, "give a function", hook)
    config: Any = step_type.config
    if not (is_instance(config, type) and issubclass(config, StepConfig)):
        problem = f"the config of step type {name!r} is {safe_repr(config)}"
        raise plugin.error(problem, "derive the model from dagcast.plugin.StepConfig", hook)
    functions = {f.name: getattr(step_type, f.name) for f in fields(StepType) if f.name != "config"}
    guarded: dict[str, Any] = {}
    for name, value in functions.items():
        if callable(value):
            guarded[name] = _guard(plugin, hook, value)
    return replace(step_type, **guarded)


def _guard(plugin: ConfiguredPlugin, hook: str, function: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(function)
    def called(*args: Any) -> T:
        with plugin.guard(hook):
            return function(*args)

    return called
