"""Where code may come from: the project of a config, and the only code of a config that is not trusted."""

from __future__ import annotations

import os
from pathlib import Path

from dagcast.frozen_dataclass import dataclass

PROJECT_MARKS = ("pyproject.toml", ".git")
"""Files and folders that mark the root of a project."""


@dataclass(frozen=True)
class CodeLimit:
    """The only code that a compile may stage, for configs that are not trusted.

    Attributes:
        folder: The folder. A path that is absolute, leaves it or is missing from it is refused before it is read.
        problem: What is wrong with such a path, after its name.
        digests: The SHA-256 digests of the objects that may be staged, in hexadecimal. Another file of the folder, or
            another choice of files, is refused. Default: any.

    Example:
        >>> from pathlib import Path
        >>> limit = CodeLimit(Path.cwd(), "is not among the registered code")
        >>> limit.allows("/etc/passwd", Path.cwd()), limit.allows("../../secret.py", Path.cwd())
        (False, False)
    """

    folder: Path
    problem: str
    digests: frozenset[str] | None = None

    def allows_object(self, digest: str) -> bool:
        """Return whether an object may be staged.

        Args:
            digest: The SHA-256 digest of its bytes.
        """
        return self.digests is None or digest in self.digests

    def allows(self, path: str, root: Path) -> bool:
        """Return whether code may be read.

        Args:
            path: The path as written in the config.
            root: The folder that it is relative to.
        """
        if "\0" in path or os.path.isabs(path):  # noqa: PTH117 - the path is text from the config
            return False
        found = Path(os.path.realpath(root / path))
        return found.is_relative_to(os.path.realpath(self.folder)) and found.exists()


def project_folder(folder: Path) -> Path:
    """Return the project of a config: the nearest folder with ``pyproject.toml`` or a git root, else its own folder.

    Args:
        folder: The folder of the config.
    """
    own = Path(os.path.realpath(folder))
    for each in (own, *own.parents):
        if any(os.path.lexists(each / mark) for mark in PROJECT_MARKS):
            return each
    return own


def is_outside(path: str, root: Path, project: Path) -> bool:
    """Return whether a path of a config leads out of its project.

    Args:
        path: The path as written in the config.
        root: The folder that it is relative to.
        project: The folder of the project.
    """
    return not Path(os.path.realpath(root / path)).is_relative_to(project)
