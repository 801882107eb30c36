"""Texts for one line of a terminal or a log: control characters are escaped, and long texts are shortened."""

from __future__ import annotations

import re

from dagcast.lazy_pattern import lazy_pattern

MAX_TEXT = 1000
"""Maximum length of a message or hint. Longer texts lose the middle of long quotations, then their own middle."""
_MAX_QUOTED = 80
"""Maximum length of a quotation in a shortened message."""

# C0 and C1 controls, DEL, line and paragraph separators, zero-width characters, and bidirectional controls.
_UNPRINTABLE = lazy_pattern(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_QUOTED = lazy_pattern(rf"'[^'\s][^'\n]{{{_MAX_QUOTED},}}'|\"[^\"\s][^\"\n]{{{_MAX_QUOTED},}}\"")


def escape_text(text: str, longest: int = MAX_TEXT) -> str:
    r"""Return a text as one line, with control characters escaped and long texts shortened.

    Args:
        text: Any text, such as a message that quotes user input.
        longest: Maximum number of characters before escaping. A longer text loses the middle of long quotations, then
            its own middle.

    >>> print(escape_text("a\nb\x1b[31m"))
    a\nb\x1b[31m
    >>> escape_text("0123456789" * 3, longest=11)
    '0123...6789'
    """
    if len(text) > longest:
        text = _shorten_middle(_QUOTED.sub(_shorten_quoted, text), longest)
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def _shorten_quoted(found: re.Match[str]) -> str:
    quoted = found[0]
    return quoted[0] + _shorten_middle(quoted[1:-1], _MAX_QUOTED) + quoted[0]


def _shorten_middle(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    kept = (longest - len("...")) // 2
    return f"{text[:kept]}...{text[-kept:]}"
