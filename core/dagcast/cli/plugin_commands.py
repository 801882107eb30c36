"""Commands that plugins register. They are looked up only if dagcast itself has no command of the name."""

from __future__ import annotations

import os

import click

from dagcast.cli.output import fail
from dagcast.compile.config.models import PluginsConfig
from dagcast.errors import DagcastError
from dagcast.plugins.configured import ConfiguredPlugin, NoOptions
from dagcast.plugins.load import load_plugin
from dagcast.plugins.scan import scan_plugins
from dagcast.plugins.select import PluginRequest, select_plugins

HOOK = "register_commands"


def find_plugin_command(name: str) -> click.Command | None:
    """Return the command of that name from a plugin that needs no config: active on installation or by variable."""
    installed = scan_plugins()
    selection = select_plugins(PluginRequest(), PluginsConfig(), installed, os.environ)
    group = click.Group()
    try:
        for chosen in selection.chosen:
            plugin = load_plugin(chosen, installed)
            if HOOK in plugin.hooks:
                result = ConfiguredPlugin(plugin, NoOptions()).call(HOOK, cli=group)
                if result is not None:
                    raise plugin.error(f"it returned {result!r}, expected nothing", "return nothing", HOOK)
    except DagcastError as error:
        fail(error, False)
    return group.commands.get(name)
