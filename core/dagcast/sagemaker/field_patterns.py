"""Patterns of paths: which fields of a request are meant, when lists are on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dagcast.paths import FieldPath

EACH: Final = "[*]"
"""Stands in a pattern for each item of a list."""

FieldPattern = tuple[str, ...]
"""The names on the way to a field, with :data:`EACH` for each item of a list: ``("Containers", EACH, "Image")``."""


def find_values(value: Any, pattern: FieldPattern) -> Iterator[tuple[FieldPath, Any]]:
    """Yield everything that a pattern leads to, each with its path.

    Args:
        value: A request, or a part of one: mappings, lists or tuples, and single values.
        pattern: The fields that are meant; what is not there is skipped.

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
