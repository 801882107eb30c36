"""The registry: compiled templates by name and version, and their executions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mods_plugin.registry.errors import DifferentContentError as DifferentContentError
    from mods_plugin.registry.errors import NotReproducedError as NotReproducedError
    from mods_plugin.registry.errors import RegistryError as RegistryError
    from mods_plugin.registry.errors import UnknownTemplateError as UnknownTemplateError
    from mods_plugin.registry.records import Execution as Execution
    from mods_plugin.registry.records import Registration as Registration
    from mods_plugin.registry.records import StagedObject as StagedObject
    from mods_plugin.registry.records import TemplateSummary as TemplateSummary
    from mods_plugin.registry.records import TemplateVersion as TemplateVersion
    from mods_plugin.registry.registry import Registry as Registry

_HOMES = {
    "DifferentContentError": "errors",
    "Execution": "records",
    "NotReproducedError": "errors",
    "Registration": "records",
    "Registry": "registry",
    "RegistryError": "errors",
    "StagedObject": "records",
    "TemplateSummary": "records",
    "TemplateVersion": "records",
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
