"""Recognize the code of a plugin that a site policy forbids, whatever name it is selected by. Nothing is imported."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from types import FunctionType, MethodType, ModuleType
from typing import Any

from dagcast.plugins.code_files import read_code
from dagcast.plugins.hooks import PROJECT
from dagcast.plugins.safe_inspect import ancestors, is_instance
from dagcast.plugins.scan import InstalledPlugins

_MARK = f"{PROJECT}_impl"
"""The attribute that pluggy's marker sets on a hook."""


def provider(item: Any, names: Collection[str], installed: InstalledPlugins) -> str | None:
    """Return which of the installed plugins of these names provides the code of a selected plugin, if one does.

    An object from Python is recognized by the modules of its class, of the bases, and of its hooks.

    Args:
        item: The name of an installed plugin, or an object.
        names: The names to look for.
        installed: The installed plugins.
    """
    if is_instance(item, str):
        values = {entry.value for entry in installed.named(item)}
        return next(
            (name for name in names for entry in installed.named(name) if entry.value in values), None
        )
    modules = frozenset(_modules(item))
    forbidden = {entry.module for name in names for entry in installed.named(name)}
    # A distribution may provide several plugins: those in modules of their own are allowed.
    others = {entry.module for entry in installed.entries} - forbidden
    for name in names:
        for entry in installed.named(name):
            packages = read_code(entry).packages
            prefixes = tuple(f"{package}." for package in packages)
            if any(
                module not in others and (module in packages or module.startswith(prefixes))
                for module in modules
            ):
                return name
    return None


def _modules(item: Any) -> Iterator[str]:
    """Yield the modules that the code of an object comes from."""
    scopes: list[Mapping[str, Any]] = []
    # Objects with slots have no attributes to list, and a property of that name may raise any exception.
    with suppress(Exception):
        scopes.append(vars(item))
    if is_instance(item, ModuleType):
        yield item.__name__
    else:
        for cls in ancestors(item if is_instance(item, type) else type(item)):
            yield str(cls.__module__)
            scopes.append(vars(cls))
    for scope in scopes:
        for value in tuple(scope.values()):
            function = value.__func__ if is_instance(value, staticmethod, classmethod, MethodType) else value
            while is_instance(function, FunctionType) and _MARK in vars(function):
                yield str(function.__module__)
                function = vars(function).get("__wrapped__")
