"""Pass the events of a run to plugins. A failing observer does not end the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.report import CompileReport
from dagcast.plugins.call_hooks import call_with_copies
from dagcast.plugins.configured import ConfiguredPlugin
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.safe_inspect import format_exception, safe_repr

logger = logging.getLogger(__name__)

HOOK = "observe_run"

Observer = Callable[[Mapping[str, Any]], None]


class RunEvent(Protocol):
    """An event of a run."""

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON-ready data."""


def create_run_listener(
    plugins: PluginSet, config: PipelineConfig, report: CompileReport
) -> Callable[[RunEvent], None]:
    """Create a listener that passes each event of a run to the plugins that observe it.

    Args:
        plugins: The plugins of the compile.
        config: The config.
        report: The report of the compile.

    Returns:
        A function to call with each event, not concurrently. It raises ``KeyboardInterrupt`` only.

    Raises:
        PluginError: If a hook fails, or does not return a callable or ``None``.
    """
    observers: dict[str, tuple[ConfiguredPlugin, Observer]] = {}
    for plugin in plugins.implementing(HOOK):
        given = call_with_copies(plugin, HOOK, config=config, report=report)
        if given is not None and not callable(given):
            problem = f"it returned {safe_repr(given)}, expected a function or None"
            raise plugin.error(problem, "return a function that takes an event", HOOK)
        if given is not None:
            observers[plugin.name] = (plugin, given)

    def listen(event: RunEvent) -> None:
        for name, (plugin, observer) in tuple(observers.items()):
            try:
                with foreign_output():
                    observer(event.as_dict())
            except KeyboardInterrupt:
                raise
            # An observer is third-party code: no exception of it ends the run.
            except BaseException as error:
                del observers[name]
                logger.warning(
                    "plugin %s receives no further events of this run: it raised %s",
                    plugin,
                    format_exception(error, plugin.redact),
                )

    return listen
