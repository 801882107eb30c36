"""What a person sees of a run: a live table on a terminal, plain lines elsewhere, and the table at the end."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from dagsmith_runner.events import Event, Listener
    from dagsmith_runner.outcome import RunOutcome

REFRESH = 8
"""How often the live table is drawn, a second."""

LOG_TAIL = 2000
"""Bytes at the end of a log that are read for its last line."""

_STATES = MappingProxyType(
    {
        "step-started": ("running", "cyan"),
        "step-retried": ("retrying", "yellow"),
        "step-succeeded": ("done", "green"),
        "step-cached": ("cached", "green"),
        "step-kept": ("kept", "green"),
        "step-skipped": ("skipped", "bright_black"),
        "step-failed": ("failed", "red"),
        "step-stopped": ("stopped", "yellow"),
    }
)
_COLORS = MappingProxyType(
    {
        "succeeded": "green",
        "cached": "green",
        "kept": "green",
        "failed": "red",
        "stopped": "yellow",
        "skipped": "bright_black",
        "waiting": "bright_black",
    }
)


@contextmanager
def progress(quiet: bool, as_json: bool) -> Iterator[Listener]:
    """A listener that shows events: as JSON on stdout, as a live table, or as a line each on stderr."""
    if as_json:
        yield lambda event: click.echo(json.dumps(event.as_dict()))
    elif quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        with _LiveTable() as table:
            yield table.listen
    else:
        yield _print_line


def _print_line(event: Event) -> None:
    """One event as a line of plain text."""
    what = _STATES[event.kind][0] if event.kind in _STATES else event.kind.replace("-", " ")
    seconds = f" ({event.details['seconds']:.1f} s)" if "seconds" in event.details else ""
    name = f" {event.step}" if event.step else ""
    message = f": {event.message}" if event.message else ""
    click.echo(f"{event.time:%H:%M:%S} {what}{name}{seconds}{message}", err=True)


@dataclass
class _Row:
    state: str = "waiting"
    color: str = "bright_black"
    started: float | None = None
    seconds: float | None = None
    log: Path | None = None
    message: str = ""


@dataclass
class _LiveTable:
    """A row for each step, drawn again a few times a second."""

    rows: dict[str, _Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    live: Any = None

    def __enter__(self) -> _LiveTable:
        from rich.console import Console
        from rich.live import Live

        self.live = Live(
            get_renderable=self.draw, console=Console(stderr=True), refresh_per_second=REFRESH, transient=True
        )
        self.live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.__exit__(*error)
        for note in self.notes:
            click.echo(f"{click.style('warning', fg='yellow')}: {note}", err=True)

    def listen(self, event: Event) -> None:
        """Take an event; it is shown at the next drawing."""
        with self.lock:
            for name in event.details.get("steps", ()):
                self.rows.setdefault(name, _Row())
            if event.kind == "warning" and event.message:
                self.notes.append(f"{event.step}: {event.message}" if event.step else event.message)
            if event.step is None or event.kind not in _STATES:
                return
            row = self.rows.setdefault(event.step, _Row())
            row.state, row.color = _STATES[event.kind]
            row.message = event.message or ""
            row.seconds = event.details.get("seconds", row.seconds)
            if event.kind == "step-started":
                row.started = row.started or time.monotonic()
                row.log = Path(event.details["log"]) if "log" in event.details else None

    def draw(self) -> Table:
        """The table as it stands."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for title in ("step", "state", "time", "last line"):
            table.add_column(title, no_wrap=True, overflow="ellipsis")
        with self.lock:
            for name, row in self.rows.items():
                running = row.state in ("running", "retrying") and row.started is not None
                elapsed = time.monotonic() - (row.started or 0) if running else row.seconds
                last = last_line(row.log) if running and row.log else row.message
                shown = f"{elapsed:.1f} s" if elapsed is not None else ""
                table.add_row(Text(name), Text(row.state, style=row.color), shown, Text(last))
        return table


def last_line(log: Path) -> str:
    """The last line of a log that is not empty, control characters left out; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - LOG_TAIL))
            lines = file.read().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    shown = ("".join(c for c in line if c.isprintable()).strip() for line in reversed(lines))
    return next((line for line in shown if line), "")


def show_outcome(outcome: RunOutcome) -> None:
    """The table at the end: times, metrics and outputs of each step, and where everything is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("step", "type", "state", "time", "result"):
        table.add_column(title, overflow="fold")
    for step in outcome.steps:
        seconds = f"{step.seconds:.1f} s" if step.attempts else ""
        results = [f"{name} = {value:g}" for name, value in step.metrics.items()]
        results += list(step.outputs.values())
        if step.reason:
            results.insert(0, step.reason)
        style = _COLORS.get(step.status, "")
        table.add_row(
            Text(step.name), step.type, Text(step.status, style=style), seconds, Text("\n".join(results))
        )
    console = Console(stderr=True, soft_wrap=not sys.stderr.isatty())
    console.print(table)
    reason = f": {outcome.reason}" if outcome.reason else ""
    click.echo(f"{outcome.pipeline} {outcome.status} in {outcome.seconds:.1f} s{reason}", err=True)
    click.echo(f"everything is in {outcome.folder}", err=True)
