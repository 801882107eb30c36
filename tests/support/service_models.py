"""botocore's models as tests compare them."""

from __future__ import annotations

from typing import Any


def without_documentation(data: Any) -> Any:
    """The data of a model with empty texts of documentation; nothing reads them."""
    if isinstance(data, dict):
        return {
            key: "" if key == "documentation" and isinstance(value, str) else without_documentation(value)
            for key, value in data.items()
        }
    return [without_documentation(item) for item in data] if isinstance(data, list) else data
