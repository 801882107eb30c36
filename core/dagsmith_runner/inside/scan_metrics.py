"""Finds the last value of each metric in logs: ``scan_metrics.py SECONDS DEFINITIONS LOG...``, with JSON in and out.

Runs in a process of its own, so that an expression that takes for ever can be ended.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINE = 16_384
"""How many characters of a line are searched: an expression costs more than its line is long."""


def main(seconds: str, definitions: str, *logs: str) -> None:
    """Print by name: the last value, as text, that each expression captured.

    After so many seconds the process ends by itself: who would end it may have been killed.
    """
    signal.alarm(int(seconds))
    expressions = [(item["Name"], re.compile(item["Regex"])) for item in json.loads(definitions)]
    found: dict[str, str] = {}
    for log in logs:
        for line in _lines(Path(log)):
            for name, expression in expressions:
                for match in expression.finditer(line):
                    found[name] = match[1] if expression.groups else match[0]
    print(json.dumps(found))


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
