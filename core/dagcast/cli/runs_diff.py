"""``dagcast runs diff``: compare two runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.complete import complete_runs
from dagcast.cli.exit_codes import DIFFERENT
from dagcast.cli.output import fail
from dagcast.cli.runs_options import chosen_runs, runs_and_json
from dagcast.display.terminal_text import strip_control_characters, truncate_middle
from dagcast.errors import DagcastError

if TYPE_CHECKING:
    from dagcast.runner.records.compare_runs import RunComparison


@click.command("diff")
@click.argument("first", shell_complete=complete_runs)
@click.argument("second", default="last", shell_complete=complete_runs)
@runs_and_json
def diff_command(*, first: str, second: str, runs: Path | None, as_json: bool) -> None:
    """Compare run FIRST with run SECOND, by default the last: parameters, code and metrics.

    Exit codes: 0 no difference, 3 differences.
    """
    from dagcast.runner.records.compare_runs import compare_runs
    from dagcast.runner.records.find_runs import find_run

    try:
        found = [find_run(chosen_runs(runs), name) for name in (first, second)]
        if found[0].path == found[1].path:
            raise DagcastError(f"both names are of run {found[0].id}: name another run")
        compared = compare_runs(*found)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        click.echo(json.dumps(compared.as_dict(), indent=2))
    else:
        click.echo(f"{compared.runs[0]} and {compared.runs[1]}")
        for line in _lines(compared):
            click.echo(strip_control_characters(line))
    differs = bool(compared.parameters or compared.steps)
    if not differs and not as_json:
        click.echo("no difference in parameters, code and metrics")
    sys.exit(DIFFERENT if differs else 0)


def _lines(compared: RunComparison) -> Iterator[str]:
    for name, values in compared.parameters.items():
        yield f"  ~ {name}  {_change(values)}"
    for step in compared.steps:
        before, after = step.status
        if before is None or after is None:
            yield f"  {'+' if before is None else '-'} {step.name}  {after or before}"
            continue
        yield f"  ~ {step.name}" + (f"  {before} → {after}" if before != after else "")
        for path, change in step.code.items():
            yield f"      {path}  {change}"
        for name, metric in step.metrics.items():
            yield f"      {name}  {_change(metric)}"


def _change(values: tuple[Any, Any]) -> str:
    before, after = (
        "(none)" if value is None else value if isinstance(value, str) else json.dumps(value)
        for value in values
    )
    return f"{truncate_middle(before, 60)} → {truncate_middle(after, 60)}"
