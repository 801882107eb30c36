"""``dagcast schema`` and ``dagcast steps``: the schema of configs, and the step types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.output import fail
from dagcast.cli.plugin_options import chosen_plugins, plugin_options
from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.schema import config_schema
from dagcast.compile.config.step import StepConfig
from dagcast.compile.steps.catalog import StepCatalog
from dagcast.compile.steps.request_builder import mapped_fields
from dagcast.compile.steps.step_type import StepType
from dagcast.errors import (
    DagcastError,
    Diagnostic,
    DiagnosticSink,
    InvalidInputError,
    did_you_mean,
)
from dagcast.paths import format_path
from dagcast.plugins.call_hooks import collect_step_types
from dagcast.plugins.options import options_model, options_schema
from dagcast.plugins.select import PluginRequest

if TYPE_CHECKING:
    from rich.console import Console


@click.command("schema")
@click.option("--config", metavar="FILE", help="Config whose plugins section is applied.")
@click.option("--env", metavar="NAME", help="Environment of the config.")
@click.option("--site-policy", is_flag=True, help="Print the schema of site policies instead.")
@plugin_options
def schema_command(config: str | None, env: str | None, site_policy: bool, plugins: PluginRequest) -> None:
    """Print the JSON Schema of the config file, including options and step types of the selected plugins."""
    try:
        sink = DiagnosticSink()
        active = chosen_plugins(config, env, plugins).load(sink)
        for plugin in active.plugins:
            options_schema(plugin.loaded)
        # Step types of a plugin need valid options.
        catalog = StepCatalog({} if sink.errors else collect_step_types(active))
    except DagcastError as error:
        fail(error, False)
    models = {plugin.name: options_model(plugin.loaded) for plugin in active.plugins}
    if site_policy:
        from dagcast.plugins.site_policy_schema import site_policy_schema

        schema = site_policy_schema(models)
    else:
        schema = config_schema(catalog, models)
    click.echo(json.dumps(schema, indent=2))


@click.command("steps")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def steps_command(name: str | None, as_json: bool) -> None:
    """List step types, or show the ports and fields of the one called NAME."""
    catalog = StepCatalog()
    if name is not None and name not in catalog:
        hint = did_you_mean(name, catalog.names) or f"one of {', '.join(catalog.names)}"
        fail(
            InvalidInputError(
                [Diagnostic(f"unknown step type {name!r}", code="config.unknown-type", hint=hint)]
            ),
            as_json,
        )
    names = [name] if name is not None else list(catalog.names)
    described = [describe_step_type(catalog[each]) for each in names]
    if as_json:
        click.echo(json.dumps(described if name is None else described[0], indent=2))
    elif name is None:
        _show_list(described)
    else:
        _show_one(described[0])


def describe_step_type(step_type: StepType[Any]) -> dict[str, Any]:
    """Return a step type as JSON-ready data: description, ports and fields."""
    model: type[StepConfig] = step_type.config
    sample = model.model_construct(**step_type.sample)
    targets = {name: format_path(to.path) for name, to in mapped_fields(model)}
    schema = model.model_json_schema()
    return {
        "name": step_type.name,
        "about": step_type.about,
        "inputs": [_port(port) for port in step_type.inputs(sample)],
        "open_inputs": step_type.open_inputs,
        "outputs": [_port(port) for port in step_type.outputs(sample, "step")],
        "fields": [
            {
                "name": name,
                "type": type_name(field),
                "required": name in schema.get("required", ()),
                "default": field.get("default"),
                "description": field.get("description", ""),
                "request": targets.get(name),
            }
            for name, field in schema["properties"].items()
        ],
    }


def _port(port: InputPort | OutputPort) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": port.name,
        "kind": port.kind,
        "about": port.about,
        "aliases": list(port.aliases),
    }
    if isinstance(port, InputPort):
        described["required"] = port.required
    return described


def type_name(schema: dict[str, Any]) -> str:
    """Return a short name for the type that a JSON Schema describes."""
    if "anyOf" in schema:
        names = [type_name(item) for item in schema["anyOf"] if "pattern" not in item or "type" not in item]
        return " or ".join(dict.fromkeys(name for name in names if name != "null")) or "string"
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return " | ".join(str(item) for item in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _show_list(described: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for header in ("type", "about", "inputs", "outputs"):
        table.add_column(header)
    for item in described:
        inputs = [port["name"] for port in item["inputs"]] + (["(declared)"] if item["open_inputs"] else [])
        outputs = [port["name"] for port in item["outputs"]]
        table.add_row(item["name"], item["about"], ", ".join(inputs), ", ".join(outputs))
    console().print(table)


def console() -> Console:
    """Return a console as wide as the terminal; wide enough not to wrap if the output is not a terminal."""
    from rich.console import Console

    screen = Console()
    return screen if screen.is_terminal else Console(width=400)


def _show_one(item: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    screen = console()
    screen.print(f"[bold]{item['name']}[/bold]: {item['about']}\n")
    for side in ("inputs", "outputs"):
        for port in item[side]:
            needed = " (required)" if port.get("required") else ""
            others = f" (also {', '.join(port['aliases'])})" if port["aliases"] else ""
            screen.print(
                f"{side[:-1]:>6} {port['name']}{others}: {port['kind']}{needed} {escape(port['about'])}"
            )
    if item["open_inputs"]:
        screen.print(" inputs are declared under inputs, or named by an edge")
    table = Table(box=None, pad_edge=False)
    for header in ("field", "type", "default", "meaning", "becomes"):
        table.add_column(header, overflow="fold")
    for field in item["fields"]:
        default = "required" if field["required"] else json.dumps(field["default"])
        texts = (field["type"], default, field["description"], field["request"] or "")
        table.add_row(field["name"], *map(escape, texts))
    screen.print()
    screen.print(table)
