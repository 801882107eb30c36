"""Evaluates the conditions of a condition step.

Types are not converted: values of different types cannot be compared, which fails the step. As in JSON, ``true`` is not
a number. Integers and floats can be compared, except by ``Equals``. Source: ``_ConditionStepExecutor`` of the SageMaker
Python SDK.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dagcast.errors import DagcastError

TYPES_BY_SIGN = MappingProxyType(
    {
        "==": "Equals",
        ">": "GreaterThan",
        ">=": "GreaterThanOrEqualTo",
        "<": "LessThan",
        "<=": "LessThanOrEqualTo",
    }
)
"""The ``Type`` of each comparison, by its sign. ``!=`` is a negated ``Equals``."""
_OPERATORS = MappingProxyType(
    {"==": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
)
_SIGNS_BY_TYPE = MappingProxyType({kind: sign for sign, kind in TYPES_BY_SIGN.items()})
COMPARISONS = MappingProxyType({kind: _OPERATORS[sign] for sign, kind in TYPES_BY_SIGN.items()})
"""The function of each comparison, by its ``Type``."""
TYPES = (*COMPARISONS, "In", "Not", "Or")
"""All types of conditions."""
NEGATED = ("Condition", "Expression")
"""The keys that can hold the condition which a ``Not`` negates. Source: ``ConditionNot`` of the SageMaker Python SDK:
the first in 2.257 and 3, the second in older versions."""


class IncomparableError(DagcastError):
    """Two values of a condition cannot be compared, because they have different types."""


def all_hold(conditions: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether all conditions hold. Evaluation stops at the first that does not.

    Raises:
        IncomparableError: If two values cannot be compared.
    """
    return all(holds(condition) for condition in conditions)


def describe_conditions(conditions: Sequence[Mapping[str, Any]]) -> str:
    """Return resolved conditions as a person would write them; of conditions that do not hold, the first.

    Example:
        >>> describe_conditions([{"Type": "GreaterThanOrEqualTo", "LeftValue": 0.981, "RightValue": 0.9}])
        '0.981 >= 0.9'
        >>> describe_conditions([{"Type": "Not", "Condition": {"Type": "In", "QueryValue": "a", "Values": ["b"]}}])
        '"a" not in ["b"]'

    Raises:
        IncomparableError: If two values cannot be compared.
    """
    failed = next((condition for condition in conditions if not holds(condition)), None)
    return " and ".join(map(_describe, conditions)) if failed is None else _describe(failed)


def holds(condition: Mapping[str, Any]) -> bool:
    """Return whether a condition holds. Its references must be resolved.

    Raises:
        IncomparableError: If two values cannot be compared.
    """
    kind = condition["Type"]
    if kind == "Not":
        return not holds(next(condition[key] for key in NEGATED if key in condition))
    if kind == "Or":
        return any(holds(inner) for inner in condition["Conditions"])
    if kind == "In":
        return _is_in(condition["QueryValue"], condition["Values"])
    return _compared(kind, condition["LeftValue"], condition["RightValue"])


def _describe(condition: Mapping[str, Any]) -> str:
    kind = condition["Type"]
    if kind == "Or":
        return f"({' or '.join(map(_describe, condition['Conditions']))})"
    if kind == "Not":
        inner = next(condition[key] for key in NEGATED if key in condition)
        sign = {"Equals": "!=", "In": "not in"}.get(inner["Type"])
        if sign is None:
            return f"not {_describe(inner)}"
        left, right = _sides(inner)
        return f"{left} {sign} {right}"
    left, right = _sides(condition)
    return f"{left} {_SIGNS_BY_TYPE.get(kind, 'in')} {right}"


def _sides(condition: Mapping[str, Any]) -> tuple[str, str]:
    keys = ("QueryValue", "Values") if condition["Type"] == "In" else ("LeftValue", "RightValue")
    left, right = (json.dumps(condition[key]) for key in keys)
    return left, right


def _is_in(query: Any, values: Sequence[Any]) -> bool:
    for value in values:
        if _type(query) != _type(value):
            raise IncomparableError(_incomparable("In", query, value))
    return query in values


def _compared(kind: str, left: Any, right: Any) -> bool:
    same = type(left) is type(right) if kind == "Equals" else _type(left) == _type(right)
    if not same:
        raise IncomparableError(_incomparable(kind, left, right))
    try:
        return bool(COMPARISONS[kind](left, right))
    except TypeError as error:
        raise IncomparableError(_incomparable(kind, left, right)) from error


def _type(value: Any) -> type:
    """Return the type of a value; ``float`` for all numbers."""
    return float if type(value) is int else type(value)


def _incomparable(kind: str, left: Any, right: Any) -> str:
    return (
        f"{kind} cannot compare {left!r} ({type(left).__name__}) with {right!r} ({type(right).__name__}): "
        "both must have the same type"
    )
