"""The results of a step as short lines, for a terminal and for notebooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagcast.display.terminal_text import summarize_reason, truncate_middle

if TYPE_CHECKING:
    from dagcast.runner.records.outcome import StepOutcome


def result_lines(step: StepOutcome) -> Iterator[str]:
    """Iterate over the results of a step: its reason, its metrics, and the values that it returned."""
    if step.reason:
        yield summarize_reason(step.reason)
    if step.stand_in:
        difference = f": {step.stand_in['difference']}" if step.stand_in["difference"] else ""
        yield f"{step.stand_in['library']} stood in for {step.stand_in['label']}{difference}"
    yield from (f"{name} = {value:g}" for name, value in step.metrics.items())
    for name, value in step.output_parameters.items():
        yield truncate_middle(f"{name} = {value if isinstance(value, str) else json.dumps(value)}")
