"""The options of all compiling commands that select plugins."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dagcast.errors import DiagnosticSink
from dagcast.plugins.select import PluginRequest

if TYPE_CHECKING:
    from dagcast.compile.config.models import PluginsConfig


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--plugin``, ``--no-plugin`` and ``--no-plugins``. The command receives them as argument ``plugins``."""

    @click.option(
        "--plugin",
        "enabled",
        multiple=True,
        metavar="NAME",
        help="Run this plugin. Repeat for several, in order.",
    )
    @click.option("--no-plugin", "disabled", multiple=True, metavar="NAME", help="Do not run this plugin.")
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


def plugins_of(config: str | None, env: str | None) -> PluginsConfig:
    """Return the plugins section of a config; an empty one without a config.

    Raises:
        InvalidInputError: If the config cannot be read.
    """
    from dagcast.compile.config.config import open_config
    from dagcast.compile.config.models import PluginsConfig

    if config is None:
        return PluginsConfig()

    sink = DiagnosticSink()
    opened = open_config(config, sink, env=env)
    sink.raise_errors()
    return opened.plugins if opened is not None else PluginsConfig()
