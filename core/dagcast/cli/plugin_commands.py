"""Commands that plugins register. They are looked up only if dagcast itself has no command of the name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import click

from dagcast.cli.output import fail, show_plugin_failure
from dagcast.compile.config.models import PluginsConfig
from dagcast.errors import PluginError, nearest
from dagcast.plugins.configured import ConfiguredPlugin, NoOptions
from dagcast.plugins.load import load_plugin
from dagcast.plugins.safe_inspect import safe_repr
from dagcast.plugins.scan import InstalledPlugins, scan_plugins
from dagcast.plugins.select import PluginRequest, select_plugins

HOOK = "register_commands"


def find_plugin_command(name: str) -> tuple[click.Command | None, tuple[PluginError, ...]]:
    """Find the command of that name in plugins that need no config: active on installation or by variable.

    The plugin of the same name is asked first. If it has the command, no other plugin is imported.

    Returns:
        The command, or ``None``; and the failures of plugins that might have it.
    """
    installed = scan_plugins()
    selection = select_plugins(PluginRequest(), PluginsConfig(), installed, os.environ)
    failures: list[PluginError] = []
    for chosen in sorted(selection.chosen, key=lambda chosen: chosen != name):
        try:
            command = _commands(chosen, installed).get(name)
        except PluginError as error:
            failures.append(error)
        else:
            if command is not None:
                return command, ()
    return None, tuple(failures)


def report_failures(name: str, failures: Sequence[PluginError], commands: Iterable[str]) -> None:
    """Show why plugins have no commands, unless the name is a misspelt command of dagcast.

    Ends the process if the plugin of that name failed: then its failure is the cause.
    """
    for error in failures:
        if error.plugin == name:
            fail(error, False)
    if nearest(name, commands) is None:
        for error in failures:
            show_plugin_failure(error)


def _commands(chosen: str, installed: InstalledPlugins) -> Mapping[str, click.Command]:
    """Return the commands that a plugin registers, by name.

    Raises:
        PluginError: If the plugin cannot be loaded, or its hook fails.
    """
    plugin = load_plugin(chosen, installed)
    group = click.Group()
    if HOOK in plugin.hooks:
        result = ConfiguredPlugin(plugin, NoOptions()).call(HOOK, cli=group)
        if result is not None:
            problem = f"it returned {safe_repr(result)}, expected nothing"
            raise plugin.error(problem, "return nothing", HOOK)
    return group.commands
