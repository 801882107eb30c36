"""Metadata of a pipeline, in addition to its config: author, version, and keys of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
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
