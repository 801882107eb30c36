"""Commands that plugins register. They are looked up only if dagcast itself has no command of the name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

from dagcast.cli.output import fail, show_plugin_failure
from dagcast.errors import InvalidInputError, PluginError, nearest
from dagcast.plugins.activate import choose_plugins
from dagcast.plugins.configured import ConfiguredPlugin, NoOptions
from dagcast.plugins.load import load_plugin
from dagcast.plugins.safe_inspect import safe_repr
from dagcast.plugins.scan import InstalledPlugins
from dagcast.plugins.select import PluginRequest

HOOK = "register_commands"

PluginFailure = PluginError | InvalidInputError
"""Why a command is missing: a plugin failed, or the site policy leaves no plugin to ask."""


def find_plugin_command(name: str) -> tuple[click.Command | None, tuple[PluginFailure, ...]]:
    """Find the command of that name in plugins that need no config: active on installation or by variable.

    The plugin of the same name is asked first. If it has the command, no other plugin is imported.

    Returns:
        The command, or ``None``; and the failures of plugins that might have it.
    """
    try:
        found = choose_plugins(PluginRequest())
    except InvalidInputError as error:
        # An invalid site policy, or a variable that contradicts it: no plugin may be imported.
        return None, (error,)
    failures: list[PluginError] = []
    for chosen in sorted(found.selection.chosen, key=lambda chosen: chosen != name):
        try:
            command = _commands(chosen, found.installed).get(name)
        except PluginError as error:
            failures.append(error)
        else:
            if command is not None:
                return command, ()
    return None, tuple(failures)


def report_failures(name: str, failures: Sequence[PluginFailure], commands: Iterable[str]) -> None:
    """Show why plugins have no commands, unless the name is a misspelt command of dagcast.

    Ends the process if the plugin of that name failed: then its failure is the cause.
    """
    for error in failures:
        if isinstance(error, PluginError) and error.plugin == name:
            fail(error, False)
    if nearest(name, commands) is None:
        for error in failures:
            if isinstance(error, PluginError):
                show_plugin_failure(error)
            else:
                fail(error, False)


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
