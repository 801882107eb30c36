"""The file transport. The client's own transport opens the file for each event, which takes longer than writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from openlineage.client.serde import Serde
from openlineage.client.transport.file import FileConfig, FileTransport

if TYPE_CHECKING:
    from openlineage.client.client import Event


class LinesTransport(FileTransport):
    """Appends each event to a file as a line of JSON, in one write, so that several processes can share the file.

    Args:
        path: The file, which is created with the first event.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(FileConfig(log_file_path=str(path), append=True))
        self._path = path
        self._file: BinaryIO | None = None

    def emit(self, event: Event) -> None:
        """Append one event.

        Raises:
            OSError: If the file cannot be written.
        """
        if self._file is None:
            self._file = self._path.open("ab", buffering=0)
        self._file.write(f"{Serde.to_json(event)}\n".encode())

    def close(self, timeout: float = -1) -> bool:
        """Close the file; writes are unbuffered, so this does not wait."""
        if self._file is not None:
            self._file.close()
            self._file = None
        return True
