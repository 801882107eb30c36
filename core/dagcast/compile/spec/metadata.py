"""Metadata: what is known of a pipeline beside its config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagcast.compile.spec.changes import Change
from dagcast.definition.values import FrozenDict


@dataclass(frozen=True)
class Metadata:
    """What is known of the pipeline beside the config.

    Attributes:
        values: By key.
        changes: What plugins gave, in order: metadata, and arguments of the template's constructor.
        sources: By key: the plugin that the value is from, or ``argument`` where the caller gave it.
    """

    values: Mapping[str, Any] = field(default_factory=FrozenDict)
    changes: tuple[Change, ...] = ()
    sources: Mapping[str, str] = field(default_factory=FrozenDict)
