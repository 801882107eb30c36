"""Import the selected plugins and validate the hooks that they implement."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pluggy

from dagcast.errors import Location, PluginError, nearest
from dagcast.frozen_dataclass import dataclass
from dagcast.lazy_pattern import lazy_pattern
from dagcast.plugins.api_version import API_VERSION
from dagcast.plugins.code_files import PluginCode, read_code
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.hooks import HOOK_ARGUMENTS, HOOKS, PROJECT, HookSpecs
from dagcast.plugins.imported_code import check_loaded, remember_import
from dagcast.plugins.object_name import object_name
from dagcast.plugins.safe_inspect import format_exception, format_exception_text, is_instance
from dagcast.plugins.scan import InstalledPlugins, PluginEntry

_OBJECT_NAME = lazy_pattern(r"\w[\w.-]*")
"""The name of a plugin object. Unlike an entry point, it may be the name of a module or of a private class."""


def error_of_required(error: PluginError, place: Location) -> PluginError:
    """Return an error of a plugin that a site policy requires: no flag leaves it out, and the policy is named."""
    return PluginError(
        error.plugin,
        error.problem,
        f"{error.remedy}; the site policy {place} requires this plugin",
        distribution=error.distribution,
        hook=error.hook,
    )


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A loaded plugin with valid hooks.

    Attributes:
        name: Its name.
        implementation: The module or object that implements hooks.
        hooks: The hooks it implements, each with the names of the arguments it declares.
        entry: Its entry point; ``None`` for an object passed from Python.
        given: The object that the entry point names or the caller passed: the implementation, or its class.
        functions: The function of each hook.
        required_by: The place in a site policy that requires the plugin, if any.
    """

    name: str
    implementation: Any = field(repr=False)
    hooks: dict[str, tuple[str, ...]] = field(compare=False)
    entry: PluginEntry | None = None
    given: Any = field(default=None, repr=False)
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict, compare=False, repr=False)
    required_by: Location | None = field(default=None, compare=False)

    @property
    def distribution(self) -> str | None:
        """The name and version of its distribution."""
        return f"{self.entry.distribution} {self.entry.version}" if self.entry is not None else None

    def code(self) -> PluginCode:
        """Digest the files of its code, and compare them with those that were installed and imported."""
        if self.entry is None:
            return PluginCode("object")
        code = read_code(self.entry)
        return replace(code, problems=(*code.problems, *check_loaded(self.entry, code)))

    def error(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """Return an error that names this plugin."""
        error = PluginError(self.name, problem, remedy, distribution=self.distribution, hook=hook)
        return error if self.required_by is None else error_of_required(error, self.required_by)

    def failure(self, problem: str, remedy: str, hook: str | None = None) -> PluginError:
        """Return an error of the plugin's own code: leaving the plugin out is a remedy as well."""
        if self.required_by is not None:
            return self.error(problem, remedy, hook)
        return PluginError(
            self.name, problem, remedy, distribution=self.distribution, hook=hook, can_deselect=True
        )


def load_plugin(name: str, installed: InstalledPlugins) -> Plugin:
    """Import the plugin of that name.

    Raises:
        PluginError: If it is missing, provided twice, of an unsupported API version or not importable, or if it
            implements an unknown hook or declares an unknown argument.
    """
    entry = find_entry(name, installed)
    given = implementation = import_entry(entry)
    with foreign_output():
        if is_instance(given, type):
            implementation = _instantiate(
                implementation,
                entry.value,
                Plugin(name=name, implementation=None, hooks={}, entry=entry),
                entry.distribution,
            )
        return _validate_hooks(
            Plugin(name=name, implementation=implementation, hooks={}, entry=entry, given=given)
        )


def import_entry(entry: PluginEntry) -> Any:
    """Import the object of an entry point, and remember which files it was imported from.

    Raises:
        PluginError: If it cannot be imported.
    """
    code = read_code(entry)
    with foreign_output():
        given = _import(entry)
        remember_import(entry, code)
    return given


def adopt_plugin(given: Any) -> Plugin:
    """Make a plugin of an object, module or class passed from Python, named by its ``name`` attribute or its type.

    Raises:
        PluginError: If it is a class whose constructor needs arguments, implements no hook or an unknown hook, or
            declares an unknown argument.
    """
    named = given if is_instance(given, type, ModuleType) else type(given)
    name = object_name(given)
    if not _OBJECT_NAME.fullmatch(name):
        problem = "invalid name: use letters, digits, dots, hyphens and underscores"
        raise PluginError(name, problem, "give the object another name")
    implementation = given
    if is_instance(given, type):
        implementation = _instantiate(
            given, named.__qualname__, Plugin(name=name, implementation=None, hooks={}), "it"
        )
    return _validate_hooks(Plugin(name=name, implementation=implementation, hooks={}, given=given))


def find_entry(name: str, installed: InstalledPlugins) -> PluginEntry:
    """Return the entry point of that name. Nothing is imported.

    Raises:
        PluginError: If it is missing, provided twice, of an unsupported API version, or has broken metadata.
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
        raise PluginError(name, problem, f"fix or reinstall {entry.distribution}", distribution=distribution)
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
    # A plugin is third-party code: any exception of its import, SystemExit included, ends the compile with an error
    # that names it. KeyboardInterrupt propagates.
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        what = f"importing {entry.value} raised {format_exception(error)}"
        raise PluginError(
            entry.name,
            what,
            f"reinstall or fix {entry.distribution}",
            distribution=f"{entry.distribution} {entry.version}",
            can_deselect=True,
        ) from error
    return loaded


def _instantiate(implementation: type, label: str, plugin: Plugin, owner: str) -> Any:
    try:
        return implementation()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        what = f"calling {label} raised {format_exception(error)}"
        raise plugin.failure(what, f"a plugin class takes no arguments; fix {owner}") from error


def _validate_hooks(plugin: Plugin) -> Plugin:
    """Validate the names and arguments of all hooks that the plugin implements, and add them to the plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    marked: dict[str, Any] = {}
    try:
        for attribute in _attributes(plugin.implementation):
            options = manager.parse_hookimpl_opts(plugin.implementation, attribute)
            if options is not None:
                marked[attribute] = _add_hook(
                    plugin, options.get("specname") or attribute, attribute, options
                )
        # Register only the hooks: pluggy reads each attribute of an object, and a property may run any code.
        hooks = ModuleType(plugin.name)
        vars(hooks).update(marked)
        manager.register(hooks, plugin.name)
        manager.check_pending()
    except PluginError:
        raise
    # Inspecting a third-party object may raise any exception.
    except Exception as error:
        raise plugin.error(
            f"its hooks are invalid: {format_exception_text(error)}", "see docs/writing-plugins.md"
        ) from error
    _reject_unmarked(plugin)
    return plugin


def _attributes(implementation: Any) -> list[str]:
    """Return the names of attributes that may be hooks. Properties are excluded, since reading one runs its code."""
    own = vars(implementation) if is_instance(implementation, ModuleType) else None
    found = []
    for name in dir(implementation) if own is None else own:
        if name.startswith("__"):
            continue
        static = inspect.getattr_static(implementation, name, None) if own is None else own[name]
        if isinstance(static, (staticmethod, classmethod)) or inspect.isroutine(static):
            found.append(name)
    return found


def _add_hook(plugin: Plugin, hook: str, attribute: str, marked: Mapping[str, Any]) -> Callable[..., Any]:
    if hook not in HOOKS:
        close = nearest(hook, HOOKS)
        hint = f"did you mean {close!r}?" if close else f"the hooks are {', '.join(HOOKS)}"
        raise plugin.error(f"unknown hook {hook!r}", f"rename it ({hint})", hook)
    if hook in plugin.hooks:
        raise plugin.error("it is implemented twice", "keep one of the two functions", hook)
    if marked.get("wrapper") or marked.get("hookwrapper"):
        raise plugin.error("it wraps other plugins' hooks", "implement the hook without a wrapper", hook)
    function: Callable[..., Any] = getattr(plugin.implementation, attribute)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise plugin.error(
            "it is asynchronous, but hooks are called synchronously", "use def instead of async def", hook
        )
    plugin.hooks[hook] = _declared_arguments(plugin, hook, function)
    plugin.functions[hook] = function
    return function


def _declared_arguments(plugin: Plugin, hook: str, function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the arguments that an implementation declares. Arguments are passed by name."""
    allowed = HOOK_ARGUMENTS[hook]
    remedy = f"take only, by name: {', '.join(allowed) or 'nothing'}"
    taken, unknown = [], []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise plugin.error(f"it takes {stars}{name}, so its arguments are not explicit", remedy, hook)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise plugin.error(f"it takes {name} by position only", remedy, hook)
        if name in allowed:
            taken.append(name)
        elif parameter.default is parameter.empty:
            unknown.append(name)
    if unknown:
        raise plugin.error(f"it takes {', '.join(unknown)}, which the hook does not pass", remedy, hook)
    return tuple(taken)


def _reject_unmarked(plugin: Plugin) -> None:
    """Raise an error for a function that has the name of a hook but lacks the marker: it would never run."""
    for hook in HOOKS:
        static = inspect.getattr_static(plugin.implementation, hook, None)
        if hook not in plugin.hooks and (callable(static) or isinstance(static, classmethod)):
            raise plugin.error("it is not marked as an implementation", "put @hookimpl before it", hook)
    if not plugin.hooks:
        raise plugin.error(
            "it implements no hook", f"implement one of {', '.join(HOOKS)}, marked with @hookimpl"
        )
