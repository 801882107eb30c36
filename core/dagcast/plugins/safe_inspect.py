"""Looking at what foreign code gives: a value that cannot show its text or class, an error that fills the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar, overload

T = TypeVar("T")

MAX_LENGTH = 400
"""Most characters of a foreign text that a message holds."""


@overload
def is_instance(value: object, kind: type[T], /) -> TypeGuard[T]: ...


@overload
def is_instance(value: object, /, *kinds: Any) -> bool: ...


def is_instance(value: object, /, *kinds: Any) -> bool:
    """Whether a value is of one of these types. What it says of its ``__class__`` is not asked: that may raise."""
    return issubclass(type(value), kinds)


def safe_repr(value: object) -> str:
    """A value as Python writes it, as far as it can be shown."""
    return _text(repr, value)


def format_exception(error: BaseException) -> str:
    """What was raised: its type, and its text on one line."""
    text = _text(str, error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def format_exception_text(error: BaseException) -> str:
    """The text of what was raised, on one line."""
    return _text(str, error)


def _text(spell: Callable[[object], str], value: object) -> str:
    try:
        text = " ".join(spell(value).split())
    # Even the text is made by foreign code.
    except Exception as error:
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}... ({len(text):,} characters)"
