"""Find the positions of the values of a TOML document, without parsing the values.

The scanner does not validate: its input was already accepted by ``tomllib``. It follows tables, dotted keys, lists and
inline tables, and skips everything else.
"""

from __future__ import annotations

import re
import sys
from typing import NoReturn

from dagcast.compile.document.positions import ValuePosition

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STRING = (
    r'"""(?:[^"\\]|\\[\s\S]|""?(?!"))*"{3,5}'
    r"|'''(?:[^']|''?(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
"""A regular expression for the four kinds of TOML strings. Multi-line strings come first."""

_STRING = re.compile(STRING)
_KEY = re.compile(rf"(?P<bare>[A-Za-z0-9_-]+)|(?P<quoted>{STRING})")
_BLANKS = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\r\n]+|\#[^\n]*)*")
# A number, boolean or date. A date may contain a space.
_ATOM = re.compile(r"[^,\]}#\r\n]+")


def scan_positions(text: str) -> ValuePosition:
    """Return the position of the top level of a valid TOML document.

    Raises:
        ValueError: If the scanner finds that the document is invalid.
    """
    return _Scanner(text).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> ValuePosition:
        self._skip(_GAP)
        root = ValuePosition(self._at, None, {})
        table = root
        while self._at < len(self._text):
            if self._take("[["):
                table = self._list_item(root)
                self._expect("]]")
            elif self._take("["):
                table = self._table(root)
                self._expect("]")
            else:
                self._member(table)
            self._skip(_GAP)
        return root

    def _table(self, root: ValuePosition) -> ValuePosition:
        """Return the table of a ``[header]``. The current position is after the opening bracket."""
        start = self._at - 1
        parent, name = self._owner(root, start)
        table = parent.get(name)
        if table is None:
            table = parent[name] = ValuePosition(start, start, {})
        elif isinstance(table.members, dict):
            # So far only subtables or dotted keys have declared this table. Its header is its position.
            table.value = table.key = start
        return table

    def _list_item(self, root: ValuePosition) -> ValuePosition:
        """Return the new item of a ``[[header]]``. The current position is after the opening brackets."""
        start = self._at - 2
        parent, name = self._owner(root, start)
        item = ValuePosition(start, None, {})
        array = parent.setdefault(name, ValuePosition(start, start, []))
        if isinstance(array.members, list):
            array.members.append(item)
        return item

    def _member(self, table: ValuePosition) -> None:
        """Scan one ``key = value`` with a simple or dotted key."""
        self._skip(_BLANKS)
        start = self._at
        parent, name = self._owner(table, start)
        self._expect("=")
        self._skip(_BLANKS)
        value = self._value()
        value.key = start
        parent[name] = value

    def _owner(self, table: ValuePosition, start: int) -> tuple[dict[str, ValuePosition], str]:
        """Scan a key. Return the members of the table that contains its last part, and the last part."""
        parts = self._key()
        for part in parts[:-1]:
            table = _members(table).setdefault(part, ValuePosition(start, start, {}))
            if isinstance(table.members, list) and table.members:
                table = table.members[-1]
        return _members(table), parts[-1]

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_BLANKS)
            match = _KEY.match(self._text, self._at)
            if match is None:
                self._lost("a key")
            self._at = match.end()
            parts.append(match.group() if match.lastgroup == "bare" else _unquoted(match.group()))
            self._skip(_BLANKS)
            if not self._take("."):
                return parts

    def _value(self) -> ValuePosition:
        position = ValuePosition(self._at)
        if self._take("["):
            position.members = self._items()
        elif self._take("{"):
            position.members = {}
            self._inline_members(position)
        else:
            match = _STRING.match(self._text, self._at) or _ATOM.match(self._text, self._at)
            if match is None:
                self._lost("a value")
            self._at = match.end()
        return position

    def _items(self) -> list[ValuePosition]:
        items = []
        self._skip(_GAP)
        while not self._take("]"):
            items.append(self._value())
            self._skip(_GAP)
            if self._take(","):
                self._skip(_GAP)
        return items

    def _inline_members(self, table: ValuePosition) -> None:
        self._skip(_GAP)
        while not self._take("}"):
            self._member(table)
            self._skip(_GAP)
            if self._take(","):
                self._skip(_GAP)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _take(self, token: str) -> bool:
        found = self._text.startswith(token, self._at)
        if found:
            self._at += len(token)
        return found

    def _expect(self, token: str) -> None:
        self._skip(_BLANKS)
        if not self._take(token):
            self._lost(repr(token))

    def _lost(self, expected: str) -> NoReturn:
        raise ValueError(f"expected {expected} at offset {self._at} of the TOML document")


def _members(table: ValuePosition) -> dict[str, ValuePosition]:
    if not isinstance(table.members, dict):
        raise ValueError("a value of the TOML document is used as a table")
    return table.members


def _unquoted(literal: str) -> str:
    """Return the value of a quoted key."""
    if "\\" not in literal or literal.startswith("'"):
        return literal[1:-1]
    return str(tomllib.loads(f"key = {literal}")["key"])
