"""Inspect values and exceptions of third-party code, whose ``__repr__``, ``__str__`` or ``__class__`` may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar, overload

T = TypeVar("T")

MAX_LENGTH = 400
"""The maximum length of a formatted value in a message, in characters."""


@overload
def is_instance(value: object, kind: type[T], /) -> TypeGuard[T]: ...


@overload
def is_instance(value: object, /, *kinds: Any) -> bool: ...


def is_instance(value: object, /, *kinds: Any) -> bool:
    """Return whether the type of a value derives from one of the types; its ``__class__`` is not evaluated."""
    return issubclass(type(value), kinds)


def ancestors(cls: type) -> tuple[type, ...]:
    """Return the real ``__mro__`` of a class, which a metaclass may override."""
    found: tuple[type, ...] = type.__dict__["__mro__"].__get__(cls)
    return found


def set_class_attribute(cls: type, name: str, value: Any) -> None:
    """Set an attribute of a class, also if its metaclass refuses that in Python."""
    try:
        type.__setattr__(cls, name, value)
    # A metaclass that is written in C, such as that of ctypes.Structure, accepts only its own __setattr__.
    except TypeError:
        setattr(cls, name, value)


def safe_repr(value: object) -> str:
    """Return the ``repr`` of a value on one line, shortened; a placeholder if ``__repr__`` raises."""
    return _format(repr, value)


def format_exception(error: BaseException, redact: Callable[[str], str] = str) -> str:
    """Return the type and the text of an exception on one line, shortened.

    Args:
        error: The exception.
        redact: Removes what the text must not contain, before it is shortened.
    """
    text = _format(str, error, redact)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def format_exception_text(error: BaseException, redact: Callable[[str], str] = str) -> str:
    """Return the text of an exception on one line, shortened; see :func:`format_exception`."""
    return _format(str, error, redact)


def _format(format_value: Callable[[object], str], value: object, redact: Callable[[str], str] = str) -> str:
    try:
        text = redact(" ".join(format_value(value).split()))
    # __repr__ and __str__ are third-party code.
    except Exception as error:
        return f"<{type(value).__name__} whose text is unavailable: {type(error).__name__}>"
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}... ({len(text):,} characters)"
