"""Choose the decorator: the one in the options, the one of the company's package, or this plugin's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mods_plugin.errors import plugin_error
from mods_plugin.options import ModsOptions

PACKAGE = "mods"
COMPANY_DECORATOR = "mods.mods_template:MODSTemplate"
OWN_DECORATOR = "mods_plugin:MODSTemplate"


class InvalidDecoratorError(ValueError):
    """The decorator that the options name cannot be used."""


@dataclass(frozen=True)
class Decorator:
    """A decorator and its address.

    Attributes:
        factory: Takes author, version and description by keyword and returns a class decorator.
        place: Its address, ``package.module:Name``.
        is_own: Whether it is this plugin's.
    """

    factory: Callable[..., Callable[[type], Any]]
    place: str
    is_own: bool = False


def resolve_decorator(options: ModsOptions) -> Decorator:
    """Return the decorator to apply.

    Raises:
        InvalidDecoratorError: If the one that the options name cannot be imported or is not callable.
        PluginError: If the ``mods`` package is installed but its decorator cannot be imported or called.
    """
    from mods_plugin.decorator import MODSTemplate

    if options.decorator is not None:
        try:
            factory = _load(options.decorator)
        # Importing third-party code may raise anything; the error goes to the user.
        except (Exception, SystemExit) as error:
            raise InvalidDecoratorError(
                f"{options.decorator} cannot be imported: {_format_exception(error)}"
            ) from error
        if not callable(factory):
            raise InvalidDecoratorError(f"{options.decorator} is {factory!r}, expected a decorator")
        return Decorator(factory, options.decorator, factory is MODSTemplate)
    if not _is_installed():
        return Decorator(MODSTemplate, OWN_DECORATOR, True)
    try:
        factory = _load(COMPANY_DECORATOR)
    except (Exception, SystemExit) as error:
        raise plugin_error(
            f"package {PACKAGE!r} is installed but broken: {_format_exception(error)}", _REMEDY
        ) from error
    if not callable(factory):
        raise plugin_error(
            f"package {PACKAGE!r} is broken: {COMPANY_DECORATOR} is {factory!r}, expected a decorator",
            _REMEDY,
        )
    return Decorator(factory, COMPANY_DECORATOR)


_REMEDY = (
    "fix or uninstall the package, or select this plugin's decorator with "
    f"plugins.options.mods.decorator: {OWN_DECORATOR}"
)


def _is_installed() -> bool:
    """Return whether package ``mods`` is installed; a folder ``mods`` without the template module does not count."""
    if PACKAGE in sys.modules:
        imported: Any = sys.modules[PACKAGE]
        found, file = imported is not None, getattr(imported, "__file__", None)
    else:
        spec = find_spec(PACKAGE)
        found, file = spec is not None, spec.origin if spec is not None else None
    if found and file is None:
        template = COMPANY_DECORATOR.partition(":")[0]
        return template in sys.modules or find_spec(template) is not None
    return found


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    found: Any = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _format_exception(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
