"""Changed copies of a step: the specs themselves are frozen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dagsmith.spec.pipeline import StepSpec
from dagsmith.spec.values import freeze, thaw


def value_at(step: StepSpec, path: str, default: Any = None) -> Any:
    """The value at a dotted path below the step's ``Arguments``, or ``default`` if there is none.

    Args:
        step: The step.
        path: Such as ``VpcConfig.Subnets``.
        default: What to give where there is nothing.
    """
    value: Any = step.arguments
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return default
        value = value[part]
    return value


def has(step: StepSpec, path: str) -> bool:
    """Whether there is a value at a dotted path below the step's ``Arguments``."""
    missing = object()
    return value_at(step, path, missing) is not missing


def put(step: StepSpec, path: str, value: Any) -> StepSpec:
    """A copy of the step with ``value`` at a dotted path below its ``Arguments``.

    Args:
        step: The step.
        path: Such as ``VpcConfig.Subnets``; mappings on the way are made.
        value: Plain data and references.

    Raises:
        ValueError: If something on the way is there and is not a mapping.
    """
    arguments = thaw(step.arguments)
    *parents, last = path.split(".")
    container = arguments
    for parent in parents:
        container = container.setdefault(parent, {})
        if not isinstance(container, dict):
            raise ValueError(f"{parent} of {path} in step {step.name!r} is not a mapping")
    container[last] = value
    return replace(step, arguments=freeze(arguments))


def remove(step: StepSpec, path: str) -> StepSpec:
    """A copy of the step without what stands at a dotted path below its ``Arguments``, if anything does."""
    if not has(step, path):
        return step
    arguments = thaw(step.arguments)
    *parents, last = path.split(".")
    container = arguments
    for parent in parents:
        container = container[parent]
    del container[last]
    return replace(step, arguments=freeze(arguments))
