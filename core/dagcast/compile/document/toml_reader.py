"""Parse TOML. ``tomllib`` parses the values, :mod:`dagcast.compile.document.toml_positions` finds their positions."""

from __future__ import annotations

import re
import sys
from typing import Any

from dagcast.compile.document.positions import LineIndex, OffsetPositions
from dagcast.compile.document.toml_positions import STRING, scan_positions
from dagcast.compile.document.validate_values import (
    MAX_DEPTH,
    DocumentProblem,
    copy_plain_data,
    depth_problem,
    range_problem,
)
from dagcast.errors import DiagnosticSink, InvalidInputError, Location

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BRACKETS = re.compile(rf"{STRING}|\#[^\n]*|(?P<open>[\[{{])|(?P<close>[\]}}])")
_KEY_TOKENS = re.compile(rf"[ \t]+|\#[^\n]*|(?P<part>{STRING}|[A-Za-z0-9_-]+)|(?P<dot>\.)|(?P<other>[^ \t])")
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{1000,}")
_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")

# A part of the parser's message that identifies the problem, the text that replaces the message, and the remedy.
_WORDINGS = (
    (
        "Invalid value",
        "expected a value",
        "write strings in quotes, and true and false in lower case",
    ),
    ("Cannot overwrite a value", "a key is given a second time", "remove one of them"),
    (
        "Cannot mutate immutable namespace",
        "an inline table or list is given more members after its end",
        "write all of them in one place",
    ),
    ("Duplicate inline table key", "a key is given a second time in an inline table", "remove one of them"),
    ("Expected '=' after a key", "expected '=' after the key", "write 'key = value'"),
    ("Invalid statement", "expected a key or a [table]", "write keys with special characters in quotes"),
    (
        "Invalid initial character for a key part",
        "expected a key",
        "write keys with special characters in quotes",
    ),
    ("Illegal character '\\n'", "this string is not closed on its line", None),
    ("Unterminated string", "a string is never closed", None),
    ("Unclosed array", "a list is never closed", "close it with ']'"),
    ("Expected newline or end of document", "nothing may follow the value on its line", None),
    (
        "Unescaped '\\' in a string",
        "a backslash is followed by a character that it cannot escape",
        "write '\\\\' for a backslash, or use single quotes",
    ),
)


def read_toml(text: str, file: str, sink: DiagnosticSink) -> tuple[Any, OffsetPositions]:
    """Return the content of a TOML document and the positions of its values.

    Args:
        text: The document, without a byte order mark.
        file: The file name for messages.
        sink: Receives all diagnostics, including those of a raised error.

    Raises:
        InvalidInputError: If the document has a syntax error, is nested too deep, or has an integer that is too long.
    """
    _refuse_depth(text, file, sink)
    _refuse_long_keys(text, file, sink)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _syntax_error(error, text, file, sink)
        raise InvalidInputError(sink.errors) from None
    except ValueError:
        # Python does not convert integers with thousands of digits, and its error has no position.
        number = _LONG_NUMBER.search(text)
        if number is None:
            raise
        _refuse(range_problem(number.group()), Location(file, LineIndex(text).line(number.start())), sink)
        raise InvalidInputError(sink.errors) from None
    positions = OffsetPositions(text, lambda: scan_positions(text))
    copied, refused = copy_plain_data(data)
    for path, problem in refused:
        _refuse(problem, positions.locate(file, path, False), sink)
    return copied, positions


def _refuse_depth(text: str, file: str, sink: DiagnosticSink) -> None:
    """Raise InvalidInputError if lists and inline tables are nested too deep for a recursive parser."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match.lastgroup == "open":
            depth += 1
            # The top level counts as one more level.
            if depth >= MAX_DEPTH:
                _refuse(depth_problem(), Location(file, LineIndex(text).line(match.start())), sink)
                raise InvalidInputError(sink.errors)
        elif match.lastgroup == "close":
            depth = max(depth - 1, 0)


def _refuse_long_keys(text: str, file: str, sink: DiagnosticSink) -> None:
    """Raise InvalidInputError if a dotted key has too many parts: the time of ``tomllib`` is quadratic in the parts."""
    if not any(line.count(".") >= MAX_DEPTH for line in text.split("\n")):
        return
    parts, is_part = 0, False
    for token in _KEY_TOKENS.finditer(text):
        if token.lastgroup is None and not token.group().startswith("#"):
            continue
        if token.lastgroup == "part":
            parts, is_part = parts + 1 if not is_part else 1, True
            if parts > MAX_DEPTH:
                _refuse(depth_problem(), Location(file, LineIndex(text).line(token.start())), sink)
                raise InvalidInputError(sink.errors)
        elif token.lastgroup == "dot" and is_part:
            is_part = False
        else:
            parts, is_part = 0, False


def _syntax_error(error: tomllib.TOMLDecodeError, text: str, file: str, sink: DiagnosticSink) -> None:
    problem = str(error)
    place = _PLACE.search(problem)
    line = LineIndex(text).line(max(len(text.rstrip()) - 1, 0))
    if place is not None:
        problem = problem[: place.start()]
        if place["line"] is not None:
            line = int(place["line"])
    else:
        line = getattr(error, "lineno", line)
    twice = re.fullmatch(r"Cannot declare \((.*?),?\) twice", problem)
    words, hint = problem[:1].lower() + problem[1:], None
    if twice is not None:
        name = ".".join(re.findall(r"'([^']*)'", twice[1]))
        words, hint = f"the table [{name}] is declared twice", "join the two"
    for sign, said, advice in _WORDINGS:
        if sign in problem:
            words, hint = said, advice
    code = "document.duplicate-key" if twice is not None or "a second time" in words else "document.syntax"
    _refuse(DocumentProblem(f"not valid TOML: {words}", code, hint), Location(file, line), sink)


def _refuse(problem: DocumentProblem, location: Location, sink: DiagnosticSink) -> None:
    sink.error(problem.message, location, code=problem.code, hint=problem.hint)
