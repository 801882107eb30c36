"""``OutputParameters``: what a Lambda or Callback step may return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dagcast.runner.executor import StepFailedError

_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Boolean": (bool,),
    "Float": (int, float),
}
"""Source: ``LambdaOutputTypeEnum`` and ``CallbackOutputTypeEnum`` of the SageMaker Python SDK."""


def output_parameters(declared: Iterable[Mapping[str, str]], answer: Any, source: str) -> dict[str, Any]:
    """The declared outputs out of an answer; what else it holds is left out.

    Args:
        declared: ``OutputParameters`` of the step.
        answer: What was returned.
        source: Who returned it, for messages.

    Raises:
        StepFailedError: If one is missing or of another type. All are named.
    """
    declared = tuple(declared)
    if not declared:
        return {}
    if not isinstance(answer, Mapping):
        raise StepFailedError(
            f"{source} returned {type(answer).__name__}, and output parameters need an object"
        )
    problems = []
    for parameter in declared:
        name, wanted = parameter["OutputName"], parameter["OutputType"]
        if name not in answer:
            problems.append(f"no {name!r}")
        elif not is_output(answer[name], wanted):
            problems.append(f"{name!r} is {answer[name]!r}, and {wanted} is declared")
    if problems:
        raise StepFailedError(f"{source} returned {', '.join(problems)}")
    return {parameter["OutputName"]: answer[parameter["OutputName"]] for parameter in declared}


def output_parameters_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """By name: the values of the output parameters among a step's properties; none if it has none.

    A stub may give them as the service lists them. Source: SageMaker API reference, ``OutputParameter``.
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


def is_output(value: Any, wanted: str) -> bool:
    """Whether a value is of an ``OutputType``."""
    types = _TYPES.get(wanted, (object,))
    return isinstance(value, types) and (wanted == "Boolean" or not isinstance(value, bool))
