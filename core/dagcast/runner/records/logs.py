"""Reads the end of jobs' logs, which can have any size."""

from __future__ import annotations

import os
from pathlib import Path


def read_log_end(log: Path, size: int) -> str:
    """Return the last ``size`` bytes of a log as text; an empty string if it cannot be read."""
    try:
        with log.open("rb") as reader:
            reader.seek(max(0, reader.seek(0, os.SEEK_END) - size))
            return reader.read(size).decode(errors="replace")
    except OSError:
        return ""
