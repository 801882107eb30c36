"""How a run ended, for a person: a table of its steps, and where everything is."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from dagcast.cli.output import cut, duration, one_line, printable, seen
from dagcast.runner.logs import end_of

if TYPE_CHECKING:
    from rich.table import Table

    from dagcast.runner.outcome import RunOutcome, StepOutcome

DEFAULT_RUNS = Path(".dagcast/runs")
"""The folder of all runs, where none is given."""

LAST_LINES = 10
"""How many lines of a failed step's log are shown."""
_TAIL = 16_384
"""Bytes at the end of a log that these lines are looked for in."""

_WIDE = 10_000
"""More characters than a line has."""

_COLORS = MappingProxyType(
    {
        "succeeded": "green",
        "cached": "green",
        "kept": "green",
        "running": "cyan",
        "failed": "red",
        "stopped": "yellow",
        "skipped": "bright_black",
        "waiting": "bright_black",
    }
)


def show_outcome(
    outcome: RunOutcome, again: str | None = None, earlier: tuple[str, ...] = (), *, err: bool = False
) -> None:
    """Print the steps with times and results, the end of a failed step's log, and where everything is.

    Args:
        outcome: How the run ended, or how it stands.
        again: What to run after a change, such as ``dagcast run pipeline.yaml``; left out if it is not known.
        earlier: The ids of the runs that this one read from.
        err: Whether to print to standard error.
    """
    echo_table(_table(outcome), err=err)
    ends = [line for step in outcome.steps for line in _end_of_log(step)]
    for line in (*ends, *_ending(outcome, again, earlier)):
        click.echo(printable(line, keep="\n\t"), err=err)


def echo_table(table: Table, *, err: bool = False) -> None:
    """Print a table whose lines are as long as they have to be: a terminal wraps them, and they can be copied."""
    from rich.console import Console

    screen = Console(stderr=err, highlight=False, width=_WIDE)
    with screen.capture() as captured:
        screen.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), err=err)


def short_path(path: Path) -> str:
    """A path as a person would write it: relative to the working directory if it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def with_runs(command: str, runs: Path) -> str:
    """A command of dagcast, with ``--runs`` if the runs are not where they are looked for."""
    if os.path.realpath(runs) == os.path.realpath(DEFAULT_RUNS):
        return command
    return f"{command} --runs {shlex.quote(short_path(runs))}"


def _table(outcome: RunOutcome) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("step", "type", "state", "time", "result"):
        table.add_column(title)
    for step in outcome.steps:
        took = duration(step.seconds) if step.attempts else ""
        if step.attempts > 1:
            took += f", {step.attempts} attempts"
        table.add_row(
            Text(step.name),
            Text(printable(step.type)),
            Text(step.status, style=_COLORS.get(step.status, "")),
            took,
            Text("\n".join(printable(result) for result in _results(step)).strip()),
        )
    return table


def _results(step: StepOutcome) -> Iterator[str]:
    """What came of a step, a line each: why it ended as it did, metrics, what it returned, what it left."""
    if step.reason:
        yield one_line(step.reason)
    yield from (f"{name} = {value:g}" for name, value in step.metrics.items())
    for name, value in step.output_parameters.items():
        yield cut(f"{name} = {value if isinstance(value, str) else json.dumps(value)}")
    yield from (output if "://" in output else short_path(Path(output)) for output in step.outputs.values())


def _end_of_log(step: StepOutcome) -> Iterator[str]:
    if step.status != "failed" or step.log is None:
        return
    folder = Path(step.log).parent
    for log in dict.fromkeys((folder / "stderr.log", Path(step.log))):
        lines = end_of(log, _TAIL).split("\n")
        lines = [shown for line in lines if (shown := seen(line, keep="\t").rstrip())]
        if lines:
            yield f"\n{step.name}: the end of {short_path(log)}"
            yield from (f"  {cut(line)}" for line in lines[-LAST_LINES:])
            return


def _ending(outcome: RunOutcome, again: str | None, earlier: tuple[str, ...]) -> Iterator[str]:
    reason = f": {one_line(outcome.reason)}" if outcome.reason else ""
    folder, runs = short_path(outcome.folder), outcome.folder.parent
    status = re.sub("(?<=[a-z])(?=[A-Z])", " ", outcome.status).lower()
    yield f"\n{outcome.pipeline} {status} in {duration(outcome.seconds)}{reason}"
    yield f"everything is in {folder}; s3://BUCKET/KEY is s3/BUCKET/KEY there"
    failed = [step for step in outcome.steps if step.status == "failed" and step.type != "Fail"]
    for step in failed:
        if step.log is not None and Path(step.log).is_file():
            yield f"logs: {with_runs(f'dagcast runs logs {outcome.id} {step.name}', runs)}"
    if failed or outcome.status == "Stopped":
        yield f"to go on: {with_runs(f'dagcast run --resume {outcome.id}', runs)}"
    if failed and again is not None:
        start = " ".join(f"--from {step.name}" for step in failed)
        results = " ".join(f"--from-run {run}" for run in (outcome.id, *earlier))
        yield f"to go on with changed code: {again} {start} {results}"
