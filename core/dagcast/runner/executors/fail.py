"""Runs Fail steps: they end the run as failed, with a message."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.definition.model import Step
from dagcast.errors import Diagnostic
from dagcast.runner.executors.executor import Executor, StepAttempt, StepFailedError, StepResult
from dagcast.runner.options import RunOptions


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find nothing: every Fail step is valid, and its message is optional."""
    yield from ()


def run(attempt: StepAttempt) -> StepResult:
    """Fail with the step's message.

    Raises:
        StepFailedError: Always.
    """
    raise StepFailedError(str(attempt.arguments.get("ErrorMessage", "")))


EXECUTOR = Executor(check=check, run=run)
