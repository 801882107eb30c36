"""``dagcast explain``: the origin of each value of the pipeline."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import click

from dagcast.cli.complete import CONFIG_FILE, complete_steps
from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import fail, show_policies
from dagcast.cli.plugin_options import plugin_options
from dagcast.compile.config.config import StepTypes
from dagcast.compile.config.step import StepConfig, To
from dagcast.compile.explain import Explanation, explain
from dagcast.compile.field_names import find_members
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.compile.steps.request_builder import mapped_fields
from dagcast.compiler import PipelineDAGCompiler
from dagcast.definition.references import ParameterRef
from dagcast.errors import DagcastError, did_you_mean
from dagcast.paths import format_path, is_within, parse_path
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.verify_compiled import compile_verified


@click.command("explain")
@click.argument("config", type=CONFIG_FILE)
@click.argument(
    "what",
    required=False,
    metavar="[STEP[.FIELD] | param.NAME | pipeline]",
    shell_complete=complete_steps,
)
@click.option("--dag", metavar="FILE", help="DAG file. Default: the edges of the config.")
@click.option("--env", metavar="NAME", help="Environment of the config to merge over it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def explain_command(
    *, config: str, what: str | None, dag: str | None, env: str | None, as_json: bool, plugins: PluginRequest
) -> None:
    """Show the origin of each value of the pipeline: a line of CONFIG, a default, a parameter or a plugin.

    FIELD is a field of the config (train.instance_type) or a member of the definition, written as train.Tags[0].Key; a
    key with dots is in quotes: "train.HyperParameters['eval.metric']". param.NAME shows where a parameter is used.
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
        catalog = template.config.catalog
        explanations = _chosen(explanations, what, report.spec, catalog, as_json)
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


def _chosen(
    explanations: list[Explanation], what: str, spec: PipelineSpec, catalog: StepTypes, as_json: bool
) -> list[Explanation]:
    """Return those of a step or of a field of it, of a parameter, or of the pipeline itself.

    A field is named as in the config or as in the definition, where ``Arguments`` may be left out.
    """
    try:
        name, *rest = parse_path(what)
    except ValueError as error:
        _refuse(str(error) if what else "the name of the step is empty", as_json)
    field = tuple(rest)
    own = [item for item in explanations if item.step == name]
    if not own and name in _PARAMETERS and field:
        return _of_parameter(explanations, str(field[0]), spec, as_json)
    if not own and name == "pipeline" and not field:
        return [item for item in explanations if item.step is None]
    if not own:
        steps = list(dict.fromkeys(item.step for item in explanations if item.step))
        _refuse(f"unknown step {name!r} ({did_you_mean(str(name), steps)})", as_json)
    if not field:
        return own
    step = next((each for each in spec.steps if each.name == name), None)
    mapped = _mapped_fields(step.step_type, catalog) if step else ()
    places = find_members(step, mapped, field) if step else ()
    if not places:
        places = (field, ("Arguments", *field))
    found = [item for item in own if any(is_within(item.path, place) for place in places)]
    if not found:
        written = format_path(field)
        paths = [format_path(item.path[item.path[:1] == ("Arguments",) :]) for item in own]
        hint = did_you_mean(written, (*paths, *(name for name, _ in mapped))) or "see the whole step"
        if field in [(name,) for name, _ in mapped]:
            _refuse(f"step {name!r}: {written!r} is not set, and has no default in the request", as_json)
        _refuse(f"step {name!r} has no field {written!r} ({hint})", as_json)
    return found


_PARAMETERS = ("param", "parameters", "Parameters")
"""What a parameter's name may follow, if no step has that name."""


def _of_parameter(
    explanations: list[Explanation], name: str, spec: PipelineSpec, as_json: bool
) -> list[Explanation]:
    """Return the default of a parameter, and each value that contains the parameter."""
    known = list(spec.parameter_types())
    if name not in known:
        _refuse(f"there is no parameter {name!r} ({did_you_mean(name, known) or 'there are none'})", as_json)
    readers = {
        (step.name, path)
        for step in spec.steps
        for path, reference in step.located_references
        if isinstance(reference, ParameterRef) and reference.name == name
    }
    return [
        item
        for item in explanations
        if (item.step is None and item.path[:2] == ("Parameters", name))
        or any(step == item.step and is_within(path, item.path) for step, path in readers)
    ]


def _mapped_fields(step_type: str, catalog: StepTypes) -> tuple[tuple[str, To], ...]:
    if step_type not in catalog:
        return ()
    model: type[StepConfig] = catalog[step_type].config
    return mapped_fields(model)


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
