"""What the shell completes: config files, steps of a config, runs, and plugins.

A completion prints candidates or nothing: whatever cannot be read has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagcast.errors import DagcastError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CONFIG_FILE = click.Path()
"""The type of an argument that is a file: click gives a text, and shells complete paths."""


def complete_steps(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the steps of the config or definition on the command line."""
    # Behind an option that still lacks its value, click leaves arguments unread.
    given = ctx.params.get("config") or next(iter(ctx.args), None)
    if given is None or not Path(given).is_file():
        return []
    return _matching(_step_names(given), incomplete)


def complete_step_and_file(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the steps of the config as ``STEP=``; after the equals sign, shells complete a path."""
    from click.shell_completion import CompletionItem

    _, equals, path = incomplete.partition("=")
    if equals:
        return [CompletionItem(path, type="file")]
    return [CompletionItem(f"{item.value}=", type="plain") for item in complete_steps(ctx, param, incomplete)]


def complete_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the short names of runs, the last first, with their pipelines and statuses."""
    from click.shell_completion import CompletionItem

    from dagcast.cli.run_summary import DEFAULT_RUNS
    from dagcast.runner.records.find_runs import LAST, runs_in, short_names

    folder = ctx.params.get("runs") or ctx.find_object(Path) or DEFAULT_RUNS
    found = runs_in(folder)
    names = dict(zip(short_names([run.id for run in found]), found, strict=True))
    items = [CompletionItem(name, help=_describe(run.id)) for name, run in reversed(names.items())]
    if found:
        items.insert(0, CompletionItem(LAST, help=_describe(found[-1].id)))
    # A beginning of an ID is a name as well.
    whole = [run.id for run in found if incomplete and run.id.startswith(incomplete)]
    return [item for item in items if item.value.startswith(incomplete)] + _matching(whole, incomplete)


def complete_steps_of_run(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the steps of the run on the command line."""
    from dagcast.cli.run_summary import DEFAULT_RUNS
    from dagcast.runner.records.find_runs import find_run

    folder = ctx.params.get("runs") or ctx.find_object(Path) or DEFAULT_RUNS
    try:
        outcome = find_run(folder, str(ctx.params.get("run"))).outcome()
    except DagcastError:
        return []
    return _matching([step.name for step in outcome.steps], incomplete)


def complete_plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of installed plugins. None is imported."""
    from dagcast.plugins.scan import scan_plugins

    return _matching(scan_plugins().names, incomplete)


def _step_names(config: str) -> list[str]:
    from dagcast.compile.document.document import read_document

    try:
        data = read_document(config).data
    except DagcastError:
        return []
    steps = data.get("steps", data.get("Steps")) if isinstance(data, Mapping) else None
    if isinstance(steps, Mapping):
        return [name for name in steps if isinstance(name, str)]
    entries = steps if isinstance(steps, list | tuple) else []
    return [
        step["Name"] for step in entries if isinstance(step, Mapping) and isinstance(step.get("Name"), str)
    ]


def _describe(run: str) -> str:
    """Return when a run started and its pipeline, from its ID."""
    time, _, rest = run.partition("-")
    return f"{rest.rpartition('-')[0]} {time}"


def _matching(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
