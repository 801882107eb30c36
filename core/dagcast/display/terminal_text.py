"""Format text for a terminal: without control characters, on one line, in a limited length."""

from __future__ import annotations

import re

from dagcast.lazy_pattern import lazy_pattern

_ESCAPES = lazy_pattern(
    r"""
    \x1b(?:
        \[[0-?]*[ -/]*[@-~]?                    # control sequences: colors, movements of the cursor
        |[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)  # strings, such as the title of the window; BEL ends them, too
        |[ -/]*[0-~]?                         # all else, and a string that does not end
    )
    """,
    re.VERBOSE,
)
"""Escape sequences of a terminal. Source: ECMA-48, 5.4 and 5.6; ECMA-35, 13; xterm's control sequences for BEL.
``click.unstyle`` matches the first kind only, and ``rich.ansi`` does not match strings that end with BEL."""


def strip_control_characters(text: str, keep: str = "") -> str:
    """Remove escape sequences from a text and replace each other control character by a space.

    Args:
        text: Output of a program, or content of a file.
        keep: Control characters to keep, such as line ends.
    """
    return "".join(c if c.isprintable() or c in keep else " " for c in _ESCAPES.sub("", text))


def visible_text(line: str, keep: str = "") -> str:
    """Return the text of a line that a terminal shows: after its last carriage return, as progress bars write it.

    Args:
        line: A line of program output.
        keep: Control characters to keep.
    """
    return strip_control_characters(line.rstrip("\r").rpartition("\r")[2], keep=keep)


def summarize_reason(reason: str) -> str:
    """Return the reason of a failure on one line: of a traceback, the kind of the error and the last line."""
    lines = [shown for line in reason.splitlines() if (shown := strip_control_characters(line).strip())]
    if len(lines) < 2:
        return truncate_middle("".join(lines))
    kind, colon, _ = lines[0].partition(": ")
    return truncate_middle(f"{kind}: ... {lines[-1]}" if colon else f"{lines[0]} ... {lines[-1]}")


def truncate_middle(line: str, length: int = 300) -> str:
    """Shorten a line by replacing its middle, if it is longer than ``length`` characters."""
    return line if len(line) <= length else f"{line[: length // 2]} ... {line[-length // 2 :]}"


def format_duration(seconds: float) -> str:
    """Format a duration: ``1.2 s``, ``3 min 5 s``, ``2 h 3 min``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
