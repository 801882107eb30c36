"""The plugins of one compile: chosen, loaded, with their options, ready to be called in order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from dagsmith.errors import DiagnosticSink, Location, PluginError, did_you_mean
from dagsmith.load.explain import report_validation
from dagsmith.plugins.discovery import Scan
from dagsmith.plugins.hooks import API_VERSION
from dagsmith.plugins.loading import UNINSTALL, Plugin, adopt_plugin, load_plugin
from dagsmith.plugins.selection import Selection
from dagsmith.spec.values import FrozenError


class NoOptions(BaseModel):
    """The options of a plugin that takes none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class ActivePlugin:
    """A plugin with its options.

    Attributes:
        plugin: The plugin.
        options: The validated model of its options.
    """

    plugin: Plugin
    options: BaseModel

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.plugin.name

    def implements(self, hook: str) -> bool:
        """Whether the plugin has this hook."""
        return hook in self.plugin.hooks

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook with the arguments that the implementation takes.

        Raises:
            PluginError: If the hook raises; what it raised is the cause. The user's interrupt passes.
        """
        available = {**arguments, "options": self.options}
        taken = {name: available[name] for name in self.plugin.hooks[hook]}
        try:
            return getattr(self.plugin.implementation, hook)(**taken)
        except PluginError:
            raise
        # A hook is foreign code: whatever it raises, sys.exit() included, is the plugin's failure.
        except (Exception, SystemExit) as error:
            raise self._failure(error, hook) from error

    def error(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """An error that names this plugin."""
        return self.plugin.error(problem, remedy, hook)

    def lock_entry(self) -> dict[str, Any]:
        """What identifies the plugin and its options, for the plugin lock."""
        entry = self.plugin.entry
        options = json.dumps(self.options.model_dump(mode="json"), sort_keys=True)
        return {
            "name": self.name,
            "distribution": entry.distribution if entry else None,
            "version": entry.version if entry else None,
            "api_version": entry.api_version if entry else API_VERSION,
            "options_sha256": hashlib.sha256(options.encode()).hexdigest(),
        }

    def _failure(self, error: BaseException, hook: str) -> PluginError:
        frozen = isinstance(error, (FrozenError, FrozenInstanceError)) or "mappingproxy" in str(error)
        if isinstance(error, ValidationError):
            frozen = any(item["type"] == "frozen_instance" for item in error.errors())
        if frozen:
            return self.error("it changes what it was given", "return what is new and leave the input alone", hook)
        owner = self.plugin.entry.distribution if self.plugin.entry else self.name
        what = f"it raised {type(error).__name__}: {error}"
        return self.error(what, f"report it to the authors of {owner}, {UNINSTALL}", hook)


@dataclass(frozen=True)
class PluginSet:
    """The plugins of one compile, in order.

    Attributes:
        plugins: The plugins; the first decorates innermost and is asked first.
        selection: Why these.
    """

    plugins: tuple[ActivePlugin, ...] = ()
    selection: Selection = Selection((), "nothing asks for plugins")

    def implementing(self, hook: str) -> Iterator[ActivePlugin]:
        """The plugins that have a hook, in order."""
        return (active for active in self.plugins if active.implements(hook))

    def lock(self) -> list[dict[str, Any]]:
        """The plugin lock: name, distribution, version, API version and options digest of each, in order."""
        return [active.lock_entry() for active in self.plugins]

    def __bool__(self) -> bool:
        return bool(self.plugins)


def activate(
    selection: Selection,
    options: Mapping[str, Mapping[str, Any]],
    installed: Scan,
    locate: Callable[[tuple[str | int, ...]], Location],
    sink: DiagnosticSink,
) -> PluginSet:
    """Load the plugins that are chosen, and validate their options.

    Args:
        selection: Which plugins run.
        options: By plugin: its options, as the config has them.
        installed: What is installed.
        locate: Gives the place of a path in the config.
        sink: Takes mistakes in the options.

    Raises:
        PluginError: If a plugin is missing or broken.
    """
    loaded = [load_plugin(item, installed) if isinstance(item, str) else adopt_plugin(item) for item in selection.chosen]
    names = [plugin.name for plugin in loaded]
    for plugin in loaded:
        if names.count(plugin.name) > 1:
            raise plugin.error("two plugins of this name are chosen", "keep one of them, or rename it")
    for name in options:
        if name not in names and name not in installed.names:
            hint = did_you_mean(name, {*names, *installed.names}) or "no plugin is installed"
            message = f"there are options for {name!r}, which is not a plugin"
            sink.error(message, locate(("plugins", "options", name)), code="unknown-plugin", hint=hint)
    active = [
        ActivePlugin(plugin, _options(plugin, dict(options.get(plugin.name, {})), locate, sink)) for plugin in loaded
    ]
    return PluginSet(tuple(active), selection)


def options_model(plugin: Plugin) -> type[BaseModel]:
    """The model of a plugin's options; an empty one if it takes none.

    Raises:
        PluginError: If the hook gives something else than a pydantic model.
    """
    if "options_model" not in plugin.hooks:
        return NoOptions
    model = ActivePlugin(plugin, NoOptions()).call("options_model")
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        problem = f"it returned {model!r}, expected a subclass of pydantic.BaseModel"
        raise plugin.error(problem, "return the class of the options", "options_model")
    if model.model_config.get("extra") != "forbid":
        problem = f"{model.__name__} accepts unknown options, so that a typo would pass"
        raise plugin.error(problem, 'set extra="forbid" in its model_config', "options_model")
    return model


def _options(
    plugin: Plugin,
    given: dict[str, Any],
    locate: Callable[[tuple[str | int, ...]], Location],
    sink: DiagnosticSink,
) -> BaseModel:
    model = options_model(plugin)
    base = ("plugins", "options", plugin.name)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        subject = f"options of plugin {plugin.name!r}"
        report_validation(error, subject, model, lambda tail: locate((*base, *tail)), sink)
        return NoOptions()
