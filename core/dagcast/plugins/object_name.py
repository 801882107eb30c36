"""The names of plugin objects that are passed from Python."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from dagcast.plugins.safe_inspect import is_instance


def object_name(given: Any) -> str:
    """Return the name of a plugin object: its ``name`` attribute, else that of its type or module."""
    named = given if is_instance(given, type, ModuleType) else type(given)
    return stated_name(given) or str(named.__name__)


def stated_name(given: Any) -> str | None:
    """Return the ``name`` attribute of a plugin object; ``None`` if it has no valid one."""
    try:
        stated = getattr(given, "name", None)
    # A property may raise any exception.
    except Exception:
        return None
    return stated if is_instance(stated, str) else None
