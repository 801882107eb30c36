"""Steps of definitions, made from the JSON that a definition has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.definition.model import Step
from dagcast.definition.references import parse
from dagcast.definition.values import FrozenDict


def make_step(
    name: str, definition_type: str, arguments: Mapping[str, Any], fields: Mapping[str, Any] | None = None
) -> Step:
    """Make a step from JSON; a ``{"Get": ...}`` in it becomes a reference."""
    return Step(
        name=name, definition_type=definition_type, arguments=_frozen(arguments), fields=_frozen(fields or {})
    )


def _frozen(data: Mapping[str, Any]) -> FrozenDict:
    return FrozenDict({key: parse(value) for key, value in data.items()})
