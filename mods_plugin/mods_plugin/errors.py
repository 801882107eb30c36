"""Errors of the plugin and of the packages it uses, as opposed to mistakes in the user's files."""

from __future__ import annotations

from dagcast.plugin import PluginError

PLUGIN_NAME = "mods"


def plugin_error(problem: str, remedy: str) -> PluginError:
    """Return an error that names this plugin and its installed version.

    Args:
        problem: The problem, in one sentence.
        remedy: How to solve it.
    """
    from importlib_metadata import PackageNotFoundError, version

    try:
        distribution = f"mods-plugin {version('mods-plugin')}"
    except PackageNotFoundError:
        distribution = None
    return PluginError(PLUGIN_NAME, problem, remedy, distribution=distribution)
