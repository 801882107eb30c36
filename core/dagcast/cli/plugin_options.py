"""The options of all compiling commands that select plugins."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dagcast.cli.complete import complete_plugins
from dagcast.errors import DiagnosticSink
from dagcast.plugins.select import PluginRequest

if TYPE_CHECKING:
    from dagcast.plugins.activate import ChosenPlugins


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--plugin``, ``--no-plugin`` and ``--no-plugins``. The command receives them as argument ``plugins``."""

    @click.option(
        "--plugin",
        "enabled",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_plugins,
        help="Run this plugin. Repeat for several, in order.",
    )
    @click.option(
        "--no-plugin",
        "disabled",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_plugins,
        help="Do not run this plugin.",
    )
    @click.option("--no-plugins", "none", is_flag=True, help="Run no plugins.")
    @functools.wraps(command)
    def wrapped(
        *args: Any, enabled: tuple[str, ...], disabled: tuple[str, ...], none: bool, **kwargs: Any
    ) -> Any:
        if none and enabled:
            raise click.UsageError("--no-plugins and --plugin contradict each other")
        request = PluginRequest(enabled=enabled, disabled=disabled, none=none)
        return command(*args, plugins=request, **kwargs)

    return wrapped


def chosen_plugins(config: str | None, env: str | None, request: PluginRequest) -> ChosenPlugins:
    """Return the plugins that a command would run: those that its flags, a config and the site policy select.

    Raises:
        InvalidInputError: If the config or a site policy cannot be read, or the selection contradicts the policy.
    """
    from dagcast.compile.config.config import open_config
    from dagcast.plugins.activate import choose_plugins

    if config is None:
        return choose_plugins(request)
    sink = DiagnosticSink()
    opened = open_config(config, sink, env=env)
    sink.raise_errors()
    if opened is None:
        raise AssertionError("no config, and no errors")
    return choose_plugins(request, opened.plugins, opened.source.locate)
