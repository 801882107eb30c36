"""Format a run as HTML for notebooks. Every text of a run is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from types import MappingProxyType

from dagcast.display.step_results import result_lines
from dagcast.display.terminal_text import format_duration, strip_control_characters, summarize_reason
from dagcast.runner.records.outcome import RunOutcome, StepOutcome
from dagcast.runner.records.run_folder import RunFolder

_COLORS = MappingProxyType(
    {
        "succeeded": "#1a7f37",
        "cached": "#1a7f37",
        "kept": "#1a7f37",
        "running": "#0969da",
        "failed": "#cf222e",
        "stopped": "#9a6700",
    }
)
_FAINT = "#6e7781"


def format_run(outcome: RunOutcome) -> str:
    """Return a run as HTML: how it ended, its steps, and the paths of their outputs."""
    folder = RunFolder(outcome.folder)
    reason = f": {summarize_reason(outcome.reason)}" if outcome.reason else ""
    title = f"{outcome.pipeline} {outcome.status} in {format_duration(outcome.seconds)}{reason}"
    outputs = [
        f"<tr><td>{_text(f'{step.name}.{name}')}</td>"
        f"<td><code>{_text(str(folder.local_path(output)))}</code></td></tr>"
        for step in outcome.steps
        for name, output in step.outputs.items()
    ]
    paths = f"<table>{''.join(outputs)}</table>" if outputs else ""
    files = f"<div>files: <code>{_text(str(outcome.folder))}</code></div>"
    return f"<div><b>{_text(title)}</b>{format_steps(outcome.steps)}{paths}{files}</div>"


def format_steps(steps: Iterable[StepOutcome]) -> str:
    """Return a table of steps as HTML."""
    head = "".join(f"<th>{title}</th>" for title in ("step", "type", "state", "time", "result"))
    rows = "".join(f"<tr>{''.join(_cells(step))}</tr>" for step in steps)
    return f'<table style="text-align:left"><tr>{head}</tr>{rows}</table>'


def _cells(step: StepOutcome) -> Iterator[str]:
    color = _COLORS.get(step.status, _FAINT)
    yield f"<td>{_text(step.name)}</td><td>{_text(step.type)}</td>"
    yield f'<td style="color:{color}">{_text(step.status.replace("-", " "))}</td>'
    yield f"<td>{format_duration(step.seconds) if step.attempts else ''}</td>"
    yield f"<td>{'<br>'.join(map(_text, result_lines(step)))}</td>"


def _text(text: str) -> str:
    return escape(strip_control_characters(text))
