"""Which decorator runs: the one that is named, the one of the company's package, or this plugin's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mods_plugin.failure import failure
from mods_plugin.options import ModsOptions

PACKAGE = "mods"
REAL = "mods.mods_template:MODSTemplate"
OWN = "mods_plugin:MODSTemplate"


class NamedDecoratorError(ValueError):
    """The decorator that the options name cannot be used; the message says why."""


@dataclass(frozen=True)
class Decorator:
    """A decorator that was found.

    Attributes:
        factory: Takes author, version and description by keyword, and gives a class decorator.
        place: ``package.module:Name`` of it.
        own: Whether it is this plugin's.
    """

    factory: Callable[..., Callable[[type], Any]]
    place: str
    own: bool = False


def resolve_decorator(options: ModsOptions) -> Decorator:
    """The decorator that runs.

    Raises:
        NamedDecoratorError: If the one that the options name cannot be imported or called.
        PluginError: If the ``mods`` package is installed, and broken.
    """
    from mods_plugin.decorator import MODSTemplate

    if options.decorator is not None:
        try:
            factory = _load(options.decorator)
        # What is named is foreign code: whatever importing it raises is what the user has to know.
        except (Exception, SystemExit) as error:
            raise NamedDecoratorError(f"{options.decorator} cannot be imported: {_told(error)}") from error
        if not callable(factory):
            raise NamedDecoratorError(f"{options.decorator} is {factory!r}, expected a decorator")
        return Decorator(factory, options.decorator, factory is MODSTemplate)
    if not _is_installed():
        return Decorator(MODSTemplate, OWN, True)
    try:
        factory = _load(REAL)
    except (Exception, SystemExit) as error:
        raise failure(f"the package {PACKAGE!r} is installed, and broken: {_told(error)}", _REMEDY) from error
    if not callable(factory):
        raise failure(
            f"the package {PACKAGE!r} is broken: {REAL} is {factory!r}, expected a decorator", _REMEDY
        )
    return Decorator(factory, REAL)


_REMEDY = f"mend or uninstall the package, or choose this plugin's own decorator: plugins.options.mods.decorator: {OWN}"


def _is_installed() -> bool:
    """Whether there is a package ``mods``; a mere folder of that name on the path, with no template module, is none."""
    if PACKAGE in sys.modules:
        imported: Any = sys.modules[PACKAGE]
        found, file = imported is not None, getattr(imported, "__file__", None)
    else:
        spec = find_spec(PACKAGE)
        found, file = spec is not None, spec.origin if spec is not None else None
    if found and file is None:
        template = REAL.partition(":")[0]
        return template in sys.modules or find_spec(template) is not None
    return found


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    found: Any = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
