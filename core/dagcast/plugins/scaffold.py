"""``dagcast plugins new``: write a complete plugin project whose tests pass."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from dagcast.diagnostic_codes import AREAS
from dagcast.errors import Diagnostic, InvalidInputError, Location
from dagcast.plugins.scan import PLUGIN_NAME

LAYOUT = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "src/{package}/__init__.py": "plugin.py.in",
    "src/{package}/py.typed": None,
    "tests/test_plugin.py": "test_plugin.py.in",
}
"""The files of a project, and their templates."""


def write_project(name: str, folder: Path) -> tuple[Path, ...]:
    """Write a plugin project.

    Args:
        name: The plugin's name: letters, digits, hyphens and underscores, a letter first.
        folder: The folder of the project. Existing files are not overwritten.

    Returns:
        The paths of the files.

    Raises:
        InvalidInputError: If the name is invalid, or a file already exists.
    """
    if not PLUGIN_NAME.fullmatch(name):
        hint = "use letters, digits, hyphens and underscores, a letter first"
        raise InvalidInputError(
            [Diagnostic(f"{name!r} is not a valid plugin name", code="plugin.invalid-name", hint=hint)]
        )
    package = f"dagcast_{name.replace('-', '_').lower()}"
    area = _diagnostic_area(name)
    targets = {folder / path.format(package=package): template for path, template in LAYOUT.items()}
    existing = [path for path in targets if path.exists()]
    if existing:
        raise InvalidInputError(
            Diagnostic("already exists", Location(str(path)), code="plugin.file-exists") for path in existing
        )
    templates = files("dagcast.plugins") / "templates"
    for path, template in targets.items():
        text = (templates / template).read_text("utf-8") if template else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.replace("@NAME@", name).replace("@PACKAGE@", package).replace("@AREA@", area),
            encoding="utf-8",
            newline="\n",
        )
    return tuple(targets)


def _diagnostic_area(name: str) -> str:
    """The area of the plugin's diagnostic codes: its name, in the spelling of codes, and none of dagcast's own."""
    area = re.sub("[-_]+", "-", name.lower()).strip("-")
    return f"{area}-plugin" if area in AREAS else area
