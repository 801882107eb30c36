"""The metadata provider ``pyproject``: reads the project's ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagcast.plugin import Diagnostic, InvalidInputError, Location, read_document
from mods_plugin.metadata import AUTHOR, DESCRIPTION, PACKAGE_NAME, VERSION
from mods_plugin.providers import ProviderContext


def from_pyproject(context: ProviderContext) -> Mapping[str, Any]:
    """Return ``authors``, ``version``, ``description`` and ``name`` of ``[project]`` in the nearest ``pyproject.toml``.

    The file is searched for in the folder of the config and its parents. ``dynamic`` fields are unknown.

    Raises:
        InvalidInputError: If the file cannot be read.
    """
    file = _find(context.root)
    project = read_document(file).data.get("project", {}) if file is not None else {}
    if not isinstance(project, dict):
        diagnostic = Diagnostic(
            "'project' is invalid, expected a table", Location(str(file)), code="mods.wrong-type"
        )
        raise InvalidInputError([diagnostic])
    return {
        AUTHOR: _author(project.get("authors")),
        VERSION: project.get("version"),
        DESCRIPTION: project.get("description"),
        PACKAGE_NAME: project.get("name"),
    }


def _find(folder: Path) -> Path | None:
    candidates = (parent / "pyproject.toml" for parent in (folder, *folder.parents))
    return next((path for path in candidates if path.is_file()), None)


def _author(authors: object) -> Any:
    first = authors[0] if isinstance(authors, list) and authors else None
    return first.get("name") or first.get("email") if isinstance(first, dict) else None
