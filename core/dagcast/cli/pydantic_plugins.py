"""Keep pydantic's plugins, which no one selected, out of the process of a command."""

from __future__ import annotations


def disable_pydantic_plugins() -> None:
    """Keep pydantic from importing its plugins, which any distribution may register, into this process.

    pydantic imports all of them when it builds the first model, and a malformed ``entry_points.txt`` of any
    distribution ends the process there. Its variable ``PYDANTIC_DISABLE_PLUGINS`` would also reach the jobs that a run
    starts. Source: ``get_plugins`` in pydantic/plugin/_loader.py, which loads plugins if ``_plugins`` is None.
    """
    from pydantic.plugin import _loader

    if _loader._plugins is None:
        _loader._plugins = {}
