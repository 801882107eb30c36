"""Loading plugins: importing what is selected, and nothing else, and refusing what is broken."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pluggy

from dagsmith.errors import PluginError, nearest
from dagsmith.plugins.discovery import PluginEntry, Scan
from dagsmith.plugins.hooks import API_VERSION, HOOKS, PROJECT, HookSpecs

UNINSTALL = "or leave the plugin out with --no-plugin"


@dataclass(frozen=True)
class Plugin:
    """A plugin that is loaded and sound.

    Attributes:
        name: Its name.
        implementation: The module, class instance or object that implements hooks.
        hooks: The hooks it implements, each with the names of the arguments it takes.
        entry: Where it was found; ``None`` for an object that was passed from Python.
    """

    name: str
    implementation: Any = field(repr=False)
    hooks: dict[str, tuple[str, ...]] = field(compare=False)
    entry: PluginEntry | None = None

    @property
    def distribution(self) -> str | None:
        """The distribution it came from, with its version."""
        return f"{self.entry.distribution} {self.entry.version}" if self.entry is not None else None

    def error(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """An error that names this plugin."""
        return PluginError(self.name, problem, remedy, distribution=self.distribution, hook=hook)


def load_plugin(name: str, installed: Scan) -> Plugin:
    """Import the plugin of that name.

    Raises:
        PluginError: If it is missing, provided twice, written for other hooks, cannot be imported, or implements
            hooks that do not exist or take other arguments.
    """
    entry = find_entry(name, installed)
    implementation = _import(entry)
    if inspect.isclass(implementation):
        implementation = _instantiate(entry, implementation)
    return _checked(name, implementation, entry)


def adopt_plugin(implementation: Any) -> Plugin:
    """Take an object or class from Python as a plugin, named by its ``name`` or its type.

    Raises:
        PluginError: If it implements hooks that do not exist or take other arguments, or none at all.
    """
    if inspect.isclass(implementation):
        implementation = implementation()
    fallback = implementation.__name__ if inspect.ismodule(implementation) else type(implementation).__name__
    name = getattr(implementation, "name", None)
    return _checked(name if isinstance(name, str) and name else fallback, implementation, None)


def find_entry(name: str, installed: Scan) -> PluginEntry:
    """The one sound entry point of that name; nothing is imported.

    Raises:
        PluginError: If there is none, or several, or its metadata is broken, or it is written for other hooks.
    """
    entries = installed.named(name)
    if not entries:
        close = nearest(name, installed.names)
        known = f"did you mean {close!r}?" if close else f"installed: {', '.join(installed.names) or 'none'}"
        raise PluginError(name, "it is not installed", f"install the distribution that provides it ({known})")
    if len(entries) > 1:
        owners = " and ".join(f"{entry.distribution} {entry.version}" for entry in entries)
        raise PluginError(name, f"it is provided by {owners}", "uninstall all but one of them")
    entry = entries[0]
    distribution = f"{entry.distribution} {entry.version}"
    if entry.problems:
        problem = "; ".join(entry.problems)
        raise PluginError(name, problem, "mend the entry points of the distribution", distribution=distribution)
    if entry.api_version != API_VERSION:
        problem = f"it is written for version {entry.api_version} of the hooks, this dagsmith has version {API_VERSION}"
        remedy = f"install a release of {entry.distribution} for version {API_VERSION}"
        raise PluginError(name, problem, remedy, distribution=distribution)
    return entry


def _import(entry: PluginEntry) -> Any:
    module_name, _, attribute = entry.value.partition(":")
    try:
        loaded = import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            loaded = getattr(loaded, part)
    # A plugin is foreign code: whatever it raises while it is imported, sys.exit() included, ends the compile
    # with an error that names it. Only the user's interrupt passes.
    except (Exception, SystemExit) as error:
        what = f"importing {entry.value} raised {type(error).__name__}: {error}"
        remedy = f"reinstall or mend {entry.distribution}, {UNINSTALL}"
        raise PluginError(
            entry.name, what, remedy, distribution=f"{entry.distribution} {entry.version}"
        ) from error
    return loaded


def _instantiate(entry: PluginEntry, implementation: type) -> Any:
    try:
        return implementation()
    except (Exception, SystemExit) as error:
        what = f"calling {entry.value} raised {type(error).__name__}: {error}"
        remedy = f"a plugin class takes no arguments; mend {entry.distribution}, {UNINSTALL}"
        raise PluginError(
            entry.name, what, remedy, distribution=f"{entry.distribution} {entry.version}"
        ) from error


def _checked(name: str, implementation: Any, entry: PluginEntry | None) -> Plugin:
    """The plugin, if pluggy accepts its hooks."""
    plugin = Plugin(name, implementation, {}, entry)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    try:
        manager.register(implementation, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise _refused(plugin, manager, str(error)) from error
    for caller in manager.get_hookcallers(implementation) or ():
        for impl in caller.get_hookimpls():
            if impl.wrapper or impl.hookwrapper:
                raise plugin.error("it wraps other plugins' hooks", "implement the hook plainly", caller.name)
            plugin.hooks[caller.name] = tuple(impl.argnames)
    _refuse_unmarked(plugin)
    return plugin


def _refused(plugin: Plugin, manager: pluggy.PluginManager, reason: str) -> PluginError:
    for attribute in dir(plugin.implementation):
        options = manager.parse_hookimpl_opts(plugin.implementation, attribute)
        if options is None:
            continue
        hook = options.get("specname") or attribute
        if hook not in HOOKS:
            close = nearest(hook, HOOKS)
            hint = f"did you mean {close!r}?" if close else f"the hooks are {', '.join(HOOKS)}"
            return plugin.error(f"there is no hook {hook!r}", f"rename it ({hint})", hook)
        method = getattr(plugin.implementation, attribute)
        allowed = [arg for arg in inspect.signature(getattr(HookSpecs, hook)).parameters if arg != "self"]
        taken = [arg for arg in inspect.signature(method).parameters if arg != "self"]
        unknown = [arg for arg in taken if arg not in allowed]
        if unknown:
            problem = f"it takes {', '.join(unknown)}, which the hook does not give"
            return plugin.error(problem, f"take only: {', '.join(allowed) or 'nothing'}", hook)
    return plugin.error(f"its hooks are refused: {reason}", "see docs/writing-plugins.md")


def _refuse_unmarked(plugin: Plugin) -> None:
    """A function with the name of a hook that lacks the marker would silently never run."""
    for hook in HOOKS:
        if hook not in plugin.hooks and callable(inspect.getattr_static(plugin.implementation, hook, None)):
            raise plugin.error("it is not marked as an implementation", "put @hookimpl before it", hook)
    if not plugin.hooks:
        raise plugin.error("it implements no hook", f"implement one of {', '.join(HOOKS)}, marked with @hookimpl")
