"""``dagcast runs``: list, show and remove local runs."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import fail, format_duration, strip_control_characters
from dagcast.cli.run_options import runs_option
from dagcast.cli.run_summary import DEFAULT_RUNS, echo_table, short_path, show_outcome
from dagcast.errors import DagcastError, did_you_mean

if TYPE_CHECKING:
    from dagcast.runner.records.outcome import RunOutcome
    from dagcast.runner.records.run_folder import RunFolder, RunRecord

_POLL_INTERVAL = 0.2
"""Seconds between two reads of followed logs."""
_CHUNK_SIZE = 65_536
"""Bytes of a log read at once."""
_AGE = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    return runs_option(None)(command)


def _folder(runs: Path | None) -> Path:
    """Return the folder of runs: the option of the command, else of the group, else the default."""
    return runs or click.get_current_context().find_object(Path) or DEFAULT_RUNS


@click.group("runs", invoke_without_command=True)
@_options
@click.pass_context
def runs_command(ctx: click.Context, runs: Path | None, as_json: bool) -> None:
    """List local runs, show one and its logs, remove them."""
    ctx.obj = runs
    if ctx.invoked_subcommand is None:
        _list(_folder(runs), as_json)
    elif as_json:
        raise click.UsageError(f"write --json after {ctx.invoked_subcommand}")


def _list(runs: Path, as_json: bool) -> None:
    from dagcast.runner.records.run_folder import runs_in

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
    return {
        "id": folder.id,
        "pipeline": record.pipeline,
        "status": _status(folder, record, outcome),
        "started": record.started.isoformat(timespec="seconds"),
        "seconds": outcome.seconds,
        "steps": len(outcome.steps),
        "ended": sum(step.status not in ("waiting", "running") for step in outcome.steps),
        "reason": outcome.reason,
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

    table = Table(box=None, pad_edge=False, header_style="")
    for title in ("run", "pipeline", "status", "started", "time", "steps"):
        table.add_column(title)
    for row in rows:
        if "pipeline" not in row:
            table.add_row(Text(strip_control_characters(row["id"])), "", row["status"])
            continue
        started = datetime.fromisoformat(row["started"]).astimezone()
        table.add_row(
            Text(strip_control_characters(row["id"])),
            Text(strip_control_characters(row["pipeline"])),
            row["status"],
            f"{started:%Y-%m-%d %H:%M:%S}",
            format_duration(row["seconds"]) if row["seconds"] else "",
            f"{row['ended']}/{row['steps']}",
        )
    echo_table(table)


@runs_command.command("show")
@click.argument("run")
@_options
def show_command(run: str, runs: Path | None, as_json: bool) -> None:
    """Show the outcome or current state of RUN: steps, parameters, outputs and metrics."""
    from dagcast.runner.records.run_folder import open_run

    try:
        folder = open_run(_folder(runs), run)
        record = folder.record()
        outcome, parameters = folder.outcome(record), folder.parameters()
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        from dataclasses import asdict

        steps = [asdict(step) for step in outcome.steps]
        row = _state(folder, record, outcome)
        click.echo(json.dumps({**row, "parameters": parameters, "steps": steps}, indent=2))
        return
    for name, value in parameters.items():
        click.echo(strip_control_characters(f"{name} = {value}"))
    if parameters:
        click.echo()
    show_outcome(outcome)


@runs_command.command("logs")
@click.argument("run")
@click.argument("step")
@click.option(
    "--attempt", type=click.IntRange(1), metavar="N", help="Number of the attempt. Default: the last."
)
@click.option("-f", "--follow", is_flag=True, help="Print new output until the run ends.")
@_options
def logs_command(
    *, run: str, step: str, attempt: int | None, follow: bool, runs: Path | None, as_json: bool
) -> None:
    """Print the standard output and standard error of STEP of RUN.

    With --json, print the paths of the log files.
    """
    if follow and as_json:
        raise click.UsageError("--follow and --json contradict each other")
    try:
        folder = _attempt_folder(_folder(runs), run, step, attempt)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        files = [{"file": str(log.absolute()), "bytes": log.stat().st_size} for log in _logs(folder)]
        click.echo(json.dumps(files, indent=2))
        return
    printer = _Printer(folder)
    printer.print()
    if follow:
        from dagcast.runner.records.run_folder import RunFolder

        running = RunFolder(folder.parents[2])
        while running.is_running():
            time.sleep(_POLL_INTERVAL)
            printer.print()
        printer.print()
    if not printer.printed:
        click.echo(f"step {step!r} wrote nothing", err=True)


def _attempt_folder(runs: Path, run: str, step: str, attempt: int | None) -> Path:
    from dagcast.runner.records.run_folder import RunFolderError, open_run

    folder = open_run(runs, run)
    names = [found.name for found in folder.outcome().steps]
    if step not in names:
        raise RunFolderError(
            f"run {run} has no step {step!r} ({did_you_mean(step, names) or 'see runs show'})"
        )
    attempts = folder.attempts(step)
    if not attempts:
        raise RunFolderError(f"step {step!r} of run {run} did not start")
    if attempt is None:
        return attempts[-1]
    wanted = attempts[-1].with_name(f"attempt-{attempt}")
    if wanted not in attempts:
        numbers = ", ".join(path.name.removeprefix("attempt-") for path in attempts)
        raise RunFolderError(f"step {step!r} of run {run} has no attempt {attempt} (attempts: {numbers})")
    return wanted


def _logs(folder: Path) -> list[Path]:
    """Return the logs of an attempt and of its parts, such as trials of a tuning step, without files below ``ml``."""
    found = [
        log
        for pattern in ("*.log", "*/*.log", "*/*/*.log")
        for log in folder.glob(pattern)
        if "ml" not in log.relative_to(folder).parts[:-1] and log.is_file() and not log.is_symlink()
    ]
    return sorted(found, key=lambda log: (log.parent, log.name != "stdout.log", log.name))


class _Printer:
    """Prints the new content of logs, with headings on standard error if there is more than one log."""

    def __init__(self, folder: Path) -> None:
        self.printed = False
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._last: Path | None = None

    def print(self) -> None:
        """Print new content: without control characters on a terminal, else byte for byte."""
        out = sys.stdout.buffer
        logs = [log for log in _logs(self._folder) if log.stat().st_size]
        for log in logs:
            with log.open("rb") as file:
                file.seek(self._offsets.get(log, 0))
                while chunk := file.read(_CHUNK_SIZE):
                    if len(logs) > 1 and self._last != log:
                        before = "\n" if self.printed else ""
                        click.echo(f"{before}==> {log.relative_to(self._folder)} <==", err=True)
                    if sys.stdout.isatty():
                        text = chunk.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
                        click.echo(strip_control_characters(text, keep="\n\t"), nl=False)
                    else:
                        out.write(chunk)
                        out.flush()
                    self.printed, self._last = True, log
                self._offsets[log] = file.tell()


@runs_command.command("clean")
@click.argument("run", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Remove all runs.")
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    help="Remove runs that started longer ago than AGE, such as 7d or 12h.",
)
@_options
def clean_command(
    run: tuple[str, ...], everything: bool, age: str | None, runs: Path | None, as_json: bool
) -> None:
    """Remove each RUN with its store and logs. Active runs and registered models are kept."""
    from dagcast.runner.records.remove_runs import RemovedRuns, remove_runs
    from dagcast.runner.records.run_folder import open_run, runs_in

    if sum((bool(run), everything, age is not None)) != 1:
        raise click.UsageError("give either runs, --all or --older-than AGE")
    folder = _folder(runs)
    try:
        if run:
            chosen = [open_run(folder, name) for name in dict.fromkeys(run)]
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
