"""Changes of plugins to a pipeline, as data.

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
"""The old value of an added field, and the new value of a removed one."""

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
"""By attribute of a step: its path in the step's entry in the definition."""

_NOT_SHOWN = ("origins", "properties", "shapes", "triggers")


class Change(NamedTuple):
    """One field that a plugin changed.

    Attributes:
        plugin: The plugin.
        hook: The hook that changed it.
        path: The field, such as ``("Steps", "train", "Arguments", "VpcConfig", "Subnets")`` or
            ``("metadata", "author")``; :func:`~dagcast.paths.format_path` converts it to text.
        old: The value before the change; ``None`` if the field was added.
        new: The value after the change; ``None`` if the field was removed.
    """

    plugin: str
    hook: str
    path: FieldPath
    old: Any
    new: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON data, with references as in definitions."""
        return {
            "plugin": self.plugin,
            "hook": self.hook,
            "path": list(self.path),
            "old": to_json_data(self.old),
            "new": to_json_data(self.new),
        }


def to_json_data(value: Any) -> Any:
    """Return a value of the spec as JSON data; for any other object, the name of its type."""
    # A plugin's object may have a false __class__, or raise when an attribute is read. Only type() is safe.
    kind = type(value)
    if is_dataclass(kind) and not issubclass(kind, Reference):
        shown = [field.name for field in fields(value) if field.name not in _NOT_SHOWN]
        return {name: to_json_data(getattr(value, name)) for name in shown}
    if issubclass(kind, bytes):
        return value.decode(errors="replace")
    if issubclass(kind, dict):
        return {key: to_json_data(item) for key, item in value.items()}
    if issubclass(kind, (list, tuple)):
        return [to_json_data(item) for item in value]
    if value is None or issubclass(kind, (str, bool, int, float, Reference)):
        return render(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
