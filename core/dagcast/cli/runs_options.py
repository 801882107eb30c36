"""The arguments and options that the commands of ``dagcast runs`` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dagcast.cli.complete import complete_runs
from dagcast.cli.run_options import runs_option
from dagcast.cli.run_summary import DEFAULT_RUNS


def runs_and_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--runs`` and ``--json``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    return runs_option(None)(command)


def one_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument RUN, by default the last run."""
    return click.argument("run", default="last", shell_complete=complete_runs)(command)


def chosen_runs(runs: Path | None) -> Path:
    """Return the folder of runs: the option of the command, else of the group, else the default."""
    return runs or click.get_current_context().find_object(Path) or DEFAULT_RUNS
