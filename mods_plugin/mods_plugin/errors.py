"""Errors of the plugin itself, as opposed to mistakes in what the user wrote."""

from __future__ import annotations

from dagcast.plugin import PluginError

PLUGIN = "mods"


def failure(problem: str, remedy: str) -> PluginError:
    """An error that names this plugin and its installed version.

    Args:
        problem: What is wrong, in one sentence.
        remedy: What to do about it.
    """
    from importlib_metadata import PackageNotFoundError, version

    try:
        distribution = f"mods-plugin {version('mods-plugin')}"
    except PackageNotFoundError:
        distribution = None
    return PluginError(PLUGIN, problem, remedy, distribution=distribution)
