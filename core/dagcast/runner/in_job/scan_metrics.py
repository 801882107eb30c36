"""Finds the last value of each metric in logs: ``scan_metrics.py SECONDS DEFINITIONS LOG...``, with JSON in and out.

Runs in a process of its own, so that an expression that takes for ever can be ended.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

MAX_LINE = 16_384
"""How many characters of a line are searched: an expression costs more than its line is long."""


def main(seconds: str, definitions: str, *logs: str) -> None:
    """Print ``found``, by name the last value, as text, that each expression captured; and ``slow``: who took too long.

    Each expression has its part of the seconds, and all of them together end in time: who would end this process may
    have been killed.
    """
    signal.signal(signal.SIGALRM, _give_up)
    items = json.loads(definitions)
    found: dict[str, str] = {}
    slow: list[str] = []
    for item in items:
        signal.setitimer(signal.ITIMER_REAL, float(seconds) / len(items))
        try:
            last = _last(re.compile(item["Regex"]), logs)
        except _TooSlowError:
            slow.append(item["Name"])
        else:
            found.update({} if last is None else {item["Name"]: last})
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps({"found": found, "slow": slow}))


class _TooSlowError(Exception):
    """An expression has had its time."""


def _give_up(number: int, frame: object) -> None:
    raise _TooSlowError


def _last(expression: re.Pattern[str], logs: Iterable[str]) -> str | None:
    last = None
    for log in logs:
        for line in _lines(Path(log)):
            for match in expression.finditer(line):
                last = match[1] if expression.groups else match[0]
    return last


def _lines(log: Path) -> Iterator[str]:
    """The lines of a log, each cut at :data:`MAX_LINE`; a carriage return ends one too, as progress bars write."""
    with log.open("rb") as reader:
        whole = True
        while piece := reader.readline(MAX_LINE):
            if whole:
                yield from piece.decode(errors="replace").rstrip("\n").split("\r")
            whole = piece.endswith(b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
