"""What differs between two versions, as unified diffs that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from mods_plugin.registry.record import TemplateVersion

LINES = 60
"""Lines of a diff that a refusal shows; ``dagcast mods diff`` shows all."""

WIDTH = 160
"""Characters of a line that a refusal shows."""


@dataclass(frozen=True)
class Difference:
    """One part of two versions that is not the same.

    Attributes:
        part: ``metadata``, ``dag``, ``config``, ``role``, ``definition``, ``plugins`` or ``staged``.
        lines: A unified diff.
    """

    part: str
    lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The difference as JSON-ready data."""
        return {"part": self.part, "diff": list(self.lines)}


def differences(before: TemplateVersion, after: TemplateVersion) -> tuple[Difference, ...]:
    """Every part that differs.

    Args:
        before: The one version.
        after: The other.
    """
    first, second = f"{before.name}@{before.version}", f"{after.name}@{after.version}"
    if first == second:
        first, second = f"{first} (registered)", f"{second} (new)"
    pairs = zip(_parts(before), _parts(after), strict=True)
    found = (
        Difference(part, tuple(_diff(old, new, f"{first} {part}", f"{second} {part}")))
        for (part, old), (_, new) in pairs
    )
    return tuple(item for item in found if item.lines)


def shown(found: tuple[Difference, ...], limit: int | None = None) -> str:
    """The diffs as one text.

    Args:
        found: The differences.
        limit: Most lines in all; what is left out is counted at the end.
    """
    lines = [line for item in found for line in item.lines]
    if limit is None:
        return "\n".join(lines)
    kept = [line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in lines[:limit]]
    left = len(lines) - len(kept)
    return "\n".join([*kept, f"... and {left} lines more"] if left else kept)


def definition_diff(before: str, after: str) -> str:
    """Two definitions, line by line, cut to what fits on a screen."""
    lines = tuple(_diff(_laid_out(before), _laid_out(after), "registered", "compiled here"))
    return shown((Difference("definition", lines),), LINES)


def _parts(template: TemplateVersion) -> Iterator[tuple[str, Any]]:
    """The parts, as data of which the order of keys does not count, or as text where it does."""
    content = template.content()
    yield "metadata", content["metadata"]
    yield "dag", content["dag"]
    yield "config", content["config"]
    yield "role", content["role"]
    yield "plugins", content["plugins"]
    yield "staged", content["staged"]
    yield "definition", _laid_out(template.definition)


def _laid_out(definition: str) -> str:
    return json.dumps(json.loads(definition), indent=2, ensure_ascii=False)


def _diff(before: Any, after: Any, first: str, second: str) -> Iterator[str]:
    old, new = (
        value
        if isinstance(value, str)
        else json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False)
        for value in (before, after)
    )
    # Lines of JSON: other line ends of Unicode, on which splitlines() breaks, are content.
    return unified_diff(old.split("\n"), new.split("\n"), first, second, lineterm="", n=2)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
