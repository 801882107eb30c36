"""The plugins of one compile: chosen, loaded, with their options, ready to be called in order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, NoReturn, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from dagcast.compile.config.validation_errors import report_validation
from dagcast.definition.values import FrozenDict, FrozenError
from dagcast.errors import (
    Diagnostic,
    DiagnosticSink,
    InvalidInputError,
    Location,
    PluginError,
    Severity,
    did_you_mean,
)
from dagcast.plugins.discovery import Scan
from dagcast.plugins.foreign import is_a, shown, told, told_alone
from dagcast.plugins.hooks import API_VERSION
from dagcast.plugins.loading import UNINSTALL, Plugin, adopt_plugin, load_plugin
from dagcast.plugins.selection import Selection

_DIAGNOSTIC: Mapping[str, tuple[type[Any], ...]] = MappingProxyType(
    {"message": (str,), "location": (Location, type(None)), "code": (str,), "hint": (str, type(None))}
)
"""By field of a diagnostic: its types."""

LEAVE_ALONE = "return what is new and leave the input alone"


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

    @cached_property
    def options_digest(self) -> str:
        """SHA-256 of the options as JSON, in hexadecimal."""
        return self._digest()

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook with the arguments that the implementation takes.

        Returns:
            What the hook returned; what it yields, as a list.

        Raises:
            PluginError: If the hook raises, or changes its options; what it raised is the cause. The user's
                interrupt passes.
        """
        with self.guard(hook):
            result = self.call_bare(hook, **arguments)
            if is_a(result, Iterator):
                result = list(result)
        return result

    def call_bare(self, hook: str, **arguments: Any) -> Any:
        """Call a hook and let what it raises pass as it is.

        Raises:
            PluginError: If the hook changes its options.
        """
        available = {**arguments, "options": self.options}
        taken = {name: available[name] for name in self.plugin.hooks[hook]}
        before = self.options_digest
        result = self.plugin.functions[hook](**taken)
        if "options" in taken and self._digest() != before:
            raise self.error("it changes what it was given: its options", LEAVE_ALONE, hook)
        return result

    @contextmanager
    def guard(self, hook: str) -> Iterator[None]:
        """Turn whatever is raised inside into an error that names the plugin and the hook.

        The user's interrupt passes, and so does what a plugin tells the user of mistakes in the input.
        """
        try:
            yield
        except KeyboardInterrupt:
            raise
        # A hook is foreign code: whatever it raises, sys.exit() included, is the plugin's failure.
        except BaseException as error:
            self.fail(error, hook)

    def fail(self, error: BaseException, hook: str) -> NoReturn:
        """Raise what a hook raised as an error that names the plugin; the very error if it does so already.

        Raises:
            InvalidInputError: If that is what the hook raised, to tell the user of mistakes in the input.
            PluginError: In any other case.
        """
        if is_a(error, PluginError) and error.plugin == self.name:
            raise error
        if is_a(error, InvalidInputError):
            self.check_diagnostics(error.diagnostics, hook)
            raise error
        raise self._failure(error, hook) from error

    def check_diagnostics(self, found: Iterable[Any], hook: str) -> None:
        """Refuse what cannot be told to the user: another object, or a diagnostic of a severity that there is not.

        Raises:
            PluginError: If there is such a one.
        """
        for item in found:
            if not is_a(item, Diagnostic):
                raise self.error(f"it gives {shown(item)} as a diagnostic", "give a Diagnostic", hook)
            for name, kinds in _DIAGNOSTIC.items():
                value = getattr(item, name)
                if not is_a(value, *kinds):
                    problem = f"it gives a diagnostic with the {name} {shown(value)}"
                    remedy = "give texts, and as location what locate(step, path) gives, or a Location"
                    raise self.error(problem, remedy, hook)
            if item.severity not in get_args(Severity):
                problem = f"it gives a diagnostic of severity {shown(item.severity)}"
                raise self.error(problem, f"use one of {', '.join(get_args(Severity))}", hook)

    def error(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """An error that names this plugin."""
        return self.plugin.error(problem, remedy, hook)

    def lock_entry(self) -> Mapping[str, Any]:
        """What identifies the plugin and its options, for the plugin lock."""
        entry = self.plugin.entry
        return FrozenDict(
            {
                "name": self.name,
                "distribution": entry.distribution if entry else None,
                "version": entry.version if entry else None,
                "api_version": entry.api_version if entry else API_VERSION,
                "options_sha256": self.options_digest,
            }
        )

    def __str__(self) -> str:
        return f"{self.name!r} ({self.plugin.distribution})" if self.plugin.distribution else repr(self.name)

    def _failure(self, error: BaseException, hook: str) -> PluginError:
        frozen = is_a(error, FrozenError, FrozenInstanceError)
        if is_a(error, TypeError, AttributeError):
            frozen = frozen or "'mappingproxy' object" in told_alone(error)
        if is_a(error, ValidationError):
            frozen = any(item["type"] == "frozen_instance" for item in error.errors())
        if frozen:
            return self.error(f"it changes what it was given: {told_alone(error)}", LEAVE_ALONE, hook)
        owner = self.plugin.entry.distribution if self.plugin.entry else self.name
        what = f"it raised {told(error)}"
        return self.error(what, f"report it to the authors of {owner}, {UNINSTALL}", hook)

    def _digest(self) -> str:
        options = json.dumps(self.options.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(options.encode()).hexdigest()


@dataclass(frozen=True)
class PluginSet:
    """The plugins of one compile, in order.

    Attributes:
        plugins: The plugins; the first decorates innermost and is asked first.
        selection: Why these.
    """

    plugins: tuple[ActivePlugin, ...] = ()
    selection: Selection = field(default_factory=lambda: Selection((), "nothing asks for plugins"))

    def implementing(self, hook: str) -> Iterator[ActivePlugin]:
        """The plugins that have a hook, in order."""
        return (active for active in self.plugins if active.implements(hook))

    def lock(self) -> list[Mapping[str, Any]]:
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
    loaded = [
        load_plugin(item, installed) if is_a(item, str) else adopt_plugin(item) for item in selection.chosen
    ]
    names = [plugin.name for plugin in loaded]
    for plugin in loaded:
        if names.count(plugin.name) > 1:
            raise plugin.error("two plugins of this name are chosen", "keep one of them, or rename it")
    for name in options:
        if name not in names and name not in installed.names:
            hint = did_you_mean(name, {*names, *installed.names}) or "no plugin is installed"
            message = f"there are options for {name!r}, which is not a plugin"
            sink.error(message, locate(("plugins", "options", name)), code="unknown-plugin", hint=hint)
    active = [_active(plugin, dict(options.get(plugin.name, {})), locate, sink) for plugin in loaded]
    return PluginSet(tuple(active), selection)


def options_model(plugin: Plugin) -> type[BaseModel]:
    """The model of a plugin's options; an empty one if it takes none.

    Raises:
        PluginError: If the hook gives something else than a pydantic model.
    """
    hook = "options_model"
    if hook not in plugin.hooks:
        return NoOptions
    model = ActivePlugin(plugin, NoOptions()).call(hook)
    if not (is_a(model, type) and issubclass(model, BaseModel)):
        problem = (
            "it returned nothing"
            if model is None
            else f"it returned {shown(model)}, expected a pydantic model"
        )
        raise plugin.error(problem, "return a class that is derived from pydantic.BaseModel", hook)
    if model.model_config.get("extra") != "forbid":
        problem = f"{model.__name__} accepts unknown options, so that a typo would pass"
        raise plugin.error(problem, 'set extra="forbid" in its model_config', hook)
    return model


def options_schema(plugin: Plugin) -> dict[str, Any]:
    """The JSON Schema of a plugin's options.

    Raises:
        PluginError: If the hook gives something else than a pydantic model, or one that no JSON Schema describes.
    """
    model = options_model(plugin)
    try:
        return model.model_json_schema()
    # Types of the plugin's own may have a say in it.
    except Exception as error:
        problem = f"no JSON Schema describes its options: {told(error)}"
        raise plugin.error(
            problem, f"give {model.__name__} only types that JSON has", "options_model"
        ) from error


def _active(
    plugin: Plugin,
    given: dict[str, Any],
    locate: Callable[[tuple[str | int, ...]], Location],
    sink: DiagnosticSink,
) -> ActivePlugin:
    hook = "options_model"
    model = options_model(plugin)
    base = ("plugins", "options", plugin.name)
    try:
        active = ActivePlugin(plugin, model.model_validate(given))
        # Asked for now, so that options which are not JSON data are found before anything runs.
        _ = active.options_digest
    except ValidationError as error:
        subject = f"options of plugin {plugin.name!r}"
        report_validation(error, subject, model, lambda tail: locate((*base, *tail)), sink)
        return ActivePlugin(plugin, NoOptions())
    except KeyboardInterrupt:
        raise
    # The plugin's own validators are foreign code.
    except BaseException as error:
        problem = f"its options cannot be validated and written as JSON: {told(error)}"
        raise plugin.error(problem, f"mend the model {model.__name__}", hook) from error
    return active
