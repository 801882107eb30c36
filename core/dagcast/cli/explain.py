"""``dagcast explain``: the origin of each value of the pipeline."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click

from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import fail, show_policies
from dagcast.cli.plugin_options import plugin_options
from dagcast.compile.explain import Explanation, explain
from dagcast.compiler import PipelineDAGCompiler
from dagcast.errors import DagcastError, did_you_mean
from dagcast.paths import format_path, is_within, parse_path
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.verify_compiled import compile_verified


@click.command("explain")
@click.argument("config")
@click.argument("what", required=False, metavar="[STEP[.FIELD]]")
@click.option("--dag", metavar="FILE", help="DAG file. Default: the edges of the config.")
@click.option("--env", metavar="NAME", help="Environment of the config to merge over it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def explain_command(
    *, config: str, what: str | None, dag: str | None, env: str | None, as_json: bool, plugins: PluginRequest
) -> None:
    """Show the origin of each value of the pipeline: a line of CONFIG, a default, a parameter or a plugin.

    FIELD is written as train.Tags[0].Key, and a key with dots in quotes: "train.HyperParameters['eval.metric']".
    """
    try:
        template = PipelineDAGCompiler(config, env=env, plugins=plugins).create_template(dag)
        # Methods of the template may be a plugin's.
        with foreign_output():
            report = compile_verified(template).report
            explanations = list(explain(report, template.locate, template.config.source.merged))
    except DagcastError as error:
        fail(error, as_json)
    show_policies(report.policies, err=True)
    if what is not None:
        explanations = _chosen(explanations, what, as_json)
    if as_json:
        click.echo(json.dumps([item.as_dict() for item in explanations], indent=2))
        return
    step: str | None = ""
    for item in explanations:
        if item.step != step:
            step = item.step
            click.echo(click.style(step or "pipeline", bold=True))
        click.echo(_line(item))
        for change in item.changes:
            data = change.as_dict()
            click.echo(f"      {change.plugin}: {_short(data['old'])} -> {_short(data['new'])}")


def _chosen(explanations: list[Explanation], what: str, as_json: bool) -> list[Explanation]:
    """Return those of one step, or of one field of it and what is below. ``Arguments`` may be left out."""
    try:
        name, *rest = parse_path(what)
    except ValueError as error:
        _refuse(str(error) if what else "the name of the step is empty", as_json)
    field = tuple(rest)
    own = [item for item in explanations if item.step == name]
    if not own:
        steps = list(dict.fromkeys(item.step for item in explanations if item.step))
        _refuse(f"unknown step {name!r} ({did_you_mean(str(name), steps)})", as_json)
    if not field:
        return own
    full = ("Arguments", *field)
    found = [item for item in own if is_within(item.path, field) or is_within(item.path, full)]
    if not found:
        written = format_path(field)
        paths = [format_path(item.path[item.path[:1] == ("Arguments",) :]) for item in own]
        hint = did_you_mean(written, paths) or "see the whole step"
        _refuse(f"step {name!r} has no field {written!r} ({hint})", as_json)
    return found


def _refuse(message: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"ok": False, "error": message}))
    else:
        click.echo(message, err=True)
    sys.exit(FAILURE)


def _line(item: Explanation) -> str:
    place = str(item.location) if item.location else ""
    source = " ".join(part for part in (item.kind, item.detail, place) if part)
    return f"  {format_path(item.path)} = {_short(item.value)}  {click.style(f'[{source}]', fg='cyan')}"


def _short(value: Any) -> str:
    text = "(nothing)" if value is None else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
