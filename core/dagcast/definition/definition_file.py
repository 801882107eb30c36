"""Tells files and data that hold a pipeline definition from configs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagcast.definition.describe_file import describe_file


def is_definition(data: Any) -> bool:
    """Return whether data is a pipeline definition, which may be invalid, and not a config.

    What another tool made counts as one: reading it reports what it is.
    """
    if not isinstance(data, Mapping) or "pipeline" in data:
        return False
    return "Steps" in data or describe_file(data) is not None


def read_definition_file(path: str) -> str | None:
    """Return the text of a pipeline definition; ``None`` for other files. The definition may be invalid."""
    if not path.endswith(".json"):
        return None
    try:
        text = Path(path).read_text("utf-8")
        data = json.loads(text)
    except (OSError, ValueError, RecursionError):
        # The config reader reports the error with its location.
        return None
    return text if is_definition(data) else None
