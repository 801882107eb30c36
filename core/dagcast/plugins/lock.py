"""The plugin lock: a file next to a definition that records the plugins of the compile."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagcast.errors import Diagnostic, InvalidInputError, Location

FIELDS = MappingProxyType(
    {
        "distribution": "its distribution",
        "version": "its version",
        "api_version": "the version of its hooks",
        "options_sha256": "the digest of its options",
    }
)
"""The fields that are compared, and their names in messages."""


def lock_path(definition: Path) -> Path:
    """Return the path of the lock of a definition: ``definition.plugins.json`` for ``definition.json``."""
    return definition.with_name(f"{definition.stem}.plugins.json")


def lock_text(plugins: Sequence[Mapping[str, Any]]) -> str:
    """Return the lock as the text of its file."""
    return json.dumps({"plugins": [dict(plugin) for plugin in plugins]}, indent=2) + "\n"


def check_lock(path: Path, plugins: Sequence[Mapping[str, Any]]) -> None:
    """Compare plugins with a lock: names, order, versions and options.

    Raises:
        InvalidInputError: If they differ, with all differences, or if the lock is missing or invalid.
    """
    try:
        locked = json.loads(path.read_text("utf-8"))["plugins"]
        differences = lock_differences(locked, plugins)
    except FileNotFoundError:
        hint = "compile without --locked once, and keep the file"
        missing = Diagnostic("missing plugin lock", Location(str(path)), code="plugin.lock", hint=hint)
        raise InvalidInputError([missing]) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"invalid plugin lock: {error}"
        raise InvalidInputError([Diagnostic(message, Location(str(path)), code="plugin.lock")]) from error
    if differences:
        hint = "compile without --locked to accept it"
        raise InvalidInputError(
            [Diagnostic(text, Location(str(path)), code="plugin.lock", hint=hint) for text in differences]
        )


def lock_differences(locked: Sequence[Mapping[str, Any]], plugins: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return all differences between a lock and the selected plugins: names, order, versions and options.

    Args:
        locked: The entries of the lock.
        plugins: The entries of the selected plugins.
    """
    by_name = {entry["name"]: entry for entry in locked}
    differences = []
    for plugin in plugins:
        name = plugin["name"]
        entry = by_name.pop(name, None)
        if entry is None:
            differences.append(f"plugin {name!r} is selected but is not in the lock")
            continue
        for field, what in FIELDS.items():
            if entry.get(field) != plugin[field]:
                differences.append(
                    f"plugin {name!r}: {what} is {plugin[field]}, the lock has {entry.get(field)}"
                )
    differences += [f"plugin {name!r} is in the lock but is not selected" for name in by_name]
    if not differences and [plugin["name"] for plugin in plugins] != [entry["name"] for entry in locked]:
        differences.append("the order of the plugins differs from the lock")
    return differences
