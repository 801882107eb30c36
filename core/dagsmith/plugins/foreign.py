"""Words for what foreign code gives: a value whose ``repr`` may fail, an error whose text may fill the screen."""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 400
"""Most characters of a foreign text that a message holds."""


def shown(value: object) -> str:
    """A value as Python writes it, as far as it can be shown."""
    return _text(repr, value)


def told(error: BaseException) -> str:
    """What was raised: its type, and its text on one line."""
    text = _text(str, error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def told_alone(error: BaseException) -> str:
    """The text of what was raised, on one line."""
    return _text(str, error)


def _text(spell: Callable[[object], str], value: object) -> str:
    try:
        text = " ".join(spell(value).split())
    # Even the text is made by foreign code.
    except Exception as error:
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"
