"""Frameworks of the SDK's image tables and their versions."""

from __future__ import annotations


def framework_class(framework: str | None) -> str | None:
    """Return the framework without the variant of its tables: ``huggingface-neuronx`` is of ``huggingface``.

    Example:
        >>> framework_class("pytorch-training-compiler"), framework_class(None)
        ('pytorch', None)
    """
    return None if framework is None else framework.partition("-")[0]


def is_at_least(version: str | None, *least: int) -> bool:
    """Return whether a version is another one or a newer one. A part that is not a number ends the comparison.

    Example:
        >>> is_at_least("1.15.2", 1, 15), is_at_least("1.2", 1, 3), is_at_least("2", 1, 3), is_at_least(None, 1)
        (True, False, True, False)
    """
    parts: list[int] = []
    for part in (version or "").split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return bool(parts) and (*parts, *[0] * (len(least) - len(parts))) >= least
