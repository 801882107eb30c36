"""Metadata of a pipeline, in addition to its config: author, version, and keys of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from dagcast.compile.spec.changes import Change
from dagcast.definition.values import FrozenDict
from dagcast.frozen_dataclass import dataclass


@dataclass(frozen=True)
class Metadata:
    """Metadata of a pipeline.

    Attributes:
        values: The values by key.
        changes: The metadata and the arguments of the template's constructor that plugins set, in order.
        sources: By key: the plugin that the value is from, or ``argument`` if it is from the caller.
    """

    values: Mapping[str, Any] = field(default_factory=FrozenDict)
    changes: tuple[Change, ...] = ()
    sources: Mapping[str, str] = field(default_factory=FrozenDict)

    def with_values(self, values: Mapping[str, Any]) -> Metadata:
        """Return the metadata with other values. Sources and changes of values that differ are dropped."""
        same = {
            key for key, value in values.items() if key in self.values and _is_same(self.values[key], value)
        }
        changes = tuple(
            change for change in self.changes if change.path[0] != "metadata" or change.path[1] in same
        )
        sources = FrozenDict({key: source for key, source in self.sources.items() if key in same})
        return replace(self, values=values, changes=changes, sources=sources)


def _is_same(one: Any, other: Any) -> bool:
    # In Python, True == 1; in JSON they differ.
    return one is other or (type(one) is type(other) and bool(one == other))
