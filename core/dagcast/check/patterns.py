r"""The patterns of a service model, applied to text the way the service applies them.

The services are written in Java and match the whole text, whatever anchors the pattern has: the name
``my_job`` is refused for ``^[a-zA-Z0-9](-*[a-zA-Z0-9])*``, of which a part of it is a match
(github.com/aws/sagemaker-python-sdk/issues/384). Java's ``\w``, ``\d`` and ``\s`` are ASCII only, and its
``.`` stops at every line terminator, not just at a line feed.

Some patterns cannot be applied, and then :func:`compile_pattern` returns ``None`` and any text is accepted:

- patterns with constructs that Python's :mod:`re` has not;
- patterns that lost their escapes on the way into the model, which shows as raw characters outside ASCII;
- patterns on which a backtracking matcher can take time exponential in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Final

from dagcast.check.pattern_parts import alphabet, can_explode

TextTest = Callable[[str], bool]
"""Whether a text as a whole matches."""

# Java's POSIX classes, which are ASCII only.
_ASCII_PROPERTIES: Final = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
}

# A category such as \p{L} is thousands of ranges, and Python's re has no name for it. So each character
# outside of ASCII is replaced by one private-use character that stands for its category, in the text and in
# the pattern.
# fmt: off
_CATEGORIES: Final = (
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf",
    "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
)
# fmt: on
_FIRST_STAND_IN: Final = 0xE000

# A range over surrogate pairs, which is how the models write U+10000 to U+10FFFF; some have it garbled.
_ASTRAL: Final = re.compile(r"\\uD800(?:\\uDC00-\\uDBFF|\\uDBFF-\\uDC00)\\uDFFF")

_PIECE: Final = re.compile(r"\\p\{(\w+)\}|\\.|\[\^?|\]|\.|(\$)\{\d+,\d+\}", re.DOTALL)


@cache
def compile_pattern(pattern: str) -> TextTest | None:
    """The test that a service makes of a text, or ``None`` where it cannot be made here.

    Args:
        pattern: The pattern as the service model writes it.
    """
    translated = translate(pattern)
    if translated is None or can_explode(translated):
        return None
    matches = re.compile(translated, re.ASCII).fullmatch
    if r"\p{" in pattern:
        return lambda text: matches(text if text.isascii() else _with_stand_ins(text)) is not None
    return lambda text: matches(text) is not None


def stray_characters(pattern: str, text: str) -> str:
    """The ASCII characters of a text that no text which matches can have, each once, in order.

    Args:
        pattern: A pattern, as the service model writes it, that can be applied.
        text: A text that does not match.
    """
    translated = translate(pattern)
    allowed = alphabet(translated) if translated is not None else frozenset(text)
    return "".join(char for char in dict.fromkeys(text) if char.isascii() and char not in allowed)


def translate(pattern: str) -> str | None:
    r"""A Java pattern in Python's syntax, to be used with ``re.ASCII``, or ``None`` if it cannot be said.

    In place of a category (``\p{L}``), characters outside of ASCII are stand-ins, one for each category.
    """
    if not pattern.isascii():
        return None
    source = _ASTRAL.sub(r"\\U00010000-\\U0010FFFF", pattern)
    parts: list[str] = []
    position = 0
    in_class = False
    for piece in _PIECE.finditer(source):
        parts.append(source[position : piece.start()])
        position = piece.end()
        text = piece.group()
        if piece.group(1):
            characters = _property_characters(piece.group(1))
            if characters is None:
                return None
            parts.append(characters if in_class else f"[{characters}]")
        elif piece.group(2):
            parts.append("$")  # a quantified end of text, which Python refuses, is an end of text
        elif text.startswith("["):
            if in_class:
                return None  # Java's union of classes
            in_class = True
            parts.append(text)
        elif text == "]":
            in_class = False
            parts.append(text)
        elif text[1:].isdecimal() and text[1:] != "0":
            return None  # a back-reference, which nothing can be said about from the parts of the pattern
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
    return "".join(map(re.escape, ascii_members)) + "".join(_stand_in(category) for category in members)


def _stand_in(category: str) -> str:
    return chr(_FIRST_STAND_IN + _CATEGORIES.index(category))


def _with_stand_ins(text: str) -> str:
    return "".join(char if char.isascii() else _stand_in(unicodedata.category(char)) for char in text)
