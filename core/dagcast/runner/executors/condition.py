"""Runs Condition steps. The outcome is kept in the step's result, so that a resumed run does not evaluate it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.definition.conditions import (
    NEGATED,
    TYPES,
    IncomparableError,
    all_hold,
    describe_conditions,
    holds,
)
from dagcast.definition.model import Step
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.runner.executors.executor import Executor, StepAttempt, StepResult
from dagcast.runner.options import RunOptions


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find invalid conditions, and comparisons of constants of different types."""
    conditions = step.arguments.get("Conditions")
    if not isinstance(conditions, list | tuple):
        yield Diagnostic(f"step {step.name!r}: expected a list of Conditions", code="condition.wrong-type")
        return
    for condition in conditions:
        yield from _check(step.name, condition)


def run(attempt: StepAttempt) -> StepResult:
    """Evaluate the conditions."""
    conditions = attempt.arguments["Conditions"]
    outcome = all_hold(conditions)
    summary = f"{str(outcome).lower()}: {describe_conditions(conditions)}"
    return StepResult({"Outcome": outcome}, summary=summary if conditions else None)


def _check(step: str, condition: Any) -> Iterator[Diagnostic]:
    kind = condition.get("Type") if isinstance(condition, Mapping) else None
    if not isinstance(kind, str) or kind not in TYPES:
        yield Diagnostic(
            f"step {step!r}: unknown condition {kind!r}",
            code="condition.unknown-type",
            hint=did_you_mean(str(kind), TYPES),
        )
        return
    negated = next((key for key in NEGATED if key in condition), NEGATED[0])
    needed = {"Not": (negated,), "Or": ("Conditions",), "In": ("QueryValue", "Values")}
    missing = [key for key in needed.get(kind, ("LeftValue", "RightValue")) if key not in condition]
    if missing:
        yield Diagnostic(
            f"step {step!r}: condition {kind} lacks {', '.join(missing)}", code="condition.missing-field"
        )
    elif kind == "Not":
        yield from _check(step, condition[negated])
    elif (kind == "Or" and not isinstance(condition["Conditions"], list | tuple)) or (
        kind == "In" and not isinstance(condition["Values"], list | tuple)
    ):
        yield Diagnostic(f"step {step!r}: condition {kind} needs a list", code="condition.wrong-type")
    elif kind == "Or":
        for inner in condition["Conditions"]:
            yield from _check(step, inner)
    else:
        yield from _check_constants(step, condition)


def _check_constants(step: str, condition: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Compare the constants of a comparison. Values of other steps and parameters are ignored."""
    if condition["Type"] == "In":
        known = [value for value in condition["Values"] if _is_constant(value)]
        sides, condition = [condition["QueryValue"]], {**condition, "Values": known}
    else:
        sides = [condition["LeftValue"], condition["RightValue"]]
    if not all(map(_is_constant, sides)):
        return
    try:
        holds(condition)
    except IncomparableError as error:
        yield Diagnostic(f"step {step!r}: {error}", code="condition.wrong-type")


def _is_constant(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


EXECUTOR = Executor(check=check, run=run)
