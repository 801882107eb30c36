"""Parses JSON as its standard has it: Python's own parser also takes ``NaN`` and ``Infinity``, which JSON lacks."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: If it is invalid, for example because it contains ``NaN`` or ``Infinity`` (RFC 8259, section 6).
        RecursionError: If it is nested too deeply.

    Example:
        >>> parse_json('{"loss": NaN}')
        Traceback (most recent call last):
        ...
        ValueError: NaN is not a JSON value
    """
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
