"""Conditions of a condition step.

The types of both sides are not converted: values of different types do not compare, which fails the step. As in JSON,
``true`` is no number. Whole and other numbers compare, but ``Equals`` takes them for two types. Source of that:
``_ConditionStepExecutor`` of the SageMaker Python SDK.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dagcast.errors import DagcastError

COMPARISONS = MappingProxyType(
    {
        "Equals": operator.eq,
        "GreaterThan": operator.gt,
        "GreaterThanOrEqualTo": operator.ge,
        "LessThan": operator.lt,
        "LessThanOrEqualTo": operator.le,
    }
)
TYPES = (*COMPARISONS, "In", "Not", "Or")
NEGATED = ("Condition", "Expression")
"""The key of what a ``Not`` negates. Source: ``ConditionNot`` of the SageMaker Python SDK: the first in 2.257 and 3,
the second in older ones."""


class IncomparableError(DagcastError):
    """Two values of a condition have different types, so that they cannot be compared."""


def all_hold(conditions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every condition holds; none after the first that does not is looked at.

    Raises:
        IncomparableError: If two values cannot be compared.
    """
    return all(holds(condition) for condition in conditions)


def holds(condition: Mapping[str, Any]) -> bool:
    """Whether one condition holds; its references are resolved already.

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
    """The type of a value, where all numbers have one type."""
    return float if type(value) is int else type(value)


def _incomparable(kind: str, left: Any, right: Any) -> str:
    return (
        f"{kind} cannot compare {left!r} ({type(left).__name__}) with {right!r} ({type(right).__name__}): "
        "both must have the same type"
    )
