"""Observing a run: plugins are told of what happens, and nothing that goes wrong there ends the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.report import CompileReport
from dagcast.plugins.call_hooks import call_with_copies
from dagcast.plugins.configured import ConfiguredPlugin, PluginSet
from dagcast.plugins.safe_inspect import format_exception, safe_repr

logger = logging.getLogger(__name__)

HOOK = "observe_run"

Observer = Callable[[Mapping[str, Any]], None]


class RunEvent(Protocol):
    """Something that happened in a run."""

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON-ready data."""


def create_run_listener(
    plugins: PluginSet, config: PipelineConfig, report: CompileReport
) -> Callable[[RunEvent], None]:
    """What tells plugins of a run.

    Args:
        plugins: The plugins that compiled what runs.
        config: The config.
        report: How it was compiled.

    Returns:
        A function to call with each event, one at a time. It raises nothing but the user's interrupt.

    Raises:
        PluginError: If a plugin fails when it is asked, or gives something that cannot be called.
    """
    observers: dict[str, tuple[ConfiguredPlugin, Observer]] = {}
    for plugin in plugins.implementing(HOOK):
        given = call_with_copies(plugin, HOOK, config=config, report=report)
        if given is not None and not callable(given):
            problem = f"it returned {safe_repr(given)}, expected a function or nothing"
            raise plugin.error(problem, "return what is called with each event", HOOK)
        if given is not None:
            observers[plugin.name] = (plugin, given)

    def tell(event: RunEvent) -> None:
        for name, (plugin, observer) in tuple(observers.items()):
            try:
                observer(event.as_dict())
            except KeyboardInterrupt:
                raise
            # It is foreign code, and the run is not to fail for it, whatever it raises.
            except BaseException as error:
                del observers[name]
                logger.warning(
                    "plugin %s is told nothing more of this run: it raised %s",
                    plugin,
                    format_exception(error),
                )

    return tell
