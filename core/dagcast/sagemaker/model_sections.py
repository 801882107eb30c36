"""Sections of a service model, whose entries are parsed when they are first read.

A compile reads about a hundred of the few thousand shapes of ``sagemaker``. Parsing all of them would take longer than
the rest of the checks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class Section(Mapping[str, Mapping[str, Any]]):
    """The entries of one section by name.

    It is safe for threads: two may parse the same entry at the same time, with equal results.

    Args:
        entries: The JSON text of each entry by its name.
    """

    def __init__(self, entries: Mapping[str, bytes]) -> None:
        self._entries = entries
        self._parsed: dict[str, Mapping[str, Any]] = {}

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        found = self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = json.loads(self._entries[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def find_section(text: bytes, name: str) -> Section | None:
    """Return a section of a service model, or ``None`` if the text does not have the layout of botocore's files.

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
    entries = {}
    for entry in text[start + len(opening) : end].split(b',\n    "'):
        key, _, value = entry.partition(b'":')
        entries[key.decode()] = value
    return Section(entries)
