"""Finds and reads the logs of jobs, which can have any size."""

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


def find_logs(folder: Path) -> list[Path]:
    """Return the logs of an attempt and of its parts, such as trials of a tuning step, without files below ``ml``."""
    found = [
        log
        for pattern in ("*.log", "*/*.log", "*/*/*.log")
        for log in folder.glob(pattern)
        if "ml" not in log.relative_to(folder).parts[:-1] and log.is_file() and not log.is_symlink()
    ]
    return sorted(found, key=lambda log: (log.parent, log.name != "stdout.log", log.name))
