"""Loading plugins: importing what is selected, and nothing else, and refusing what is broken."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import pluggy

from dagcast.errors import PluginError, nearest
from dagcast.plugins.hooks import API_VERSION, HOOK_ARGUMENTS, HOOKS, PROJECT, HookSpecs
from dagcast.plugins.safe_inspect import format_exception, format_exception_text, is_instance
from dagcast.plugins.scan import InstalledPlugins, PluginEntry

_OBJECT_NAME = re.compile(r"\w[\w.-]*")
"""Also the names of modules and private classes, which no entry point may have."""

DESELECT_REMEDY = "or leave the plugin out with --no-plugin"


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin that is loaded and sound.

    Attributes:
        name: Its name.
        implementation: The module, class instance or object that implements hooks.
        hooks: The hooks it implements, each with the names of the arguments it takes.
        entry: Where it was found; ``None`` for an object that was passed from Python.
        given: What the entry point names, or was passed from Python: the implementation, or its class.
        functions: By hook: the function to call.
    """

    name: str
    implementation: Any = field(repr=False)
    hooks: dict[str, tuple[str, ...]] = field(compare=False)
    entry: PluginEntry | None = None
    given: Any = field(default=None, repr=False)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def distribution(self) -> str | None:
        """The distribution it came from, with its version."""
        return f"{self.entry.distribution} {self.entry.version}" if self.entry is not None else None

    def error(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """An error that names this plugin."""
        return PluginError(self.name, problem, remedy, distribution=self.distribution, hook=hook)


def load_plugin(name: str, installed: InstalledPlugins) -> Plugin:
    """Import the plugin of that name.

    Raises:
        PluginError: If it is missing, provided twice, written for other hooks, cannot be imported, or implements
            hooks that do not exist or take other arguments.
    """
    entry = find_entry(name, installed)
    given = implementation = _import(entry)
    if is_instance(given, type):
        implementation = _instantiate(
            implementation,
            entry.value,
            Plugin(name=name, implementation=None, hooks={}, entry=entry),
            entry.distribution,
        )
    return _checked(Plugin(name=name, implementation=implementation, hooks={}, entry=entry, given=given))


def adopt_plugin(given: Any) -> Plugin:
    """Take an object, module or class from Python as a plugin, named by its ``name`` or its type.

    Raises:
        PluginError: If it is a class that takes arguments, implements hooks that do not exist or take other
            arguments, or none at all.
    """
    named = given if is_instance(given, type, ModuleType) else type(given)
    stated = stated_name(given)
    name = stated if stated else named.__name__
    if not _OBJECT_NAME.fullmatch(name):
        problem = "this is not a name: letters, digits, dots, hyphens and underscores"
        raise PluginError(name, problem, "give the object another name")
    implementation = given
    if is_instance(given, type):
        implementation = _instantiate(
            given, named.__qualname__, Plugin(name=name, implementation=None, hooks={}), "it"
        )
    return _checked(Plugin(name=name, implementation=implementation, hooks={}, given=given))


def stated_name(given: Any) -> str | None:
    """The name that an object from Python states as a plugin, if it does."""
    try:
        stated = getattr(given, "name", None)
    # A property may raise whatever it likes.
    except Exception:
        return None
    return stated if is_instance(stated, str) else None


def find_entry(name: str, installed: InstalledPlugins) -> PluginEntry:
    """The one sound entry point of that name; nothing is imported.

    Raises:
        PluginError: If there is none, or several, or its metadata is broken, or it is written for other hooks.
    """
    entries = installed.named(name)
    if not entries:
        close = nearest(name, installed.names)
        known = f"did you mean {close!r}?" if close else f"installed: {', '.join(installed.names) or 'none'}"
        broken = "; some metadata is broken, see: dagcast plugins doctor" if installed.problems else ""
        remedy = f"install the distribution that provides it ({known}{broken})"
        raise PluginError(name, "it is not installed", remedy)
    if len(entries) > 1:
        owners = " and ".join(f"{entry.distribution} {entry.version}" for entry in entries)
        raise PluginError(name, f"it is provided by {owners}", "uninstall all but one of them")
    entry = entries[0]
    distribution = f"{entry.distribution} {entry.version}"
    if entry.problems:
        problem = "; ".join(entry.problems)
        raise PluginError(name, problem, f"mend or reinstall {entry.distribution}", distribution=distribution)
    if entry.api_version != API_VERSION:
        problem = f"it is written for version {entry.api_version} of the hooks, this dagcast has version {API_VERSION}"
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
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        what = f"importing {entry.value} raised {format_exception(error)}"
        remedy = f"reinstall or mend {entry.distribution}, {DESELECT_REMEDY}"
        raise PluginError(
            entry.name, what, remedy, distribution=f"{entry.distribution} {entry.version}"
        ) from error
    return loaded


def _instantiate(implementation: type, shown: str, plugin: Plugin, owner: str) -> Any:
    try:
        return implementation()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        what = f"calling {shown} raised {format_exception(error)}"
        raise plugin.error(
            what, f"a plugin class takes no arguments; mend {owner}, {DESELECT_REMEDY}"
        ) from error


def _checked(plugin: Plugin) -> Plugin:
    """The plugin, if every hook that it implements is one that there is, and takes what that gives."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    marked: dict[str, Any] = {}
    try:
        for attribute in _attributes(plugin.implementation):
            options = manager.parse_hookimpl_opts(plugin.implementation, attribute)
            if options is not None:
                marked[attribute] = _add(plugin, options.get("specname") or attribute, attribute, options)
        # What is no hook is none of pluggy's: looking at an attribute of a foreign object may do anything.
        hooks = ModuleType(plugin.name)
        vars(hooks).update(marked)
        manager.register(hooks, plugin.name)
        manager.check_pending()
    except PluginError:
        raise
    # What an object from foreign code answers when it is looked at may be anything.
    except Exception as error:
        raise plugin.error(
            f"its hooks are refused: {format_exception_text(error)}", "see docs/writing-plugins.md"
        ) from error
    _refuse_unmarked(plugin)
    return plugin


def _attributes(implementation: Any) -> list[str]:
    """The names that could be hooks; those of properties are left out, since looking at them runs them."""
    own = vars(implementation) if is_instance(implementation, ModuleType) else None
    found = []
    for name in dir(implementation) if own is None else own:
        if name.startswith("__"):
            continue
        static = inspect.getattr_static(implementation, name, None) if own is None else own[name]
        if isinstance(static, (staticmethod, classmethod)) or inspect.isroutine(static):
            found.append(name)
    return found


def _add(plugin: Plugin, hook: str, attribute: str, marked: Mapping[str, Any]) -> Callable[..., Any]:
    if hook not in HOOKS:
        close = nearest(hook, HOOKS)
        hint = f"did you mean {close!r}?" if close else f"the hooks are {', '.join(HOOKS)}"
        raise plugin.error(f"there is no hook {hook!r}", f"rename it ({hint})", hook)
    if hook in plugin.hooks:
        raise plugin.error("it is implemented twice", "keep one of the two functions", hook)
    if marked.get("wrapper") or marked.get("hookwrapper"):
        raise plugin.error("it wraps other plugins' hooks", "implement the hook plainly", hook)
    function: Callable[..., Any] = getattr(plugin.implementation, attribute)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise plugin.error(
            "it is asynchronous, and hooks are called plainly", "write def in place of async def", hook
        )
    plugin.hooks[hook] = _arguments(plugin, hook, function)
    plugin.functions[hook] = function
    return function


def _arguments(plugin: Plugin, hook: str, function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the arguments that an implementation takes; they are given by name."""
    allowed = HOOK_ARGUMENTS[hook]
    remedy = f"take only, by name: {', '.join(allowed) or 'nothing'}"
    taken, unknown = [], []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise plugin.error(f"it takes {stars}{name}, so that it does not say what it needs", remedy, hook)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise plugin.error(f"it takes {name} by position alone", remedy, hook)
        if name in allowed:
            taken.append(name)
        elif parameter.default is parameter.empty:
            unknown.append(name)
    if unknown:
        raise plugin.error(f"it takes {', '.join(unknown)}, which the hook does not give", remedy, hook)
    return tuple(taken)


def _refuse_unmarked(plugin: Plugin) -> None:
    """A function with the name of a hook that lacks the marker would silently never run."""
    for hook in HOOKS:
        static = inspect.getattr_static(plugin.implementation, hook, None)
        if hook not in plugin.hooks and (callable(static) or isinstance(static, classmethod)):
            raise plugin.error("it is not marked as an implementation", "put @hookimpl before it", hook)
    if not plugin.hooks:
        raise plugin.error(
            "it implements no hook", f"implement one of {', '.join(HOOKS)}, marked with @hookimpl"
        )
