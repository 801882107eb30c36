"""Parse JSON with the position of each value, and report syntax errors in plain words.

Python's ``json`` module does not keep positions, keeps the last of two duplicate keys, and accepts ``NaN``.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from dagcast.compile.document.positions import LineIndex, OffsetPositions, ValuePosition
from dagcast.compile.document.validate_values import (
    MAX_DEPTH,
    MAX_INTEGER,
    MIN_INTEGER,
    DocumentProblem,
    check_text,
    depth_problem,
    finite_problem,
    range_problem,
)
from dagcast.errors import DiagnosticSink, InvalidInputError, Location

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?(?![\w.+-])")
_WORD = re.compile(r"[\w.+$-]+")
_COMMENT = re.compile(r"//[^\r\n]*|#[^\r\n]*|/\*[\s\S]*?\*/")
_CONTROL = re.compile(r"[\x00-\x1f]")

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NOT_FINITE = frozenset(["NaN", "Infinity", "-Infinity", "+Infinity", "-NaN"])
_OTHER_SPELLINGS = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "None": "null",
    "Null": "null",
    "NULL": "null",
    "undefined": "null",
}

# A 64-bit integer has at most 19 digits and a sign. Longer literals are out of range. Python rejects very long ones.
_MAX_INTEGER_SPELLING = 20


def read_json(text: str, file: str, sink: DiagnosticSink) -> tuple[Any, OffsetPositions]:
    """Return the content of a JSON document and the positions of its values.

    An empty document is an empty mapping.

    Args:
        text: The document, without a byte order mark.
        file: The file name for messages.
        sink: Receives all diagnostics, including those of a raised error.

    Raises:
        InvalidInputError: If the document has a syntax error that stops the parser, or is nested too deep.
    """
    data, position = _Scanner(text, file, sink).document()
    return data, OffsetPositions(text, lambda: position)


class _Scanner:
    def __init__(self, text: str, file: str, sink: DiagnosticSink) -> None:
        self._text = text
        self._file = file
        self._sink = sink
        self._lines = LineIndex(text)
        self._at = 0
        self._depth = 0
        self._comments = 0

    def document(self) -> tuple[Any, ValuePosition]:
        character = self._next()
        if not character:
            return {}, ValuePosition(0)
        data, position = self._value()
        character = self._next()
        if character:
            self._fail(f"nothing may follow the value that ends here, but {self._found()} does", self._at)
        return data, position

    def _next(self) -> str:
        """Return the next character after whitespace and comments, or an empty string at the end."""
        text = self._text
        while True:
            match = _SPACE.match(text, self._at)
            if match is not None:
                self._at = match.end()
            character = text[self._at : self._at + 1]
            if character not in ("/", "#"):
                return character
            comment = _COMMENT.match(text, self._at)
            if comment is None:
                if text.startswith("/*", self._at):
                    self._fail("a comment is never closed, and JSON has no comments", self._at)
                return character
            # Report only the first comment. The hint covers all comments.
            if not self._comments:
                hint = "remove the comments, or write the config as YAML or TOML"
                self._refuse(DocumentProblem("JSON has no comments", "document.syntax", hint), self._at)
            self._comments += 1
            self._at = comment.end()

    def _value(self) -> tuple[Any, ValuePosition]:
        character = self._next()
        start = self._at
        if character == '"':
            return self._string(), ValuePosition(start)
        if character == "{":
            return self._object()
        if character == "[":
            return self._array()
        return self._atom(), ValuePosition(start)

    def _object(self) -> tuple[dict[str, Any], ValuePosition]:
        start = self._enter()
        data: dict[str, Any] = {}
        members: dict[str, ValuePosition] = {}
        character = self._next()
        while character != "}":
            if character != '"':
                self._fail_key(start)
            key_at = self._at
            key = self._string()
            if self._next() != ":":
                self._fail(f"expected ':' after the key {key!r}, not {self._found()}", self._at)
            self._at += 1
            value, position = self._value()
            if key in members:
                line = self._lines.line(members[key].key or 0)
                message = f"the key {key!r} is given twice, first on line {line}"
                self._refuse(DocumentProblem(message, "document.duplicate-key", "remove one of them"), key_at)
            else:
                data[key] = value
                position.key = key_at
                members[key] = position
            character = self._separator("}", start)
        self._leave()
        return data, ValuePosition(start, None, members)

    def _array(self) -> tuple[list[Any], ValuePosition]:
        start = self._enter()
        data: list[Any] = []
        members: list[ValuePosition] = []
        character = self._next()
        while character != "]":
            value, position = self._value()
            data.append(value)
            members.append(position)
            character = self._separator("]", start)
        self._leave()
        return data, ValuePosition(start, None, members)

    def _enter(self) -> int:
        start = self._at
        if self._depth >= MAX_DEPTH:
            self._refuse(depth_problem(), start)
            raise InvalidInputError(self._sink.errors)
        self._depth += 1
        self._at += 1
        return start

    def _leave(self) -> None:
        self._depth -= 1
        self._at += 1

    def _separator(self, closing: str, start: int) -> str:
        """Skip the comma after a member. Return the first character of the next member, or the closing bracket."""
        character = self._next()
        if character == closing:
            return character
        if character != ",":
            begun = "mapping" if closing == "}" else "list"
            place = f"in the {begun} that begins on line {self._lines.line(start)}"
            if not character:
                self._fail(f"expected ',' or '{closing}' {place}, but the file ends", start)
            self._fail(f"expected ',' or '{closing}' {place}, not {self._found()}", self._at)
        comma = self._at
        self._at += 1
        character = self._next()
        if character == closing:
            self._refuse(
                DocumentProblem(
                    f"unexpected comma before the closing '{closing}'", "document.syntax", "remove it"
                ),
                comma,
            )
        return character

    def _string(self) -> str:
        start = self._at
        match = _STRING.match(self._text, start)
        if match is None:
            self._fail_string(start)
        self._at = match.end()
        literal = match.group()
        if "\\" not in literal:
            return literal[1:-1]
        try:
            value = json.loads(literal)
        except json.JSONDecodeError as error:
            self._fail(
                "a backslash is followed by a character that it cannot escape",
                start + error.pos,
                "write '\\\\' for a backslash",
            )
        text = str(value)
        problem = check_text(text)
        if problem is not None:
            self._refuse(problem, start)
        return text

    def _atom(self) -> Any:
        start = self._at
        number = _NUMBER.match(self._text, start)
        if number is not None:
            self._at = number.end()
            value = _number(number)
            if isinstance(value, DocumentProblem):
                self._refuse(value, start)
                return None
            return value
        word = _WORD.match(self._text, start)
        if word is None:
            self._fail_value(start)
        spelling = word.group()
        self._at = word.end()
        if spelling in _CONSTANTS:
            return _CONSTANTS[spelling]
        if spelling in _NOT_FINITE:
            self._refuse(finite_problem(spelling), start)
            return None
        if spelling in _OTHER_SPELLINGS:
            self._fail(f"{spelling} is not a JSON value", start, f"write {_OTHER_SPELLINGS[spelling]}")
        if spelling[0] in "+-.0123456789":
            hint = "no leading zero or '+', digits on both sides of the point; quote it if it is text"
            self._fail(f"{spelling} is not a JSON number", start, hint)
        self._fail(f"{spelling} is not a JSON value", start, f'quote it if it is text: "{spelling}"')

    def _fail_key(self, start: int) -> NoReturn:
        if self._at >= len(self._text):
            line = self._lines.line(start)
            self._fail(
                f"expected a key or '}}' in the mapping that begins on line {line}, but the file ends", start
            )
        word = _WORD.match(self._text, self._at)
        hint = f'write "{word.group()}"' if word is not None else None
        self._fail(f"expected a key in double quotes, not {self._found()}", self._at, hint)

    def _fail_string(self, start: int) -> NoReturn:
        control = _CONTROL.search(self._text, start)
        if control is None:
            self._fail("this string is never closed", start)
        if control.group() in "\r\n":
            self._fail(
                "this string is not closed on its line", start, "write '\\n' for a line break inside of it"
            )
        code_point = ord(control.group())
        self._fail(
            f"the character U+{code_point:04X} is not allowed in a string",
            control.start(),
            "write '\\t' for a tab" if code_point == 9 else "remove it",
        )

    def _fail_value(self, start: int) -> NoReturn:
        if start >= len(self._text):
            self._fail("expected a value, but the file ends", len(self._text.rstrip()) - 1)
        hint = "write strings in double quotes" if self._text[start] in "'`" else None
        self._fail(f"expected a value, not {self._found()}", start, hint)

    def _found(self) -> str:
        if self._at >= len(self._text):
            return "the end of the file"
        word = _WORD.match(self._text, self._at)
        return repr(word.group() if word is not None else self._text[self._at])

    def _fail(self, message: str, offset: int, hint: str | None = None) -> NoReturn:
        self._refuse(DocumentProblem(f"not valid JSON: {message}", "document.syntax", hint), offset)
        raise InvalidInputError(self._sink.errors)

    def _refuse(self, problem: DocumentProblem, offset: int) -> None:
        location = Location(self._file, self._lines.line(offset))
        self._sink.error(problem.message, location, code=problem.code, hint=problem.hint)


def _number(match: re.Match[str]) -> int | float | DocumentProblem:
    spelling = match.group()
    if match.lastindex is not None:
        fraction = float(spelling)
        return fraction if math.isfinite(fraction) else finite_problem(spelling)
    if len(spelling) > _MAX_INTEGER_SPELLING:
        return range_problem(spelling)
    integer = int(spelling)
    return integer if MIN_INTEGER <= integer <= MAX_INTEGER else range_problem(spelling)
