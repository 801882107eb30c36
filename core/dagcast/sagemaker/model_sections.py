"""Sections of a service model's text, of which an entry is parsed when it is first looked up.

A compile looks up some hundred of the few thousand shapes that ``sagemaker`` has; parsing all of them takes longer than
everything else that it does with the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


class Section(Mapping[str, Mapping[str, Any]]):
    """The entries of one section by name. Many threads may use it: an entry that two parse at once is the same.

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
    """Return a section of a service model, or ``None`` if the text is not laid out as botocore's files are.

    There a line of a section's entry begins with four spaces and its name, and all other lines in the section are
    indented more or close it. A JSON string holds no line ends, so this cannot be part of a string.

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
