"""Validates ``OutputParameters``: the values that a Lambda or Callback step returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagcast.runner.executors.executor import StepFailedError

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Boolean": (bool,),
    "Float": (int, float),
}
"""Source: ``LambdaOutputTypeEnum`` and ``CallbackOutputTypeEnum`` of the SageMaker Python SDK."""


def select_output_parameters(
    declared: Iterable[Mapping[str, str]], answer: Any, source: str
) -> dict[str, Any]:
    """Return the declared outputs of an answer. Other values are ignored.

    Args:
        declared: ``OutputParameters`` of the step.
        answer: What was returned.
        source: What returned it, for messages.

    Raises:
        StepFailedError: If outputs are missing or have another type; the message has all of them.
    """
    declared = tuple(declared)
    if not declared:
        return {}
    if not isinstance(answer, Mapping):
        raise StepFailedError(
            f"{source} returned {type(answer).__name__}, but output parameters need an object"
        )
    problems = []
    for parameter in declared:
        name, output_type = parameter["OutputName"], parameter["OutputType"]
        if name not in answer:
            problems.append(f"no {name!r}")
        elif not has_output_type(answer[name], output_type):
            problems.append(f"{name!r} is {answer[name]!r}, but {output_type} is declared")
    if problems:
        raise StepFailedError(f"{source} returned {', '.join(problems)}")
    return {parameter["OutputName"]: answer[parameter["OutputName"]] for parameter in declared}


def read_output_parameters(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the output parameters among a step's properties by name.

    A stub can list them as the service does. Source: SageMaker API reference, ``OutputParameter``.
    """
    returned = properties.get("OutputParameters")
    if isinstance(returned, Mapping):
        return dict(returned)
    items = returned if isinstance(returned, list | tuple) else ()
    return {
        str(item["Name"]): item["Value"]
        for item in items
        if isinstance(item, Mapping) and item.keys() >= {"Name", "Value"}
    }


def has_output_type(value: Any, output_type: str) -> bool:
    """Whether a value has an ``OutputType``."""
    types = _PYTHON_TYPES.get(output_type, (object,))
    return isinstance(value, types) and (output_type == "Boolean" or not isinstance(value, bool))
