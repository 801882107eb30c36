"""Reads logs of jobs, which may be of any size, from their end."""

from __future__ import annotations

import os
from pathlib import Path


def end_of(log: Path, size: int) -> str:
    """What stands in the last ``size`` bytes of a log; empty if it cannot be read."""
    try:
        with log.open("rb") as reader:
            reader.seek(max(0, reader.seek(0, os.SEEK_END) - size))
            return reader.read(size).decode(errors="replace")
    except OSError:
        return ""
