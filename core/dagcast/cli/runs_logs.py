"""``dagcast runs logs``: print the logs of a step."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagcast.cli.complete import complete_steps_of_run
from dagcast.cli.output import fail
from dagcast.cli.runs_options import chosen_runs, one_run, runs_and_json
from dagcast.display.terminal_text import strip_control_characters
from dagcast.errors import DagcastError, did_you_mean

if TYPE_CHECKING:
    from dagcast.runner.records.run_folder import RunFolder

_POLL_INTERVAL = 0.2
"""Seconds between two reads of followed logs."""
_CHUNK_SIZE = 65_536
"""Bytes of a log read at once."""


@click.command("logs")
@one_run
@click.argument("step", required=False, shell_complete=complete_steps_of_run)
@click.option(
    "--attempt", type=click.IntRange(1), metavar="N", help="Number of the attempt. Default: the last."
)
@click.option("-f", "--follow", is_flag=True, help="Print new output until the run ends.")
@runs_and_json
def logs_command(
    *, run: str, step: str | None, attempt: int | None, follow: bool, runs: Path | None, as_json: bool
) -> None:
    """Print the standard output and standard error of STEP of RUN, by default of the steps that failed.

    With --json, print the paths of the log files.
    """
    if follow and as_json:
        raise click.UsageError("--follow and --json contradict each other")
    from dagcast.runner.records.find_runs import find_run
    from dagcast.runner.records.logs import find_logs

    try:
        found = find_run(chosen_runs(runs), run)
        steps = [step] if step is not None else failed_steps(found)
        folders = {name: attempt_folder(found, name, attempt) for name in steps}
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        logs = [log for folder in folders.values() for log in find_logs(folder)]
        files = [{"file": str(log.absolute()), "bytes": log.stat().st_size} for log in logs]
        click.echo(json.dumps(files, indent=2))
        return
    for name, folder in folders.items():
        if step is None:
            click.echo(f"== {name} ==", err=True)
        _print_logs(found, folder, follow)


def failed_steps(run: RunFolder) -> list[str]:
    """Return the names of the steps that failed in jobs of their own.

    Raises:
        RunFolderError: If no step failed.
    """
    from dagcast.runner.records.logs import find_logs
    from dagcast.runner.records.run_folder import RunFolderError

    logged = [
        step
        for step in run.outcome().steps
        if (attempts := run.attempts(step.name)) and find_logs(attempts[-1])
    ]
    failed = [step.name for step in logged if step.status == "failed"]
    if not failed:
        names = ", ".join(step.name for step in logged)
        hint = (
            f"name one of {names}: dagcast runs logs {run.id} {logged[0].name}"
            if logged
            else "no step wrote logs"
        )
        raise RunFolderError(f"no step of run {run.id} failed ({hint})")
    return failed


def attempt_folder(run: RunFolder, step: str, attempt: int | None) -> Path:
    """Return the folder of an attempt at a step, by default of the last.

    Raises:
        RunFolderError: If the run has no such step or attempt.
    """
    from dagcast.runner.records.run_folder import RunFolderError

    names = [found.name for found in run.outcome().steps]
    if step not in names:
        hint = did_you_mean(step, names) or "see runs show"
        raise RunFolderError(f"run {run.id} has no step {step!r} ({hint})")
    attempts = run.attempts(step)
    if not attempts:
        raise RunFolderError(f"step {step!r} of run {run.id} did not start")
    if attempt is None:
        return attempts[-1]
    wanted = attempts[-1].with_name(f"attempt-{attempt}")
    if wanted not in attempts:
        numbers = ", ".join(path.name.removeprefix("attempt-") for path in attempts)
        raise RunFolderError(f"step {step!r} of run {run.id} has no attempt {attempt} (attempts: {numbers})")
    return wanted


def _print_logs(run: RunFolder, folder: Path, follow: bool) -> None:
    """Print the logs of an attempt, and what is added to them until the run ends."""
    printer = _Printer(folder)
    printer.print()
    while follow and run.is_running():
        time.sleep(_POLL_INTERVAL)
        printer.print()
    if follow:
        printer.print()
    if not printer.printed:
        click.echo(f"step {folder.parent.name!r} wrote nothing", err=True)


class _Printer:
    """Prints the new content of logs, with headings on standard error if there is more than one log."""

    def __init__(self, folder: Path) -> None:
        self.printed = False
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._last: Path | None = None

    def print(self) -> None:
        """Print new content: without control characters on a terminal, else byte for byte."""
        from dagcast.runner.records.logs import find_logs

        out = sys.stdout.buffer
        logs = [log for log in find_logs(self._folder) if log.stat().st_size]
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
