"""Describe YAML syntax errors of libyaml's parser and of PyYAML's own parser in plain words."""

from __future__ import annotations

from typing import NamedTuple

import yaml

from dagcast.compile.document.positions import LineIndex
from dagcast.errors import Diagnostic, Location


class _Wording(NamedTuple):
    """The message for a problem.

    Attributes:
        sign: A part of the parser's message that identifies the problem.
        words: The problem. ``{char}`` is the character at which the parser stopped.
        hint: The remedy.
        at_start: Whether to report the start of the construct, instead of the position where the parser stopped.
    """

    sign: str
    words: str
    hint: str | None
    at_start: bool = False


_WORDINGS = (
    _Wording("violates indentation", "a tab cannot indent", "use spaces"),
    _Wording("cannot start any token", "a value cannot begin with {char}", "quote the value"),
    _Wording(
        "mapping values are not allowed",
        "a ':' is not allowed here",
        "quote the value if the ':' belongs to it; else check the indentation here and on the line before",
    ),
    _Wording(
        "sequence entries are not allowed",
        "a list item ('- ') is not allowed here",
        "begin it on a line of its own, or quote the value if the '-' belongs to it",
    ),
    _Wording(
        "could not find expected ':'",
        "expected ': ' after the key that begins here",
        "write 'key: value'; check the indentation",
        at_start=True,
    ),
    _Wording("found unexpected end of stream", "this quoted string is never closed", None, at_start=True),
    _Wording(
        "unknown escape character",
        "a backslash is followed by a character that it cannot escape",
        "write '\\\\' for a backslash, or use single quotes",
    ),
    _Wording(
        "invalid Unicode character escape code",
        "an escape is half a character",
        "write the character itself",
    ),
    _Wording(
        "expected ',' or ']'", "expected ',' or ']'", "close the list, or quote what belongs to a value"
    ),
    _Wording(
        "expected ',' or '}'", "expected ',' or '}'", "close the mapping, or quote what belongs to a value"
    ),
    _Wording("expected node content", "expected a value", "write one, or quote it"),
    _Wording("expected the node content", "expected a value", "write one, or quote it"),
    _Wording(
        "did not find expected key",
        "this is not allowed here",
        "check the indentation, and quote values with special characters",
    ),
    _Wording(
        "did not find expected '-' indicator",
        "this is not allowed here",
        "check the indentation; a list item begins with '- '",
    ),
    _Wording(
        "expected <block end>",
        "this is not allowed here",
        "check the indentation, and quote values with special characters",
    ),
    _Wording(
        "alphabetic or numeric character",
        "a '*' or '&' at the beginning of a value makes it an alias or an anchor, and the name is missing",
        "quote the value",
    ),
    _Wording(
        "expected comment or line break",
        "nothing may follow '|' or '>' on its line but a comment",
        "begin the text on the next line, or quote the value",
    ),
    _Wording(
        "chomping or indentation indicators",
        "nothing may follow '|' or '>' on its line but a comment",
        "begin the text on the next line, or quote the value",
    ),
    _Wording("undefined tag handle", "the tag is not known", "remove it, or quote the value"),
    _Wording(
        "<document start>", "a second document begins here, and a config is one", "remove the '...' before it"
    ),
)


def syntax_diagnostic(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """Return the diagnostic for a parser error in ``text``."""
    lines = LineIndex(text)
    if isinstance(error, yaml.reader.ReaderError):
        return _bad_character(error, text, file, lines)
    if not isinstance(error, yaml.MarkedYAMLError):
        return Diagnostic(f"not valid YAML: {error}", Location(file), code="document.syntax")
    problem = error.problem or "it cannot be read"
    start = error.context_mark.index if error.context_mark is not None else None
    end = error.problem_mark.index if error.problem_mark is not None else start or 0
    character = text[end : end + 1]
    known = next((wording for wording in _WORDINGS if wording.sign in problem), None)
    if character == "\t" and "cannot start any token" in problem:
        known = _WORDINGS[0]
    words, hint = problem, None
    if known is not None:
        words, hint = known.words.replace("{char}", repr(character)), known.hint
    at_start = known is not None and known.at_start
    if "expected ','" in words and not text[end:].strip():
        words, at_start = f"{words} before the end of the file", True
    # A parser that reaches the end of the file stops after the last line. Report the last line with content.
    offset = start if at_start and start is not None else min(end, max(len(text.rstrip()) - 1, 0))
    place = ""
    if error.context and start is not None and lines.line(start) != lines.line(offset):
        place = f", {_context(error.context)} line {lines.line(start)}"
    return Diagnostic(
        f"not valid YAML: {words}{place}",
        Location(file, lines.line(offset)),
        code="document.syntax",
        hint=hint,
    )


def _context(context: str) -> str:
    """Return a description of the construct being parsed, such as ``in the mapping that begins on``."""
    kinds = {"mapping": "mapping", "sequence": "list", "collection": "list", "scalar": "value"}
    kind = next((kind for sign, kind in kinds.items() if sign in context), "part")
    return f"in the {kind} that begins on"


def _bad_character(error: yaml.reader.ReaderError, text: str, file: str, lines: LineIndex) -> Diagnostic:
    # libyaml counts bytes, PyYAML counts characters. Both report the character, and the first occurrence is the error.
    code_point = error.character if isinstance(error.character, int) else ord(error.character)
    offset = max(text.find(chr(code_point)), 0)
    return Diagnostic(
        f"not valid YAML: the character U+{code_point:04X} is not allowed",
        Location(file, lines.line(offset)),
        code="document.bad-character",
        hint="remove it, or write it as an escape in double quotes" if code_point else "remove it",
    )
