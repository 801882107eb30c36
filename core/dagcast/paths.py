"""Paths into data: the keys and list indexes that lead to a value.

In code a path is always a tuple, so that a key may contain any character. People read and write text:
:func:`format_path` and :func:`parse_path` convert between the two.
"""

from __future__ import annotations

import re

from dagcast.lazy_pattern import lazy_pattern

FieldPath = tuple[str | int, ...]
"""Keys of mappings and 0-based indexes of lists, from the outermost in; ``()`` is the whole value."""

_BARE = lazy_pattern(r"[\w-]+")
"""Matches keys that are written without quotes."""

_PART = lazy_pattern(
    r"""(?P<dot>\.)?(?P<name>[^.\[\]'"]+)
      | \[(?P<index>-?\d+)\]
      | \[(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]""",
    re.VERBOSE | re.DOTALL,
)

_ESCAPE = lazy_pattern(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def format_path(path: FieldPath) -> str:
    """Return a path as text for people; different paths have different texts.

    Args:
        path: The path.

    Returns:
        Keys separated by dots, and indexes in brackets. A key with other characters than letters, digits, underscores
        and hyphens is in brackets and quotes. The text of the empty path is empty.

    >>> format_path(("ProcessingInputs", 0, "S3Input"))
    'ProcessingInputs[0].S3Input'
    >>> print(format_path(("HyperParameters", "eval.metric")))
    HyperParameters['eval.metric']
    """
    text = ""
    for part in path:
        if not isinstance(part, str):
            text += f"[{part}]"
        elif part.isidentifier() or _BARE.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def parse_path(text: str) -> FieldPath:
    """Return the path of a text; the opposite of :func:`format_path`.

    Args:
        text: The text. Every key may be in brackets and quotes, single or double.

    Raises:
        ValueError: If the text is invalid; the message explains the syntax.

    >>> parse_path("Tags[0].Key")
    ('Tags', 0, 'Key')
    >>> parse_path('HyperParameters["eval.metric"]')
    ('HyperParameters', 'eval.metric')
    """
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        # Every name but the first has a dot before it.
        if found is None or (found["name"] is not None and (found["dot"] is None) != (position == 0)):
            raise ValueError(
                f"invalid path {text!r}: write keys with dots between them, list items as [0], "
                "and keys with dots or brackets as ['a.b']"
            )
        if found["name"] is not None:
            parts.append(found["name"])
        elif found["index"] is not None:
            parts.append(int(found["index"]))
        else:
            parts.append(_ESCAPE.sub(_unescape, found["quoted"][1:-1]))
        position = found.end()
    return tuple(parts)


def to_path(path: str | FieldPath) -> FieldPath:
    """Return the path for an argument that is a path or a single key.

    Args:
        path: The path, or its only key.

    Raises:
        TypeError: If it is neither.
        ValueError: If a key has a dot: write a key with a dot as a tuple of one key.

    >>> to_path("RoleArn")
    ('RoleArn',)
    >>> to_path("VpcConfig.Subnets")
    Traceback (most recent call last):
    ValueError: 'VpcConfig.Subnets' is not a path: write ('VpcConfig', 'Subnets'), or ('VpcConfig.Subnets',) for one key
    """
    if isinstance(path, tuple):
        return path
    if not isinstance(path, str):
        raise TypeError(f"{path!r} is not a path: write a tuple of keys and indexes")
    if "." in path:
        parts = tuple(path.split("."))
        raise ValueError(f"{path!r} is not a path: write {parts!r}, or {(path,)!r} for one key")
    return (path,)


def is_within(path: FieldPath, other: FieldPath) -> bool:
    """Return whether ``path`` is ``other`` or a path below it.

    >>> is_within(("Tags", 0, "Key"), ("Tags", 0))
    True
    """
    return path[: len(other)] == other


def _unescape(found: re.Match[str]) -> str:
    escape = found[1]
    if len(escape) > 1:
        return chr(int(escape[1:], 16))
    return _ESCAPED.get(escape, escape)
