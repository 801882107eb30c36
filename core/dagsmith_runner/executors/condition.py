"""Condition steps: the outcome is kept in the step's result, so that a resumed run does not decide again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagsmith.errors import Diagnostic, did_you_mean
from dagsmith_runner.conditions import NEGATED, TYPES, all_hold
from dagsmith_runner.definition import Step
from dagsmith_runner.executor import StepResult, StepRun
from dagsmith_runner.options import RunOptions


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Every condition that is not one."""
    conditions = step.arguments.get("Conditions")
    if not isinstance(conditions, list):
        yield Diagnostic(f"step {step.name!r}: expected a list of Conditions", code="wrong-type")
        return
    for condition in conditions:
        yield from _check(step.name, condition)


def run(run: StepRun) -> StepResult:
    """Decide."""
    return StepResult(properties={"Outcome": all_hold(run.arguments["Conditions"])})


def _check(step: str, condition: Any) -> Iterator[Diagnostic]:
    kind = condition.get("Type") if isinstance(condition, Mapping) else None
    if not isinstance(kind, str) or kind not in TYPES:
        yield Diagnostic(
            f"step {step!r}: unknown condition {kind!r}",
            code="unknown-condition",
            hint=did_you_mean(str(kind), TYPES),
        )
        return
    negated = next((key for key in NEGATED if key in condition), NEGATED[0])
    needed = {"Not": (negated,), "Or": ("Conditions",), "In": ("QueryValue", "Values")}
    missing = [key for key in needed.get(kind, ("LeftValue", "RightValue")) if key not in condition]
    if missing:
        yield Diagnostic(f"step {step!r}: condition {kind} lacks {', '.join(missing)}", code="missing")
    elif kind == "Not":
        yield from _check(step, condition[negated])
    elif (kind == "Or" and not isinstance(condition["Conditions"], list)) or (
        kind == "In" and not isinstance(condition["Values"], list)
    ):
        yield Diagnostic(f"step {step!r}: condition {kind} needs a list", code="wrong-type")
    elif kind == "Or":
        for inner in condition["Conditions"]:
            yield from _check(step, inner)
