"""Reads the metrics of a training job from its logs with regular expressions."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.runner.container.check_request import as_list, as_mapping
from dagcast.runner.container.helper_process import run_program
from dagcast.runner.container.job import read_last_lines
from dagcast.runner.executors.executor import StepAttempt
from dagcast.sagemaker.builtin_algorithms import algorithm_of_image

_PROGRAM = Path(__file__).parents[1] / "in_job" / "scan_metrics.py"

_BASE_SECONDS = 20.0
_BYTES_PER_SECOND = 5_000_000
"""Base and speed of the time limit for the search. Ordinary expressions are several times faster."""


def check_definitions(step: str, definitions: Any) -> Iterator[Diagnostic]:
    """Find invalid regular expressions; any value can be a reference."""
    for item in map(as_mapping, as_list(definitions)):
        expression = item.get("Regex")
        if isinstance(expression, str):
            try:
                re.compile(expression)
            except re.error as error:
                yield Diagnostic(
                    f"step {step!r}: metric {item.get('Name')!r}: invalid regular expression {expression!r}: {error}",
                    code="request.invalid-regex",
                )


def list_definitions(algorithm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the metric definitions of a training job: those that the service adds for its images, and the user's.

    Args:
        algorithm: The ``AlgorithmSpecification`` of the request.
    """
    builtin = algorithm_of_image(str(algorithm.get("TrainingImage", "")))
    added = builtin.metric_definitions() if builtin is not None else ()
    return [*added, *(algorithm.get("MetricDefinitions") or ())]


def find_last_values(attempt: StepAttempt, definitions: Any, *logs: Path) -> dict[str, float]:
    """Return the last value of each metric in the logs, by name.

    SageMaker searches the only log of a job. A local job has two, and standard error counts as the later one. Text that
    is not a number is ignored. Source: SageMaker Developer Guide, "Use Amazon CloudWatch Metrics for Monitoring and
    Analyzing Training Jobs".
    """
    existing = [str(log) for log in logs if log.exists() and log.stat().st_size]
    if not definitions or not existing:
        return {}
    size = sum(Path(log).stat().st_size for log in existing)
    limit = _BASE_SECONDS + size / _BYTES_PER_SECOND
    argv = [sys.executable, "-I", "-S", str(_PROGRAM), str(limit), json.dumps(list(definitions)), *existing]
    answer, errors = attempt.folder / "metrics.json", attempt.folder / "metrics.log"
    code = run_program(attempt, argv, answer, errors=errors, timeout=limit + _BASE_SECONDS)
    if code != 0:
        reason = read_last_lines(errors, lines=1) or f"the search exceeded {limit:.0f} s"
        attempt.warn(f"metrics are missing: {reason}")
        return {}
    result = json.loads(answer.read_text("utf-8"))
    for name in result["slow"]:
        attempt.warn(f"metric {name!r} is missing: its regular expression takes too long")
    texts: Mapping[str, str] = result["found"]
    return {name: value for name, text in texts.items() if (value := _number(text)) is not None}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
