"""``dagcast runs``: list, show and remove local runs. Commands on one run's parts have modules of their own."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.complete import complete_runs
from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import fail
from dagcast.cli.run_summary import RAN, echo_table, short_path, show_outcome, show_trials
from dagcast.cli.runs_diff import diff_command
from dagcast.cli.runs_logs import logs_command
from dagcast.cli.runs_options import chosen_runs, one_run, runs_and_json
from dagcast.cli.runs_shell import shell_command
from dagcast.display.terminal_text import format_duration, strip_control_characters
from dagcast.errors import DagcastError

if TYPE_CHECKING:
    from dagcast.runner.records.outcome import RunOutcome
    from dagcast.runner.records.run_folder import RunFolder, RunRecord

_AGE = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.group("runs", invoke_without_command=True)
@runs_and_json
@click.pass_context
def runs_command(ctx: click.Context, runs: Path | None, as_json: bool) -> None:
    """List local runs, show one and its logs, compare two, remove them.

    RUN is the ID of a run, a beginning of it that no other run has, its last word, or "last".
    """
    ctx.obj = runs
    if ctx.invoked_subcommand is None:
        _list(chosen_runs(runs), as_json)
    elif as_json:
        raise click.UsageError(f"write --json after {ctx.invoked_subcommand}")


runs_command.add_command(diff_command)
runs_command.add_command(logs_command)
runs_command.add_command(shell_command)


@runs_command.command("list")
@runs_and_json
def list_command(runs: Path | None, as_json: bool) -> None:
    """List local runs in the order of their start."""
    _list(chosen_runs(runs), as_json)


def _list(runs: Path, as_json: bool) -> None:
    from dagcast.runner.records.find_runs import runs_in

    rows = [_row(folder) for folder in runs_in(runs)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif not rows:
        click.echo(f"no runs in {runs}")
    else:
        _show(rows)


def _row(folder: RunFolder) -> dict[str, Any]:
    try:
        record = folder.record()
        return _state(folder, record, folder.outcome(record))
    except DagcastError as error:
        return {"id": folder.id, "status": "Unreadable", "reason": str(error)}


def _state(folder: RunFolder, record: RunRecord, outcome: RunOutcome) -> dict[str, Any]:
    to_run = [step for step in outcome.steps if step.status != "skipped"]
    return {
        "id": folder.id,
        "pipeline": record.pipeline,
        "status": _status(folder, record, outcome),
        "started": record.started.isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
        "steps": len(to_run),
        "ran": sum(step.status in RAN for step in to_run),
        "reason": outcome.reason,
        "started_by": record.started_by,
        "folder": str(folder.path.absolute()),
    }


def _status(folder: RunFolder, record: RunRecord, outcome: RunOutcome) -> str:
    """Return the status as in SageMaker, or ``Running`` or ``Killed`` for a run without a recorded end."""
    if record.status != "Running":
        return outcome.status
    return "Running" if folder.is_running() else "Killed"


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from dagcast.runner.records.find_runs import short_names

    names = short_names([row["id"] for row in rows])
    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("run", "pipeline", "status", "started", "time", "steps"):
        table.add_column(title)
    for row, name in zip(rows, names, strict=True):
        if "pipeline" not in row:
            table.add_row(Text(strip_control_characters(name)), "", row["status"])
            continue
        started = datetime.fromisoformat(row["started"]).astimezone()
        table.add_row(
            Text(strip_control_characters(name)),
            Text(strip_control_characters(row["pipeline"])),
            row["status"],
            f"{started:%Y-%m-%d %H:%M:%S}",
            format_duration(row["seconds"]) if row["seconds"] else "",
            f"{row['ran']}/{row['steps']}",
        )
    echo_table(table)


@runs_command.command("show")
@one_run
@runs_and_json
def show_command(run: str, runs: Path | None, as_json: bool) -> None:
    """Show the outcome or current state of RUN: steps, parameters, outputs and metrics."""
    from dagcast.runner.records.find_runs import find_run
    from dagcast.runner.records.trials import read_trials

    try:
        folder = find_run(chosen_runs(runs), run)
        record = folder.record()
        outcome, parameters = folder.outcome(record), folder.parameters()
        trials = {
            step.name: read_trials(folder, step.name) for step in outcome.steps if step.type == "Tuning"
        }
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        from dataclasses import asdict

        steps = [
            {**asdict(step), "trials": [trial.as_dict() for trial in trials[step.name]]}
            if step.name in trials
            else asdict(step)
            for step in outcome.steps
        ]
        row = _state(folder, record, outcome)
        click.echo(json.dumps({**row, "parameters": parameters, "steps": steps}, indent=2))
        return
    by = f" by {record.started_by}" if record.started_by else ""
    started = record.started.astimezone()
    click.echo(strip_control_characters(f"{folder.id}: started {started:%Y-%m-%d %H:%M:%S}{by}"))
    for name, value in parameters.items():
        click.echo(strip_control_characters(f"{name} = {value}"))
    if parameters:
        click.echo()
    show_outcome(outcome, running=folder.is_running())
    for name, found in trials.items():
        if found:
            show_trials(name, found)


@runs_command.command("clean")
@click.argument("run", nargs=-1, shell_complete=complete_runs)
@click.option("--all", "everything", is_flag=True, help="Remove all runs.")
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    help="Remove runs that started longer ago than AGE, such as 7d or 12h.",
)
@runs_and_json
def clean_command(
    run: tuple[str, ...], everything: bool, age: str | None, runs: Path | None, as_json: bool
) -> None:
    """Remove each RUN with its store and logs. Active runs and registered models are kept."""
    from dagcast.runner.records.find_runs import find_run, runs_in
    from dagcast.runner.records.remove_runs import RemovedRuns, remove_runs

    if sum((bool(run), everything, age is not None)) != 1:
        raise click.UsageError("give either runs, --all or --older-than AGE")
    folder = chosen_runs(runs)
    try:
        if run:
            named = [find_run(folder, name) for name in run]
            chosen = list({found.path: found for found in named}.values())
        else:
            before = None if age is None else datetime.now(timezone.utc) - _age(age)
            chosen = [found for found in runs_in(folder) if before is None or _is_older(found, before)]
        cleaned: RemovedRuns = remove_runs(folder, chosen)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        body = {"removed": list(cleaned.removed), "kept": dict(cleaned.kept), "bytes": cleaned.size}
        click.echo(json.dumps(body, indent=2))
    else:
        for name, reason in cleaned.kept.items():
            click.echo(
                f"{click.style('kept', fg='yellow')} {strip_control_characters(name)}: {reason}", err=True
            )
        count = len(cleaned.removed)
        click.echo(
            f"removed {count} run{'' if count == 1 else 's'} from {short_path(folder)}: {_size(cleaned.size)}"
        )
    if run and cleaned.kept:
        sys.exit(FAILURE)


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise click.UsageError(
            f"--older-than: {text!r} is not an age: write a number and s, m, h, d or w, such as 7d"
        )
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise click.UsageError(f"--older-than: {text!r} is too long") from None


def _is_older(folder: RunFolder, than: datetime) -> bool:
    try:
        return folder.record().started < than
    except DagcastError:
        return False


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
