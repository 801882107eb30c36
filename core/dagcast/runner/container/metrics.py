"""The metrics of a training job, which regular expressions find in its logs."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.runner.container.checks import listed, mapping
from dagcast.runner.container.job import tail
from dagcast.runner.container.side_process import call
from dagcast.runner.executor import StepRun

_PROGRAM = Path(__file__).parents[1] / "in_job" / "scan_metrics.py"

_BASE_SECONDS = 20.0
_BYTES_A_SECOND = 5_000_000
"""How long the search may take: what ordinary expressions need several times over."""


def problems(step: str, definitions: Any) -> Iterator[Diagnostic]:
    """Say which expressions are none; references may stand for any value."""
    for item in map(mapping, listed(definitions)):
        expression = item.get("Regex")
        if isinstance(expression, str):
            try:
                re.compile(expression)
            except re.error as error:
                yield Diagnostic(
                    f"step {step!r}: metric {item.get('Name')!r}: {expression!r} is no regular expression: {error}",
                    code="request.invalid-regex",
                )


def last_values(run: StepRun, definitions: Any, *logs: Path) -> dict[str, float]:
    """By name: the last value of each metric in the logs, one after the other.

    SageMaker searches the job's one log; here it is two, and what one metric prints to both counts as if all of
    standard error came last. What an expression captures and is no number is left out. Source: SageMaker Developer
    Guide, "Use Amazon CloudWatch Metrics for Monitoring and Analyzing Training Jobs".
    """
    there = [str(log) for log in logs if log.exists() and log.stat().st_size]
    if not definitions or not there:
        return {}
    size = sum(Path(log).stat().st_size for log in there)
    limit = _BASE_SECONDS + size / _BYTES_A_SECOND
    argv = [sys.executable, "-I", "-S", str(_PROGRAM), str(limit), json.dumps(list(definitions)), *there]
    answer, errors = run.folder / "metrics.json", run.folder / "metrics.log"
    code = call(run, argv, answer, errors=errors, timeout=limit + _BASE_SECONDS)
    if code != 0:
        why = tail(errors, lines=1) or f"not within {limit:.0f} s"
        run.warn(f"the metrics were not found: {why}")
        return {}
    told = json.loads(answer.read_text("utf-8"))
    for name in told["slow"]:
        run.warn(f"metric {name!r} was not found: its regular expression takes too long")
    texts: Mapping[str, str] = told["found"]
    return {name: value for name, text in texts.items() if (value := _number(text)) is not None}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
