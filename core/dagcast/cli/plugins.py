"""``dagcast plugins``: list, diagnose, describe and create plugins."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.exit_codes import FAILURE
from dagcast.cli.output import fail, show_diagnostics, show_policies
from dagcast.cli.plugin_options import chosen_plugins, plugin_options
from dagcast.errors import DagcastError, Diagnostic, InvalidInputError
from dagcast.plugins.activate import ChosenPlugins
from dagcast.plugins.scan import PluginEntry, scan_plugins
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.site_policy import SitePolicy

if TYPE_CHECKING:
    from dagcast.plugins.local_images import LocalImageSelection


@click.group("plugins")
def plugins_command() -> None:
    """List and diagnose plugins, and create new ones."""


@plugins_command.command("list")
@click.option("--config", metavar="FILE", help="Config whose plugins section is applied.")
@click.option("--env", metavar="NAME", help="Environment of the config.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--no-local-images", is_flag=True, help="Use no local images.")
@plugin_options
def list_command(
    config: str | None, env: str | None, as_json: bool, no_local_images: bool, plugins: PluginRequest
) -> None:
    """List the installed plugins and local images, whether a run uses each, and why. None is imported."""
    from dagcast.plugins.local_images import select_local_images

    try:
        found = chosen_plugins(config, env, plugins)
        # --no-plugins looks for none, but the list has every plugin and why it does not run.
        installed = found.installed if found.installed.entries else scan_plugins()
        images = select_local_images(
            plugins, found.section, installed, policy=found.policy, none=no_local_images, locate=found.locate
        )
    except DagcastError as error:
        fail(error, as_json)
    selection = found.selection
    rows = [_row(entry, found) for entry in installed.entries]
    rows += [_missing(name, found) for name in selection.chosen if name not in installed.names]
    rows.sort(key=lambda row: (row["order"] is None, row["order"] or 0, row["name"]))
    rows += [_local_image_row(entry, images, found.policy) for entry in installed.local_images]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif not rows:
        click.echo("no plugins are installed")
    else:
        _show(rows, ("order", "name", "kind", "distribution", "version", "api_version", "reason"))
    if not as_json:
        show_policies(found.policy.as_data())


@plugins_command.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(as_json: bool) -> None:
    """Find duplicate, stale and unsupported plugins. No plugin is imported."""
    from dagcast.plugins.doctor import diagnose, diagnose_policy

    installed = scan_plugins()
    policy, wrong = diagnose_policy(installed)
    findings = (*diagnose(installed), *wrong)
    if as_json:
        rows = [{"plugin": f.plugin, "problem": f.problem, "remedy": f.remedy} for f in findings]
        held = {"policies": list(policy.as_data())} if policy.files else {}
        click.echo(json.dumps({"ok": not rows, "findings": rows, **held}, indent=2))
    else:
        for finding in findings:
            click.echo(f"{click.style(finding.plugin, bold=True)}: {finding.problem}; {finding.remedy}")
        if not findings:
            count = len(installed.entries)
            click.echo(f"{count} plugin{'' if count == 1 else 's'} installed, no problems")
        show_policies(policy.as_data())
    if findings:
        sys.exit(FAILURE)


@plugins_command.command("info")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info_command(name: str, as_json: bool) -> None:
    """Show the hooks and options of plugin NAME. Only this plugin is imported."""
    from dagcast.cli.describe import type_name
    from dagcast.plugins.hooks import HOOKS
    from dagcast.plugins.load import load_plugin
    from dagcast.plugins.options import options_schema
    from dagcast.plugins.site_policy import read_site_policy

    try:
        policy = read_site_policy()
        if name in policy.forbidden:
            message = f"plugin {name!r} is not imported: the site policy {policy.forbidden[name]} forbids it"
            raise InvalidInputError([Diagnostic(message, code="plugin.forbidden")])
        plugin = load_plugin(name, scan_plugins())
        schema = options_schema(plugin)
    except DagcastError as error:
        fail(error, as_json)
    entry = plugin.entry
    if entry is None:
        raise AssertionError("an installed plugin has an entry point")
    options = [
        {
            "name": option,
            "type": type_name(described),
            "required": option in schema.get("required", ()),
            "default": described.get("default"),
            "description": described.get("description", ""),
        }
        for option, described in schema.get("properties", {}).items()
    ]
    hooks = [hook for hook in HOOKS if hook in plugin.hooks]
    info: dict[str, Any] = {
        "name": name,
        "distribution": entry.distribution,
        "version": entry.version,
        "api_version": entry.api_version,
        "summary": entry.summary,
        "docs": entry.url,
        "hooks": hooks,
        "options": options,
        **_places(name, policy),
    }
    if as_json:
        click.echo(json.dumps(info, indent=2))
        return
    click.echo(f"{click.style(name, bold=True)}: {entry.summary}")
    click.echo(f"from {entry.distribution} {entry.version}, hooks version {entry.api_version}")
    click.echo(f"docs: {entry.url or 'none'}")
    click.echo(f"hooks: {', '.join(hooks)}")
    if info.get("policies"):
        click.echo(f"site policy: {', '.join(info['policies'])}")
    if options:
        _show(options, ("name", "type", "required", "default", "description"))


@plugins_command.command("new")
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), help="Folder to write. Default: ./dagcast-NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print the paths, or the errors, as JSON.")
def new_command(name: str, folder: Path | None, as_json: bool) -> None:
    """Write a complete plugin project with tests, named NAME."""
    from dagcast.plugins.scaffold import write_project

    target = folder or Path(f"dagcast-{name}")
    try:
        written = write_project(name, target)
    except DagcastError as error:
        fail(error, as_json)
    if as_json:
        show_diagnostics((), True, written=[str(path) for path in written])
        return
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"next: cd {target} && pip install -e . pytest && pytest")


def _row(entry: PluginEntry, found: ChosenPlugins) -> dict[str, Any]:
    selection = found.selection
    selected = entry.name in selection.chosen
    return {
        "name": entry.name,
        "kind": "plugin",
        "distribution": entry.distribution,
        "version": entry.version,
        "api_version": entry.api_version,
        "autoload": entry.autoload,
        "selected": selected,
        "order": selection.chosen.index(entry.name) + 1 if selected else None,
        "reason": f"{'selected' if selected else 'not selected'}: {selection.reason(entry.name)}",
        **_places(entry.name, found.policy),
    }


def _local_image_row(entry: PluginEntry, images: LocalImageSelection, policy: SitePolicy) -> dict[str, Any]:
    selected = entry.name in images.chosen
    return {
        "name": entry.name,
        "kind": "local image",
        "distribution": entry.distribution,
        "version": entry.version,
        "api_version": entry.api_version,
        "autoload": False,
        "selected": selected,
        "order": None,
        "reason": f"{'used by a run' if selected else 'not used'}: {images.reason(entry.name)}",
        **_places(entry.name, policy),
    }


def _places(name: str, policy: SitePolicy) -> dict[str, Any]:
    """Return where the site policy names a plugin; nothing on a machine without a policy."""
    return {"policies": [str(place) for place in policy.places(name)]} if policy.files else {}


def _missing(name: str, found: ChosenPlugins) -> dict[str, Any]:
    selection = found.selection
    return {
        "name": name,
        "kind": "plugin",
        "distribution": None,
        "version": None,
        "api_version": None,
        "autoload": False,
        "selected": True,
        "order": selection.chosen.index(name) + 1,
        "reason": f"selected: {selection.reason(name)}; NOT INSTALLED",
        **_places(name, found.policy),
    }


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from dagcast.cli.describe import console

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*("" if row[column] is None else escape(str(row[column])) for column in columns))
    console().print(table)
