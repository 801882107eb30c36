"""What plugins changed in a pipeline: the data of provenance.

:mod:`dagcast.plugins.attribute_changes` finds the changes; the compile report and ``explain`` show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from dagcast.definition.references import Reference, render
from dagcast.paths import FieldPath

ABSENT = None
"""Stands for the old value of what was added, and the new value of what was removed."""

DEFINITION_PATHS: Mapping[str, FieldPath] = MappingProxyType(
    {
        "definition_type": ("Type",),
        "depends_on": ("DependsOn",),
        "display_name": ("DisplayName",),
        "description": ("Description",),
        "if_steps": ("Arguments", "IfSteps"),
        "else_steps": ("Arguments", "ElseSteps"),
    }
)
"""By attribute of a step: where it stands in the step's definition."""

_NOT_SHOWN = ("origins", "properties", "shapes", "triggers")


class Change(NamedTuple):
    """One field that a plugin changed.

    Attributes:
        plugin: The plugin.
        hook: The hook that changed it.
        path: The field, such as ``("Steps", "train", "Arguments", "VpcConfig", "Subnets")`` or
            ``("metadata", "author")``; :func:`~dagcast.paths.format_path` makes text of it.
        old: Its value before; ``None`` if it was not there.
        new: Its value after; ``None`` if it is gone.
    """

    plugin: str
    hook: str
    path: FieldPath
    old: Any
    new: Any

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON-ready data, references as the definition spells them."""
        return {
            "plugin": self.plugin,
            "hook": self.hook,
            "path": list(self.path),
            "old": plain(self.old),
            "new": plain(self.new),
        }


def plain(value: Any) -> Any:
    """A value of the spec as JSON-ready data; of what is no data, its type."""
    # A foreign value may lie about its class, or raise when it is asked: its type alone is looked at.
    kind = type(value)
    if is_dataclass(kind) and not issubclass(kind, Reference):
        shown = [field.name for field in fields(value) if field.name not in _NOT_SHOWN]
        return {name: plain(getattr(value, name)) for name in shown}
    if issubclass(kind, bytes):
        return value.decode(errors="replace")
    if issubclass(kind, dict):
        return {key: plain(item) for key, item in value.items()}
    if issubclass(kind, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or issubclass(kind, (str, bool, int, float, Reference)):
        return render(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
