"""Finds the last value of each metric in logs: ``scan_metrics.py SECONDS DEFINITIONS LOG...``, with JSON in and out.

It runs in a process of its own, so that an expression that never ends can be killed.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

TAB = "#011"
"""A tab in the logs of training jobs. Source: metric definitions of built-in images in DescribeTrainingJob."""

MAX_LINE = 16_384
"""How many characters of a line are searched, because an expression can cost more than proportionally to its length."""


def main(seconds: str, definitions: str, *logs: str) -> None:
    """Print ``found``: the last captured text by metric; and ``slow``: the metrics whose expression took too long.

    Each expression gets an equal part of ``seconds``. The limits hold even if the process that would kill this one is
    killed.
    """
    signal.signal(signal.SIGALRM, _raise_too_slow)
    items = json.loads(definitions)
    found: dict[str, str] = {}
    slow: list[str] = []
    for item in items:
        signal.setitimer(signal.ITIMER_REAL, float(seconds) / len(items))
        try:
            last = _find_last(re.compile(item["Regex"]), logs)
        except _TooSlowError:
            slow.append(item["Name"])
        else:
            found.update({} if last is None else {item["Name"]: last})
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps({"found": found, "slow": slow}))


class _TooSlowError(Exception):
    """An expression exceeded its time."""


def _raise_too_slow(number: int, frame: object) -> None:
    raise _TooSlowError


def _find_last(expression: re.Pattern[str], logs: Iterable[str]) -> str | None:
    last = None
    for log in logs:
        for line in _read_lines(Path(log)):
            for match in list(expression.finditer(line)) or _find_escaped(expression, line):
                last = match[1] if expression.groups else match[0]
    return last


def _find_escaped(expression: re.Pattern[str], line: str) -> Iterable[re.Match[str]]:
    """Search a line as SageMaker's log shows it."""
    return expression.finditer(line.replace("\t", TAB)) if "\t" in line else ()


def _read_lines(log: Path) -> Iterator[str]:
    """Yield the lines of a log, each cut at :data:`MAX_LINE`.

    A carriage return ends a line too, because progress bars print it.
    """
    with log.open("rb") as reader:
        at_line_start = True
        while chunk := reader.readline(MAX_LINE):
            if at_line_start:
                yield from chunk.decode(errors="replace").rstrip("\n").split("\r")
            at_line_start = chunk.endswith(b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
