"""Compare two versions and format the differences as unified diffs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from mods_plugin.registry.records import TemplateVersion

MAX_LINES = 60
"""The maximum number of lines of a diff in an error; ``dagcast mods diff`` shows all."""

MAX_WIDTH = 160
"""The maximum number of characters of such a line."""


@dataclass(frozen=True)
class Difference:
    """One part that differs between two versions.

    Attributes:
        part: ``metadata``, ``dag``, ``config``, ``role``, ``definition``, ``plugins`` or ``staged``.
        lines: A unified diff.
    """

    part: str
    lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-compatible data."""
        return {"part": self.part, "diff": list(self.lines)}


def find_differences(before: TemplateVersion, after: TemplateVersion) -> tuple[Difference, ...]:
    """Return every part that differs.

    Args:
        before: The first version.
        after: The second version.
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


def format_differences(found: tuple[Difference, ...], limit: int | None = None) -> str:
    """Format differences as one text.

    Args:
        found: The differences.
        limit: The maximum number of lines; a last line counts those that are omitted.
    """
    lines = [line for item in found for line in item.lines]
    if limit is None:
        return "\n".join(lines)
    kept = [line if len(line) <= MAX_WIDTH else f"{line[: MAX_WIDTH - 3]}..." for line in lines[:limit]]
    omitted = len(lines) - len(kept)
    return "\n".join([*kept, f"... and {omitted} more lines"] if omitted else kept)


def definition_diff(before: str, after: str) -> str:
    """Return a diff of two definitions, shortened to fit on a screen."""
    lines = tuple(_diff(_indent_json(before), _indent_json(after), "registered", "compiled here"))
    return format_differences((Difference("definition", lines),), MAX_LINES)


def _parts(template: TemplateVersion) -> Iterator[tuple[str, Any]]:
    """Yield the parts: as data if the order of keys is irrelevant, otherwise as text."""
    content = template.content()
    yield "metadata", content["metadata"]
    yield "dag", content["dag"]
    yield "config", content["config"]
    yield "role", content["role"]
    yield "plugins", content["plugins"]
    yield "staged", content["staged"]
    yield "definition", _indent_json(template.definition)


def _indent_json(definition: str) -> str:
    return json.dumps(json.loads(definition), indent=2, ensure_ascii=False)


def _diff(before: Any, after: Any, first: str, second: str) -> Iterator[str]:
    old, new = (
        value
        if isinstance(value, str)
        else json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False)
        for value in (before, after)
    )
    # Not splitlines(): it also splits at Unicode line separators, which are content of JSON strings.
    return unified_diff(old.split("\n"), new.split("\n"), first, second, lineterm="", n=2)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
