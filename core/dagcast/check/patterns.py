r"""Patterns of a service model, matched as the service matches them.

The services are written in Java and match the whole text, with or without anchors. So ``my_job`` is invalid for
``^[a-zA-Z0-9](-*[a-zA-Z0-9])*``, which only its beginning matches (github.com/aws/sagemaker-python-sdk/issues/384).
Java's ``\w``, ``\d`` and ``\s`` match ASCII only, and its ``.`` excludes every line terminator, not only the line feed.

For a pattern that cannot be matched here, :func:`compile_pattern` returns ``None`` and any text is valid:

- patterns with constructs that Python's :mod:`re` does not support;
- patterns that lost their escapes in the model: they contain raw characters outside ASCII;
- patterns for which a backtracking matcher can take exponential time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Final

from dagcast.check.pattern_analysis import can_explode, find_alphabet
from dagcast.lazy_pattern import lazy_pattern

TextMatcher = Callable[[str], bool]
"""Returns whether a text as a whole matches."""

# Java's POSIX classes, which are ASCII only.
_ASCII_PROPERTIES: Final = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
}

# A category such as \p{L} has thousands of ranges, and Python's re has no name for it. So one private-use character
# stands for each category, and replaces the characters outside of ASCII in the pattern and in the text.
# fmt: off
_CATEGORIES: Final = (
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf",
    "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
)
# fmt: on
_FIRST_STAND_IN: Final = 0xE000

# The models write U+10000 to U+10FFFF as a range of surrogate pairs; in some of them the order is wrong.
_ASTRAL: Final = lazy_pattern(r"\\uD800(?:\\uDC00-\\uDBFF|\\uDBFF-\\uDC00)\\uDFFF")

_TOKEN: Final = lazy_pattern(r"\\p\{(\w+)\}|\\.|\[\^?|\]|\.|(\$)\{\d+,\d+\}", re.DOTALL)


@cache
def compile_pattern(pattern: str) -> TextMatcher | None:
    """Return a function that matches texts as the service does, or ``None`` if the pattern cannot be matched here.

    Args:
        pattern: The pattern as the service model writes it.
    """
    translated = translate_pattern(pattern)
    if translated is None or can_explode(translated):
        return None
    matches = re.compile(translated, re.ASCII).fullmatch
    if r"\p{" in pattern:
        return lambda text: matches(text if text.isascii() else _replace_by_stand_ins(text)) is not None
    return lambda text: matches(text) is not None


def find_invalid_characters(pattern: str, text: str) -> str:
    """Return the ASCII characters of a text that occur in no matching text, each once, in order.

    Args:
        pattern: A pattern of the service model for which :func:`compile_pattern` returns a function.
        text: A text that does not match.
    """
    translated = translate_pattern(pattern)
    allowed = find_alphabet(translated) if translated is not None else frozenset(text)
    return "".join(char for char in dict.fromkeys(text) if char.isascii() and char not in allowed)


def translate_pattern(pattern: str) -> str | None:
    r"""Return a Java pattern in Python's syntax, for use with ``re.ASCII``, or ``None`` if Python has no equivalent.

    For the characters of a category (``\p{L}``) outside of ASCII, the result has the category's stand-in.
    """
    if not pattern.isascii():
        return None
    source = _ASTRAL.sub(r"\\U00010000-\\U0010FFFF", pattern)
    parts: list[str] = []
    position = 0
    in_class = False
    for piece in _TOKEN.finditer(source):
        parts.append(source[position : piece.start()])
        position = piece.end()
        text = piece.group()
        if piece.group(1):
            characters = _property_characters(piece.group(1))
            if characters is None:
                return None
            parts.append(characters if in_class else f"[{characters}]")
        elif piece.group(2):
            parts.append("$")  # Python does not support a quantifier after $, and it changes nothing
        elif text.startswith("["):
            if in_class:
                return None  # Java's union of classes
            in_class = True
            parts.append(text)
        elif text == "]":
            in_class = False
            parts.append(text)
        elif text[1:].isdecimal() and text[1:] != "0":
            return None  # a back-reference, which pattern_parts cannot analyze
        elif text == "." and not in_class:
            parts.append(r"[^\n\r\x85\u2028\u2029]")
        else:
            parts.append(text)
    parts.append(source[position:])
    translated = "".join(parts)
    if "&&" in translated:
        return None  # Java's intersection of classes
    try:
        re.compile(translated, re.ASCII)
    except re.error:
        return None
    return translated


def _property_characters(name: str) -> str | None:
    if name in _ASCII_PROPERTIES:
        return _ASCII_PROPERTIES[name]
    members = [category for category in _CATEGORIES if category.startswith(name)]
    if not members:
        return None
    ascii_members = [chr(code) for code in range(128) if unicodedata.category(chr(code)) in members]
    return "".join(map(re.escape, ascii_members)) + "".join(_stand_in_for(category) for category in members)


def _stand_in_for(category: str) -> str:
    return chr(_FIRST_STAND_IN + _CATEGORIES.index(category))


def _replace_by_stand_ins(text: str) -> str:
    return "".join(char if char.isascii() else _stand_in_for(unicodedata.category(char)) for char in text)
