"""Patterns of paths, which select fields in every item of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dagcast.paths import FieldPath

EACH: Final = "[*]"
"""Each item of a list, in a pattern."""

FieldPattern = tuple[str, ...]
"""The keys that lead to a field, with :data:`EACH` for the items of a list: ``("Containers", EACH, "Image")``."""


def find_values(value: Any, pattern: FieldPattern) -> Iterator[tuple[FieldPath, Any]]:
    """Yield each value that a pattern selects, with its path.

    Args:
        value: A request, or a part of one: mappings, lists or tuples, and single values.
        pattern: The pattern; missing fields are skipped.

    Example:
        >>> request = {"Containers": [{"Image": "a:1"}, {"Image": "b:1"}]}
        >>> list(find_values(request, ("Containers", EACH, "Image")))
        [(('Containers', 0, 'Image'), 'a:1'), (('Containers', 1, 'Image'), 'b:1')]
    """
    if not pattern:
        yield (), value
        return
    first, rest = pattern[0], pattern[1:]
    if first == EACH:
        for index, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
            for path, found in find_values(item, rest):
                yield (index, *path), found
    elif isinstance(value, dict) and first in value:
        for path, found in find_values(value[first], rest):
            yield (first, *path), found
