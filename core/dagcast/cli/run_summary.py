"""Print the summary of a run: a table of its steps, and the paths of its files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from dagcast.display.step_results import result_lines
from dagcast.display.terminal_text import (
    format_duration,
    strip_control_characters,
    summarize_reason,
    truncate_middle,
    visible_text,
)

if TYPE_CHECKING:
    from rich.table import Table

    from dagcast.runner.records.outcome import RunOutcome, StepOutcome
    from dagcast.runner.records.trials import TrialSummary

DEFAULT_RUNS = Path(".dagcast/runs")
"""The default folder of all runs."""

LAST_LINES = 10
"""Lines shown from the end of a failed step's log."""
_TAIL = 16_384
"""Bytes read from the end of a log to find these lines."""

RAN = ("succeeded", "cached", "kept", "failed")
"""The statuses of steps that ran to an end."""

_WIDTH = 80
"""Columns of a table where the output is not a terminal."""
_MIN_RESULT_WIDTH = 24
"""Columns of results next to long names of steps."""

_QUOTE = '"'

_UNLIMITED_WIDTH = 10_000
"""A console width, in characters, that no line exceeds."""

_COLORS = MappingProxyType(
    {
        "succeeded": "green",
        "cached": "green",
        "kept": "green",
        "running": "cyan",
        "failed": "red",
        "stopped": "yellow",
        "not-started": "bright_black",
        "skipped": "bright_black",
        "waiting": "bright_black",
    }
)


def show_outcome(
    outcome: RunOutcome, again: str | None = None, *, running: bool = False, err: bool = False
) -> None:
    """Print the steps with times and results, the ends of logs of failed steps, and the paths of the run.

    Args:
        outcome: The outcome of the run, or its current state.
        again: The command that starts the run, such as ``dagcast run pipeline.yaml``; ``None`` if it is unknown.
        running: Whether the run has not ended.
        err: Whether to print to standard error.
    """
    echo_table(_table(outcome), err=err)
    ends = [line for step in outcome.steps for line in _end_of_log(step)]
    for line in (*_outputs(outcome), *ends, *_ending(outcome, again, running)):
        click.echo(strip_control_characters(line, keep="\n\t"), err=err)


def show_trials(step: str, trials: Sequence[TrialSummary]) -> None:
    """Print the trials of a tuning step, the best first."""
    from rich.table import Table
    from rich.text import Text

    metric = next((trial.metric for trial in trials if trial.metric is not None), "objective")
    rows = [
        (
            str(place),
            trial.status.lower(),
            "" if trial.objective is None else f"{trial.objective:g}",
            # SageMaker keeps categorical values in quotes.
            " ".join(f"{name}={value.strip(_QUOTE)}" for name, value in trial.hyperparameters.items()),
            trial.reason,
        )
        for place, trial in enumerate(trials, 1)
    ]
    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("rank", "state", metric, "hyperparameters"):
        table.add_column(Text(strip_control_characters(title)))
    used = 4 + 2 + 9 + 2 + max(len(metric), *(len(row[2]) for row in rows)) + 2
    for place, status, objective, chosen, reason in rows:
        lines = _wrap(chosen, _result_width(used))
        if reason:
            lines += _wrap(summarize_reason(reason), _result_width(used))
        state = Text(status, style="red" if status == "failed" else "green")
        table.add_row(place, state, objective, Text("\n".join(lines)))
    click.echo(f"\ntrials of {step}")
    echo_table(table)


def echo_table(table: Table, *, err: bool = False) -> None:
    """Print a table without wrapping or truncating its lines, so that they can be copied."""
    from rich.console import Console

    screen = Console(stderr=err, highlight=False, width=_UNLIMITED_WIDTH)
    with screen.capture() as captured:
        screen.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), err=err)


def short_path(path: Path) -> str:
    """Return a path relative to the working directory if it is below it, else unchanged."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def with_runs(command: str, runs: Path) -> str:
    """Append ``--runs`` to a command if ``runs`` is not the default folder."""
    if os.path.realpath(runs) == os.path.realpath(DEFAULT_RUNS):
        return command
    return f"{command} --runs {shlex.quote(short_path(runs))}"


def _table(outcome: RunOutcome) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("step", "type", "state", "time", "result"):
        table.add_column(title)
    rows = [
        (step.name, strip_control_characters(step.type), step.status.replace("-", " "), _duration(step))
        for step in outcome.steps
    ]
    used = sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True))
    width = _result_width(used)
    for step, (name, kind, status, took) in zip(outcome.steps, rows, strict=True):
        results = (line for result in result_lines(step) for line in _wrap(result, width))
        style = _COLORS.get(step.status, "")
        table.add_row(Text(name), Text(kind), Text(status, style=style), took, Text("\n".join(results)))
    return table


def _result_width(used: int) -> int:
    """Return the width of the last column of a table whose other columns are ``used`` wide."""
    return max(shutil.get_terminal_size((_WIDTH, 24)).columns - used, _MIN_RESULT_WIDTH)


def _duration(step: StepOutcome) -> str:
    took = format_duration(step.seconds) if step.attempts else ""
    return f"{took}, {step.attempts} attempts" if step.attempts > 1 else took


def _wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text of at most a width. A path or a long word stays whole, so that it can be copied."""
    return textwrap.wrap(
        strip_control_characters(text), width, break_long_words=False, break_on_hyphens=False
    )


def _outputs(outcome: RunOutcome) -> Iterator[str]:
    """Iterate over the outputs of all steps, one on each line, as local paths that a terminal opens."""
    named = [(step.name, name, uri) for step in outcome.steps for name, uri in step.outputs.items()]
    if not named:
        return
    from dagcast.runner.records.run_folder import RunFolder  # a compile has no runs

    folder = RunFolder(outcome.folder)
    yield "\noutputs"
    width = max(len(f"{step}.{name}") for step, name, _ in named)
    for step, name, uri in named:
        yield f"  {f'{step}.{name}':{width}}  {short_path(folder.local_path(uri))}"


def _end_of_log(step: StepOutcome) -> Iterator[str]:
    if step.status != "failed" or step.log is None:
        return
    folder = Path(step.log).parent
    for log in dict.fromkeys((folder / "stderr.log", Path(step.log))):
        from dagcast.runner.records.logs import read_log_end  # a compile has no jobs

        lines = read_log_end(log, _TAIL).split("\n")
        lines = [shown for line in lines if (shown := visible_text(line, keep="\t").rstrip())]
        if lines:
            yield f"\n{step.name}: end of {short_path(log)}"
            yield from (f"  {truncate_middle(line)}" for line in lines[-LAST_LINES:])
            return


def _ending(outcome: RunOutcome, again: str | None, running: bool) -> Iterator[str]:
    reason = f": {summarize_reason(outcome.reason)}" if outcome.reason else ""
    folder, runs = short_path(outcome.folder), outcome.folder.parent
    status = re.sub("(?<=[a-z])(?=[A-Z])", " ", outcome.status).lower()
    if running:
        yield f"\n{outcome.pipeline} is running"
    else:
        yield f"\n{outcome.pipeline} {status} in {format_duration(outcome.seconds)}{reason}"
    yield f"files: {folder} (s3://BUCKET/KEY is s3/BUCKET/KEY in it)"
    failed = [step for step in outcome.steps if step.status == "failed" and step.type != "Fail"]
    for step in failed:
        if step.log is not None and Path(step.log).is_file():
            yield f"logs: {with_runs(f'dagcast runs logs {outcome.id} {step.name}', runs)}"
    changed = [step for step in failed or outcome.steps if step.status in ("failed", "stopped")]
    changed = [step for step in changed if step.type != "Fail" and step.attempts + len(step.origins) > 0]
    starts = dict.fromkeys(name for step in changed for name in step.origins or (step.name,))
    if starts and again is not None:
        start = " ".join(f"--from {name}" for name in starts)
        yield f"to rerun with changed code: {again} {start} --from-run {outcome.id}"
    # A step that fails because of what an earlier one left fails again if that one is kept.
    if not running and (outcome.status == "Stopped" or any(not step.origins for step in failed)):
        yield f"to resume: {with_runs(f'dagcast run --resume {outcome.id}', runs)}"
