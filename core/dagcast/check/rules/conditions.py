"""Rules of conditions: types that compare with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.examples import definition_example, step_example
from dagcast.check.rules.pipeline_rule import PipelineRule, StepFinding
from dagcast.check.rules.rule import PipelineFacts
from dagcast.definition.conditions import NEGATED
from dagcast.definition.model import Definition
from dagcast.definition.references import ExecutionVariable, Join, ParameterRef, Reference, StepProperty
from dagcast.paths import FieldPath


def comparisons(
    conditions: Any, path: FieldPath
) -> Iterator[tuple[FieldPath, str, Any, FieldPath, Any, FieldPath]]:
    """Yield each comparison of a condition: its path, its type, and both sides with their paths."""
    for index, condition in enumerate(conditions if isinstance(conditions, (list, tuple)) else ()):
        yield from _comparison(condition, (*path, index))


def _comparison(
    condition: Any, path: FieldPath
) -> Iterator[tuple[FieldPath, str, Any, FieldPath, Any, FieldPath]]:
    if not isinstance(condition, Mapping):
        return
    kind = condition.get("Type")
    if kind == "Not":
        for key in NEGATED:
            yield from _comparison(condition.get(key), (*path, key))
    elif kind == "Or":
        yield from comparisons(condition.get("Conditions"), (*path, "Conditions"))
    elif kind == "In":
        query = condition.get("QueryValue")
        values = condition.get("Values")
        for index, value in enumerate(values if isinstance(values, (list, tuple)) else ()):
            yield path, "In", query, (*path, "QueryValue"), value, (*path, "Values", index)
    elif isinstance(kind, str):
        left, right = condition.get("LeftValue"), condition.get("RightValue")
        yield path, kind, left, (*path, "LeftValue"), right, (*path, "RightValue")


_KINDS = {"String": "text", "Integer": "number", "Float": "number", "Boolean": "boolean"}

_Kinds = Mapping[Reference, str]
"""By reference whose type is declared: a text, a number or a boolean."""


def _declared_kinds(definition: Definition) -> _Kinds:
    """Return the kinds of the parameters, and of the outputs of Lambda and Callback steps."""
    kinds: dict[Reference, str] = {
        ParameterRef(name): _KINDS[kind]
        for name, kind in definition.parameter_types().items()
        if kind in _KINDS  # The type of a parameter that is declared wrongly is unknown.
    }
    for step in definition.steps:
        declared = step.fields.get("OutputParameters")
        for item in declared if isinstance(declared, (list, tuple)) else ():
            kind = _KINDS.get(str(item.get("OutputType"))) if isinstance(item, Mapping) else None
            if kind is not None:
                path = f"OutputParameters['{item.get('OutputName')}']"
                kinds[StepProperty(step.name, path)] = kind
    return kinds


def _kind(value: Any, kinds: _Kinds) -> str | None:
    """Return what a side of a condition is: a text, a number, a boolean; ``None`` if that is not known."""
    if isinstance(value, (Join, ExecutionVariable)):
        return "text"
    if isinstance(value, Reference):
        return kinds.get(value)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "text" if isinstance(value, str) else None


def _comparisons(definition: Definition) -> Iterator[tuple[str, str, Any, FieldPath, Any, FieldPath]]:
    """Yield the comparisons of all conditions: the step, the kind, and both sides with their paths."""
    for step in definition.steps:
        if step.is_condition:
            found = comparisons(step.arguments.get("Conditions"), ("Arguments", "Conditions"))
            for _, kind, left, left_path, right, right_path in found:
                yield step.name, kind, left, left_path, right, right_path


def _incomparable(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    kinds = _declared_kinds(definition)
    for step, kind, left, left_path, right, right_path in _comparisons(definition):
        if kind == "In":
            continue  # See _foreign_member.
        left_kind, right_kind = _kind(left, kinds), _kind(right, kinds)
        # The SDK's local mode orders texts, and booleans, among themselves.
        ordered = kind != "Equals" and left_kind != right_kind
        for value, own, path in ((left, left_kind, left_path), (right, right_kind, right_path)):
            if ordered and own is not None and own != "number":
                message = f"{kind} compares numbers, and {_quote(value)} is a {own}"
                yield StepFinding(step, path, message, _hint(value, kinds))
                break
        else:
            if left_kind and right_kind and left_kind != right_kind:
                message = (
                    f"{kind} never holds: {_quote(left)} is a {left_kind}, "
                    f"and {_quote(right)} is a {right_kind}"
                )
                sides = sorted((left, right), key=lambda side: isinstance(side, StepProperty))
                hint = _hint(sides[0], kinds) or _hint(sides[1], kinds)
                yield StepFinding(step, right_path, message, hint)


def _equal_numbers(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    types = definition.parameter_types()
    for step, kind, left, _, right, path in _comparisons(definition):
        found = {_number_type(left, types), _number_type(right, types)}
        if kind == "Equals" and found == {"integer", "float"}:
            message = f"Equals compares {_quote(left)} with {_quote(right)}, an integer with a float"
            yield StepFinding(step, path, message, "compare numbers of one type, or by >= and <=")


def _number_type(value: Any, types: Mapping[str, str]) -> str | None:
    if isinstance(value, ParameterRef):
        return {"Integer": "integer", "Float": "float"}.get(types.get(value.name, ""))
    if isinstance(value, float):
        return "float"
    return "integer" if isinstance(value, int) and not isinstance(value, bool) else None


def _foreign_member(definition: Definition, facts: PipelineFacts) -> Iterator[StepFinding]:
    kinds = _declared_kinds(definition)
    for step, kind, query, _, value, path in _comparisons(definition):
        query_kind, value_kind = _kind(query, kinds), _kind(value, kinds)
        if kind == "In" and query_kind and value_kind and query_kind != value_kind:
            message = f"In never finds {_quote(value)}, a {value_kind}: {_quote(query)} is a {query_kind}"
            yield StepFinding(step, path, message, _hint(value, kinds))


def _quote(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Reference) else repr(value)


def _hint(value: Any, kinds: _Kinds) -> str | None:
    """Return what to write where a text is the name of a parameter or a number, or an output has another type."""
    if isinstance(value, StepProperty):
        return "declare the output with the type that it has"
    if isinstance(value, str) and ParameterRef(value) in kinds:
        return f"write ${{param.{value}}} for the parameter's value"
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return None
        return f"write {value} without quotes"
    return None


def _condition(kind: str, left: Any, right: Any, **more: Any) -> dict[str, Any]:
    condition = {"Type": kind, "LeftValue": left, "RightValue": right}
    step = {"Name": "c", "Type": "Condition"}
    return definition_example(
        {**step, "Arguments": {"Conditions": [condition], "IfSteps": [], "ElseSteps": []}}, **more
    )


def _membership(query: Any, value: Any) -> dict[str, Any]:
    condition = {"Type": "In", "QueryValue": query, "Values": [value]}
    return definition_example(
        step_example("c", "Condition", Conditions=[condition], IfSteps=[], ElseSteps=[])
    )


_INTEGER = {"Parameters": [{"Name": "N", "Type": "Integer"}]}
_TEXT = {"Parameters": [{"Name": "S", "Type": "String"}]}


RULES = (
    PipelineRule(
        id="condition.types",
        summary="A condition compares values of one type; only values of one type have an order",
        source="SageMaker Python SDK, _ConditionStepExecutor: values of different types do not compare",
        check=_incomparable,
        obeys=_condition("GreaterThan", 2, 1.5),
        breaks=_condition("Equals", {"Get": "Parameters.S"}, 1, **_TEXT),
    ),
    PipelineRule(
        id="condition.equal-numbers",
        summary="Equals compares integers with integers, and floats with floats",
        source="SageMaker Python SDK, _ConditionStepExecutor: values of different types are not equal, nor compared",
        check=_equal_numbers,
        severity="warning",
        obeys=_condition("Equals", {"Get": "Parameters.N"}, 1, **_INTEGER),
        breaks=_condition("Equals", {"Get": "Parameters.N"}, 1.5, **_INTEGER),
    ),
    PipelineRule(
        id="condition.membership",
        summary="The values of an In condition have the type of what is looked for",
        source="SageMaker Python SDK, _ConditionStepExecutor: values of different types do not compare",
        check=_foreign_member,
        severity="warning",
        obeys=_membership("a", "b"),
        breaks=_membership("a", 1),
    ),
)
