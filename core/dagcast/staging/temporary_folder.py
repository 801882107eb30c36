"""Temporary folders, with an error that says so where the machine has no usable one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagcast.errors import DagcastError, escape_text


class TemporaryFolderError(DagcastError):
    """The folder of temporary files is full, read-only or missing."""

    code = "command.temporary-folder"


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a temporary folder, which is deleted at the end of the ``with`` block.

    Args:
        prefix: The beginning of its name.

    Raises:
        TemporaryFolderError: If it cannot be made.

    Example:
        >>> with temporary_folder("example-") as folder:
        ...     folder.is_dir()
        True
    """
    with report_unwritable():
        made = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    with made as folder:
        yield Path(folder)


@contextmanager
def report_unwritable() -> Iterator[None]:
    """Convert an error of the operating system in the block, which writes only temporary files.

    Raises:
        TemporaryFolderError: If the block raises an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        problem = error.strerror or str(error)
        try:
            place = f"the temporary folder {escape_text(tempfile.gettempdir())}"
        except OSError:
            # Python looks for a folder that it can write, and its message lists where.
            place = "a temporary folder"
        raise TemporaryFolderError(
            f"cannot write to {place}: {problem}; free space in it, or set TMPDIR to another folder"
        ) from error
