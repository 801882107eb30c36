"""The implementation of each command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from dagcast.artifacts import lock_path, lock_text
from dagcast.command_line import (
    PluginRequest,
    console,
    fail,
    plugin_options,
    show_diagnostics,
    show_policies,
    write_file,
)
from dagcast.errors import DagcastError, Diagnostic, PluginError, escape_text
from mods_plugin.errors import PLUGIN_NAME
from mods_plugin.metadata import FIELDS
from mods_plugin.registry import DifferentContentError, Execution, Registration, Registry, TemplateVersion
from mods_plugin.registry.records import format_time

MAX_LISTED_EXECUTIONS = 20


def _template(name: str, *, versioned: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return an argument ``NAME@VERSION``, which the command receives as a pair; the version may be optional."""
    form = "NAME@VERSION" if versioned else "NAME[@VERSION]"

    def split(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, str | None]:
        # Neither names nor versions contain an @.
        title, mark, version = value.partition("@")
        if not title or bool(mark) != bool(version) or (versioned and not mark):
            raise click.BadParameter(f"expected {form}, not {value!r}", ctx, param)
        return title, version or None

    return click.argument(name, metavar=form, callback=split)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--registry",
            metavar="URL_OR_PATH",
            help="The registry; the default is the variable MODS_REGISTRY.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Write JSON."),
    ):
        command = option(command)
    return command


@click.command("register")
@click.argument("config")
@click.option("--dag", metavar="FILE", help="DAG file; the default is the config's own edges.")
@click.option("--env", metavar="NAME", help="Environment of the config to apply.")
@_common
@plugin_options
def register_command(
    *,
    config: str,
    dag: str | None,
    env: str | None,
    registry: str | None,
    as_json: bool,
    plugins: PluginRequest,
) -> None:
    """Compile CONFIG and its DAG, and register the template under its name and version.

    A version is immutable: registering the same content again does nothing, and other content is an error.
    """
    if PLUGIN_NAME in plugins.disabled:
        raise click.UsageError(f"plugin {PLUGIN_NAME!r} cannot be disabled: templates are registered with it")
    try:
        opened = Registry(registry)
        done = opened.register(config, dag, env=env, plugins=plugins)
    except DifferentContentError as error:
        if not as_json:
            fail(error, False)
        message = str(error).partition("\n")[0]
        item = Diagnostic(message, code=error.code)
        show_diagnostics([item], True, diff=error.diff.split("\n"))
        raise SystemExit(1) from None
    except DagcastError as error:
        if isinstance(error, PluginError) and error.plugin == PLUGIN_NAME:
            error.can_deselect = False
        fail(error, as_json)
    if as_json:
        policies: dict[str, Any] = {"policies": list(done.policies)} if done.policies else {}
        show_diagnostics(
            done.warnings,
            True,
            registered=done.created,
            registry=opened.location,
            template=done.template.as_dict(),
            **policies,
        )
        return
    show_diagnostics(done.warnings, False)
    show_policies(done.policies, err=True)
    click.echo(_summary(done, opened.location), err=True)


@click.command("templates")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@_common
def templates_command(words: tuple[str, ...], registry: str | None, as_json: bool) -> None:
    """List registered templates: all, or those with every WORD in name, pipeline, author or description."""
    try:
        found = Registry(registry).templates(*words)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        click.echo(json.dumps([item.as_dict() for item in found], indent=2))
    elif not found:
        click.echo("no template matches" if words else "no templates are registered", err=True)
    else:
        _table(
            [item.as_dict() for item in found], ("name", "latest", "author", "registered_at", "description")
        )
        for item in found:
            _warn_of_damage(item.name, item.damaged_versions)


@click.command("show")
@_template("template", versioned=False)
@_common
def show_command(template: tuple[str, str | None], registry: str | None, as_json: bool) -> None:
    """Show a version of a template and its executions; the default is the version registered last."""
    try:
        opened = Registry(registry)
        found = opened.show(*template)
        versions, damaged = opened.versions(found.name), opened.damaged_versions(found.name)
        executions = opened.executions(found.name, found.version)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        runs = [item.as_dict() for item in executions]
        damage = {"damaged_versions": dict(damaged)} if damaged else {}
        click.echo(
            json.dumps({**found.as_dict(), "versions": versions, **damage, "executions": runs}, indent=2)
        )
    else:
        _show(found, versions, executions)
        _warn_of_damage(found.name, damaged)


@click.command("diff")
@_template("first", versioned=True)
@_template("second", versioned=True)
@_common
def diff_command(
    first: tuple[str, str], second: tuple[str, str], registry: str | None, as_json: bool
) -> None:
    """Show the differences between two versions: metadata, DAG, config, plugins, code and definition."""
    try:
        found = Registry(registry).diff(first, second)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        body = {"same": not found, "differences": [item.as_dict() for item in found]}
        click.echo(json.dumps(body, indent=2))
        return
    for line in (_printable(line) for item in found for line in item.lines):
        color = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        click.echo(click.style(line, fg=color) if color else line)
    if not found:
        click.echo("no differences", err=True)


@click.command("compile")
@_template("template", versioned=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write; the default is stdout.")
@click.option("--stored", is_flag=True, help="Write the registered definition without compiling.")
@_common
def compile_command(
    template: tuple[str, str], output: Path | None, stored: bool, registry: str | None, as_json: bool
) -> None:
    """Compile a version only from the registered content, with the plugins that it was registered with.

    The result must equal the registered definition byte for byte; a difference is an error.
    """
    if as_json and output is None:
        raise click.UsageError("--json needs -o: the definition and the summary cannot both go to stdout")
    try:
        opened = Registry(registry)
        found = opened.show(*template)
        if not stored:
            opened.compile(*template)
        text = found.definition + "\n"
        if output is not None:
            write_file(output, text)
            write_file(lock_path(output), lock_text(found.plugins))
    except DagcastError as error:
        fail(error, as_json)
    if output is None:
        # Write bytes, so that the terminal's encoding does not change the output.
        click.echo(text.encode(), nl=False)
        return
    result = "registered definition" if stored else "compiled, identical to the registered definition"
    if as_json:
        digest = found.definition_sha256
        show_diagnostics((), True, output=str(output), definition_sha256=digest, compiled=not stored)
    else:
        click.echo(f"{found.name} {found.version}: {result}", err=True)
        click.echo(f"definition: {output} (sha256 {found.definition_sha256})", err=True)


@click.command("migrate")
@_common
def migrate_command(registry: str | None, as_json: bool) -> None:
    """Create a registry, or upgrade it to the schema of this mods-plugin; ``register`` does this as well."""
    try:
        opened = Registry(registry)
        changed = opened.migrate()
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        show_diagnostics((), True, registry=opened.location, changed=changed)
    else:
        state = "migrated" if changed else "up to date already"
        click.echo(f"registry {opened.location}: {state}", err=True)


def _summary(done: Registration, location: str) -> str:
    template = done.template
    if not done.created:
        return f"{template.name} {template.version} is registered already with the same content: {location}"
    lines = [f"registered {template.name} {template.version}: {location}"]
    if template.staged:
        size = sum({item.sha256: item.size for item in template.staged}.values())
        lines.append(f"code: {len(template.staged)} objects, {size:,} bytes")
    lines.append(f"definition: sha256 {template.definition_sha256}")
    return "\n".join(lines)


def _show(found: TemplateVersion, versions: tuple[str, ...], executions: tuple[Execution, ...]) -> None:
    click.echo(f"{click.style(f'{found.name} {found.version}', bold=True)}")
    rows: list[tuple[str, Any]] = [
        (field, found.metadata.get(field)) for field in FIELDS if field not in ("name", "version")
    ]
    rows += [
        ("pipeline", found.pipeline),
        ("registered", f"{format_time(found.registered_at)} by {found.registered_by}"),
        ("made with", ", ".join(f"{name} {value}" for name, value in found.made_with.items() if value)),
        (
            "plugins",
            ", ".join(f"{plugin['name']} {plugin.get('version') or ''}".rstrip() for plugin in found.plugins),
        ),
        ("definition", f"sha256 {found.definition_sha256}"),
        ("versions", ", ".join(versions)),
    ]
    for name, value in rows:
        if value is not None:
            click.echo(f"  {name}: {_printable(value)}")
    steps = found.config.get("steps") or {}
    click.echo("steps:")
    for node in found.dag["nodes"]:
        click.echo(f"  {_printable(node)}  {_printable(steps[node]['type'])}")
    if found.staged:
        click.echo("code:")
        for item in found.staged:
            click.echo(f"  {_printable(item.source)}  {item.size:,} bytes  {_printable(item.uri)}")
    if executions:
        click.echo("executions:")
        listed: list[Mapping[str, Any]] = [item.as_dict() for item in executions[:MAX_LISTED_EXECUTIONS]]
        columns = ("id", "state", "started_by", "started_at", "ended_at", "place", "reason")
        _table(listed, columns)
        if len(executions) > MAX_LISTED_EXECUTIONS:
            click.echo(f"  ... and {len(executions) - MAX_LISTED_EXECUTIONS} more (--json lists all)")


def _table(rows: list[Mapping[str, Any]], columns: tuple[str, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*("" if row[column] is None else escape(_printable(row[column])) for column in columns))
    console().print(table)


def _warn_of_damage(name: str, versions: Mapping[str, str]) -> None:
    for version, problem in versions.items():
        text = f"{name}@{version} is damaged: {_printable(problem)}"
        click.echo(f"{click.style('warning', fg='yellow')}: {text}", err=True)


def _printable(value: Any) -> str:
    """Return a stored value on one line, with control characters escaped: it may hold another program's output."""
    text = str(value)
    return escape_text(text, longest=len(text) + 1)
