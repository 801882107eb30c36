"""Fail steps: they end the run as failed, with a message."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.definition.model import Step
from dagcast.errors import Diagnostic
from dagcast.runner.executor import StepFailedError, StepResult, StepRun
from dagcast.runner.options import RunOptions


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Nothing of a fail step can be wrong: the message may be left out."""
    yield from ()


def run(run: StepRun) -> StepResult:
    """Fail.

    Raises:
        StepFailedError: Always.
    """
    raise StepFailedError(str(run.arguments.get("ErrorMessage", "")))
