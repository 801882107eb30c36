"""Condition: every comparison, and how they combine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.compiling import ALWAYS, JOB, arguments_of, check, config, definition_of, error_in, step_of

PARAMETERS = {"N": 1, "S": "x", "B": True}
N, S = {"Get": "Parameters.N"}, {"Get": "Parameters.S"}


def conditions(*given_conditions: Any) -> Any:
    arguments = arguments_of(
        {"type": "Condition", "conditions": list(given_conditions)}, parameters=PARAMETERS
    )
    return arguments["Conditions"]


def compared(kind: str, left: Any = N, right: Any = 3) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def negated(condition: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Not", "Condition": condition}


def test_minimal() -> None:
    assert step_of({"type": "Condition", "conditions": ALWAYS}) == {
        "Name": "step",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}],
            "IfSteps": [],
            "ElseSteps": [],
        },
    }


def test_full() -> None:
    evaluate = {
        "type": "Processing",
        **JOB,
        "outputs": {"o": None},
        "property_files": {"R": {"output": "o", "path": "r.json"}},
    }
    check = {
        "type": "Condition",
        "display_name": "Check",
        "description": "Words",
        "depends_on": ["before"],
        "conditions": [
            {"left": "${json.evaluate.R.auc[0].value}", "op": ">=", "right": 0.8},
            {"left": "${step.evaluate.ProcessingJobStatus}", "op": "==", "right": "Completed"},
        ],
        "if_steps": ["yes"],
        "else_steps": ["no"],
    }
    steps = {
        "check": check,
        "evaluate": evaluate,
        "before": {"type": "Fail"},
        "yes": {"type": "Fail"},
        "no": {"type": "Fail"},
    }
    definition = definition_of(config(steps))
    assert [step["Name"] for step in definition["Steps"]] == ["evaluate", "before", "check"]
    assert definition["Steps"][2] == {
        "Name": "check",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {
                    "Type": "GreaterThanOrEqualTo",
                    "LeftValue": {
                        "Std:JsonGet": {
                            "PropertyFile": {"Get": "Steps.evaluate.PropertyFiles.R"},
                            "Path": "auc[0].value",
                        }
                    },
                    "RightValue": 0.8,
                },
                {
                    "Type": "Equals",
                    "LeftValue": {"Get": "Steps.evaluate.ProcessingJobStatus"},
                    "RightValue": "Completed",
                },
            ],
            "IfSteps": [{"Name": "yes", "Type": "Fail", "Arguments": {"ErrorMessage": ""}}],
            "ElseSteps": [{"Name": "no", "Type": "Fail", "Arguments": {"ErrorMessage": ""}}],
        },
        "DependsOn": ["before"],
        "DisplayName": "Check",
        "Description": "Words",
    }


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("==", "Equals"),
        (">", "GreaterThan"),
        (">=", "GreaterThanOrEqualTo"),
        ("<", "LessThan"),
        ("<=", "LessThanOrEqualTo"),
    ],
)
def test_comparisons(operator: str, kind: str) -> None:
    expected = [compared(kind)]
    assert conditions({"left": "${param.N}", "op": operator, "right": 3}) == expected
    assert conditions({"left": "${param.N}", "op": kind, "right": 3}) == expected


@pytest.mark.parametrize("operator", ["!=", "NotEquals"])
def test_not_equal_is_a_negated_equal(operator: str) -> None:
    assert conditions({"left": "${param.N}", "op": operator, "right": 3}) == [negated(compared("Equals"))]


def test_membership() -> None:
    expected = {"Type": "In", "QueryValue": S, "Values": ["a", 1, 0.5, False, N]}
    assert conditions({"value": "${param.S}", "in": ["a", 1, 0.5, False, "${param.N}"]}) == [expected]
    assert conditions({"not": {"value": "${param.S}", "in": ["a", 1, 0.5, False, "${param.N}"]}}) == [
        negated(expected)
    ]


@pytest.mark.parametrize("value", [0, 0.0, False, "", "0", -1, 2**63 - 1, "é", 1e300])
def test_values_keep_their_type(value: Any) -> None:
    (found,) = conditions({"left": value, "op": "==", "right": value})
    assert found == compared("Equals", value, value)
    assert type(found["LeftValue"]) is type(value)


def test_nesting() -> None:
    low = {"left": "${param.N}", "op": "<", "right": 3}
    high = {"left": "${param.N}", "op": ">", "right": 3}
    less, greater = compared("LessThan"), compared("GreaterThan")
    assert conditions({"not": low}) == [negated(less)]
    assert conditions({"not": {"not": low}}) == [less]
    assert conditions({"or": [low, high]}) == [{"Type": "Or", "Conditions": [less, greater]}]
    # The service knows no And below the top: a and b is not (not a or not b).
    both = negated({"Type": "Or", "Conditions": [negated(less), negated(greater)]})
    assert conditions({"and": [low, high]}) == [both]
    assert conditions({"or": [{"and": [low, high]}, {"not": {"or": [high, {"and": [low]}]}}]}) == [
        {
            "Type": "Or",
            "Conditions": [
                both,
                negated(
                    {
                        "Type": "Or",
                        "Conditions": [greater, negated({"Type": "Or", "Conditions": [negated(less)]})],
                    }
                ),
            ],
        }
    ]


def holds(condition: dict[str, Any], n: int) -> bool:
    """What the service would make of a condition in the definition, for that value of N."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"], n)
    if kind == "Or":
        return any(holds(each, n) for each in condition["Conditions"])

    def value(item: Any) -> Any:
        return n if item == N else item

    if kind == "In":
        return value(condition["QueryValue"]) in [value(item) for item in condition["Values"]]
    left, right = value(condition["LeftValue"]), value(condition["RightValue"])
    outcomes = {
        "Equals": left == right,
        "GreaterThan": left > right,
        "GreaterThanOrEqualTo": left >= right,
        "LessThan": left < right,
        "LessThanOrEqualTo": left <= right,
    }
    return outcomes[kind]


def means(condition: dict[str, Any], n: int) -> bool:
    """What a condition in the config means, for that value of N."""
    if "not" in condition:
        return not means(condition["not"], n)
    if "or" in condition:
        return any(means(each, n) for each in condition["or"])
    if "and" in condition:
        return all(means(each, n) for each in condition["and"])
    if "in" in condition:
        return n in condition["in"]
    right = condition["right"]
    outcomes = {
        "==": n == right,
        "!=": n != right,
        ">": n > right,
        ">=": n >= right,
        "<": n < right,
        "<=": n <= right,
    }
    return outcomes[condition["op"]]


numbers = st.integers(-2, 2)
leaves = st.one_of(
    st.builds(
        lambda op, right: {"left": "${param.N}", "op": op, "right": right},
        st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
        numbers,
    ),
    st.builds(
        lambda values: {"value": "${param.N}", "in": values}, st.lists(numbers, min_size=1, max_size=3)
    ),
)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda many: {"or": many}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda many: {"and": many}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


@given(condition=nested)
def test_the_definition_means_what_the_config_says(condition: dict[str, Any]) -> None:
    (found,) = conditions(condition)
    for n in range(-3, 4):
        assert holds(found, n) == means(condition, n)


FORMS = "a condition is {left, op, right}, {value, in}, {not}, {or} or {and}"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({}, f"conditions[0]: {FORMS}"),
        ({"left": 1, "right": 2}, f"conditions[0]: {FORMS}"),
        ({"left": None, "op": "==", "right": 2}, f"conditions[0]: {FORMS}"),
        ({"value": 1, "in": []}, "conditions[0].in: expected at least 1 item, got 0"),
        ({"or": []}, "conditions[0].or: expected at least 1 item, got 0"),
        ({"left": 1, "op": "==", "right": 2, "not": {"value": 1, "in": [1]}}, f"conditions[0]: {FORMS}"),
        ({"not": {"and": [{}]}}, f"conditions[0].not.and[0]: {FORMS}"),
        ({"not": []}, "conditions[0].not: expected a mapping, got []"),
        ({"or": {"left": 1}}, "conditions[0].or: expected a list, got {'left': 1}"),
        ({"value": 1, "in": 5}, "conditions[0].in: expected a list, got 5"),
        ("${param.N} > 1", "conditions[0]: expected a mapping, got '${param.N} > 1'"),
        ({"lef": 1, "op": "==", "right": 2}, "unknown field 'conditions[0].lef'"),
        (
            {"left": 1, "op": "==", "right": [1]},
            "conditions[0].right: expected true or false or an integer or a number or a string, got [1]",
        ),
        (
            {"left": "${param.N", "op": "==", "right": 1},
            "conditions[0].left: '${' without its '}' in '${param.N'",
        ),
    ],
)
def test_mistakes(condition: Any, message: str) -> None:
    error = error_in({"type": "Condition", "conditions": [condition]}, parameters=PARAMETERS)
    assert error.message == f"step 'step' (Condition): {message}"


@pytest.mark.parametrize(
    ("operator", "hint"),
    [
        ("=>", "did you mean '>='?"),
        ("=", "write '=='"),
        ("===", "write '=='"),
        ("<>", "write '!='"),
        ("≥", "write '>='"),
        ("GT", "write '>'"),
        ("in", "write {value: ..., in: [...]}"),
        ("~", None),
    ],
)
def test_operators_of_other_languages(operator: str, hint: str | None) -> None:
    error = error_in({"type": "Condition", "conditions": [{"left": 1, "op": operator, "right": 1}]})
    assert (error.code, error.hint) == ("config.unknown-value", hint)


@pytest.mark.parametrize(
    ("kind", "op", "right", "message"),
    [
        ("String", ">", 3, "'>' compares numbers, and ${step.f.OutputParameters['o']} is a text"),
        (
            "Integer",
            "==",
            "3",
            "'==' never holds: ${step.f.OutputParameters['o']} is a number, and '3' is a text",
        ),
        (
            "Boolean",
            "==",
            1,
            "'==' never holds: ${step.f.OutputParameters['o']} is a boolean, and 1 is a number",
        ),
        ("Float", ">", 3, None),
        ("Boolean", "==", True, None),
        ("String", "==", "3", None),
    ],
)
def test_an_output_is_compared_by_the_type_that_it_is_declared_with(
    kind: str, op: str, right: Any, message: str | None
) -> None:
    function = {
        "type": "Lambda",
        "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "outputs": {"o": kind},
    }
    condition = {"left": "${step.f.OutputParameters['o']}", "op": op, "right": right}
    steps = {"f": function, "c": {"type": "Condition", "conditions": [condition]}}
    errors = check(config(steps)).errors
    assert [error.message for error in errors] == ([] if message is None else [f"step 'c': {message}"])


def test_an_unknown_operator_names_the_nearest() -> None:
    error = error_in({"type": "Condition", "conditions": [{"left": 1, "op": "GreaterThen", "right": 1}]})
    assert error.hint == "did you mean 'GreaterThan'?"


@pytest.mark.parametrize(
    ("given_conditions", "message"),
    [
        ([], "conditions: expected at least 1 item, got 0"),
        (ALWAYS * 201, "conditions: expected at most 200 items, got 201"),
        (
            {"left": 1, "op": "==", "right": 1},
            "conditions: expected a list, got {'left': 1, 'op': '==', 'right': 1}",
        ),
    ],
)
def test_how_many(given_conditions: Any, message: str) -> None:
    error = error_in({"type": "Condition", "conditions": given_conditions})
    assert error.message == f"step 'step' (Condition): {message}"


def test_it_sends_no_request() -> None:
    error = error_in({"type": "Condition", "conditions": ALWAYS, "request": {"Conditions": None}})
    assert error.message == "step 'step' (Condition): request: a Condition step sends no request"
