"""The registry: templates by name and version, as they were compiled, and what was run of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mods_plugin.registry.errors import DifferentContentError as DifferentContentError
    from mods_plugin.registry.errors import NotReproducedError as NotReproducedError
    from mods_plugin.registry.errors import RegistryError as RegistryError
    from mods_plugin.registry.errors import UnknownTemplateError as UnknownTemplateError
    from mods_plugin.registry.record import Execution as Execution
    from mods_plugin.registry.record import Registration as Registration
    from mods_plugin.registry.record import StagedObject as StagedObject
    from mods_plugin.registry.record import TemplateSummary as TemplateSummary
    from mods_plugin.registry.record import TemplateVersion as TemplateVersion
    from mods_plugin.registry.registry import Registry as Registry

_HOMES = {
    "DifferentContentError": "errors",
    "Execution": "record",
    "NotReproducedError": "errors",
    "Registration": "record",
    "Registry": "registry",
    "RegistryError": "errors",
    "StagedObject": "record",
    "TemplateSummary": "record",
    "TemplateVersion": "record",
    "UnknownTemplateError": "errors",
}

__all__ = [
    "DifferentContentError",
    "Execution",
    "NotReproducedError",
    "Registration",
    "Registry",
    "RegistryError",
    "StagedObject",
    "TemplateSummary",
    "TemplateVersion",
    "UnknownTemplateError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
