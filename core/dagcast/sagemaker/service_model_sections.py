"""Sections of a service model, whose entries are parsed when they are first read.

A compile reads about a hundred of the few thousand shapes of ``sagemaker``. Parsing all of them would take longer than
the rest of the checks. Two thirds of the text, documentation and indentation, are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from dagcast.lazy_pattern import lazy_pattern

_DOCUMENTATION: Final = lazy_pattern(rb'"documentation":"[^"\\]*(?:\\.[^"\\]*)*"')
"""Matches documentation, which is a string. A member of a shape with this name is an object."""

_LINE_BREAK: Final = lazy_pattern(rb"\n *")
"""Matches the end of a line and the indentation of the next one. Strings of JSON contain neither."""


class Section(Mapping[str, Mapping[str, Any]]):
    """The entries of one section by name.

    It is safe for threads: two may parse the same entry at the same time, with equal results.

    Args:
        text: A text that holds the JSON of all entries, one directly after the other.
        names: The names of the entries.
        starts: Where in the text each entry starts, and at last where the last one ends.
    """

    def __init__(self, text: bytes | memoryview, names: Sequence[str], starts: Sequence[int]) -> None:
        self.text = text
        self.starts = starts
        self._numbers = dict(zip(names, range(len(starts) - 1), strict=True))
        self._parsed: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        found = self._parsed.get(name)
        if found is None:
            number = self._numbers[name]
            found = json.loads(str(self.text[self.starts[number] : self.starts[number + 1]], "utf-8"))
            self._parsed[name] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def find_section(text: bytes, name: str) -> Section | None:
    """Return a section of a service model without its documentation.

    Returns ``None`` if the text does not have the layout of botocore's files.

    In that layout, each entry of a section begins on a line with its name after four spaces, and all other lines of the
    section have more spaces or close it. A JSON string contains no line ends, so no string looks like the start of an
    entry.

    Args:
        text: The JSON text of the model.
        name: The section: ``shapes``, ``operations``, ``metadata``.
    """
    opening = f'\n  "{name}":{{\n    "'.encode()
    start = text.find(opening)
    end = text.find(b"\n  }", start)
    if start < 0 or end < 0:
        return None
    body = _DOCUMENTATION.sub(b'"documentation":""', text[start + len(opening) : end])
    parts = [entry.partition(b'":') for entry in body.split(b',\n    "')]
    values = [_LINE_BREAK.sub(b"", value) for _, _, value in parts]
    starts = list(accumulate(map(len, values), initial=0))
    return Section(b"".join(values), [name.decode() for name, _, _ in parts], starts)
