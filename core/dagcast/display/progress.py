"""Show the progress of a run: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from dagcast.display.terminal_text import (
    format_duration,
    strip_control_characters,
    summarize_reason,
    visible_text,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from dagcast.runner.records.events import Event, Listener

REFRESH = 8
"""Refreshes of the live table per second."""

LOG_TAIL = 2000
"""Bytes read from the end of a log to find its last line."""

_STATES = MappingProxyType(
    {
        "step-started": ("running", "cyan"),
        "step-retried": ("retrying", "yellow"),
        "step-succeeded": ("done", "green"),
        "step-cached": ("cached", "green"),
        "step-kept": ("kept", "green"),
        "step-skipped": ("skipped", "bright_black"),
        "step-not-started": ("not started", "bright_black"),
        "step-failed": ("failed", "red"),
        "step-stopped": ("stopped", "yellow"),
    }
)
_RUN = MappingProxyType({"run-started": "started", "run-resumed": "resumed", "warning": "warning"})
_LONGEST_NAME = 40
_BUSY = ("running", "retrying")
_RAN = ("done", "cached", "kept", "failed")
_FIRST = MappingProxyType({"running": 0, "retrying": 0, "failed": 1, "waiting": 3})
"""Priority of rows if there is no room for all. Succeeded steps, which are not listed, come last."""


@contextmanager
def progress(
    quiet: bool, as_json: bool, asks: Callable[[Mapping[str, str]], bool] = lambda steps: False
) -> Iterator[Listener]:
    """Yield a listener that shows events: as JSON on stdout, as a live table, or as lines on stderr.

    Args:
        quiet: Show nothing.
        as_json: Show JSON.
        asks: Receives the types of steps by name. Returns whether a step prompts the user; then no table is drawn, so
            that it does not hide the prompt.
    """
    if as_json:
        yield lambda event: click.echo(json.dumps(event.as_dict()))
    elif quiet:
        yield lambda event: None
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _LiveTable(asks=asks) as table:
            yield table.listen
    else:
        yield _print_line


@contextmanager
def show_progress(asks: Callable[[Mapping[str, str]], bool]) -> Iterator[Listener]:
    """Yield a listener that shows events where a person waits: in a notebook, or as a live table on a terminal.

    Args:
        asks: As for :func:`progress`.
    """
    from dagcast.display.notebook import NotebookTable, in_notebook

    if in_notebook():
        yield NotebookTable().listen
    else:
        with progress(quiet=not sys.stderr.isatty(), as_json=False, asks=asks) as listener:
            yield listener


def _print_line(event: Event) -> None:
    """Print an event as a line of text. The summary of the run follows separately."""
    if event.kind == "run-ended":
        return
    what = _STATES[event.kind][0] if event.kind in _STATES else _RUN[event.kind]
    name = f" {event.step or event.details.get('run', '')}".rstrip()
    took = "seconds" in event.details and event.kind not in ("step-cached", "step-kept")
    seconds = f" ({format_duration(event.details['seconds'])})" if took else ""
    wait = f" in {event.details['wait']:g} s" if "wait" in event.details else ""
    message = f": {summarize_reason(event.message)}" if event.message else ""
    line = strip_control_characters(f"{what}{name}{wait}{seconds}{message}")
    click.echo(f"{event.time.astimezone():%H:%M:%S} {line}", err=True)


@dataclass(kw_only=True)
class _Row:
    state: str = "waiting"
    color: str = "bright_black"
    started: float | None = None
    seconds: float | None = None
    log: Path | None = None
    message: str = ""


@dataclass(kw_only=True)
class _LiveTable:
    """A table with a row for each step, redrawn a few times a second."""

    asks: Callable[[Mapping[str, str]], bool]
    rows: dict[str, _Row] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    plain: bool = False
    started: float = field(default_factory=time.monotonic)
    console: Console | None = None
    live: Any = None

    def __enter__(self) -> _LiveTable:
        return self

    def __exit__(self, *error: object) -> None:
        if self.live is not None:
            with suppress(OSError):  # the terminal may be closed
                self.live.stop()

    def listen(self, event: Event) -> None:
        """Record an event. The next refresh shows it."""
        if event.kind in ("run-started", "run-resumed"):
            self._start(event)
        if self.plain or self.live is None:
            _print_line(event)
            return
        if event.kind == "warning" and event.message:
            from rich.text import Text

            where = f"{event.step}: " if event.step else ""
            text = Text.assemble(
                ("warning", "yellow"), f": {strip_control_characters(where + event.message)}"
            )
            self.live.console.print(text, soft_wrap=True)
        if event.step is not None and event.kind in _STATES:
            with self.lock:
                self._update(event.step, event)

    def _start(self, event: Event) -> None:
        steps = event.details["steps"]
        self.plain = self.asks(steps)
        if self.plain:
            return
        from rich.console import Console
        from rich.live import Live

        self.rows = {name: _Row() for name in steps}
        self.console = Console(stderr=True)
        self.live = Live(
            get_renderable=self.draw, console=self.console, refresh_per_second=REFRESH, transient=True
        )
        self.live.start()

    def _update(self, step: str, event: Event) -> None:
        row = self.rows.setdefault(step, _Row())
        row.state, row.color = _STATES[event.kind]
        row.message = summarize_reason(event.message or "")
        row.seconds = event.details.get("seconds", row.seconds)
        if event.kind == "step-started":
            row.started = row.started or time.monotonic()
            row.log = Path(event.details["log"]) if "log" in event.details else None

    def draw(self) -> Table:
        """Return the current table."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, expand=True)
        with self.lock:
            rows = self._visible_rows()
            # The last column gets the remaining width.
            names = min(max((len(name) for name, _ in rows), default=0), _LONGEST_NAME)
            for title, width in (("step", max(names, 4)), ("state", 8), ("time", 11), ("last line", None)):
                ratio = 1 if width is None else None
                table.add_column(title, no_wrap=True, overflow="ellipsis", width=width, ratio=ratio)
            for name, row in rows:
                busy = row.state in _BUSY and row.started is not None
                elapsed = time.monotonic() - (row.started or 0) if busy else row.seconds
                last = last_line(row.log) if row.state == "running" and row.log else row.message
                took = format_duration(elapsed) if elapsed else ""
                table.add_row(Text(name), Text(row.state, style=row.color), took, Text(last))
            states = [row.state for row in self.rows.values() if row.state != "skipped"]
        busy_count = sum(state in _BUSY for state in states)
        ran = sum(state in _RAN for state in states)
        total = f"{ran} of {len(states)} steps ran, {busy_count} running"
        table.caption = f"{total}, {format_duration(time.monotonic() - self.started)}"
        table.caption_justify = "left"
        return table

    def _visible_rows(self) -> Iterable[tuple[str, _Row]]:
        """Return the rows that fit, in the order of the definition. Busy steps take precedence."""
        room = (self.console.height if self.console is not None else 25) - 3
        if len(self.rows) <= room:
            return tuple(self.rows.items())
        rows = sorted(self.rows.items(), key=lambda item: _FIRST.get(item[1].state, 4))
        names = {name for name, _ in rows[: max(room, 1)]}
        return tuple((name, row) for name, row in self.rows.items() if name in names)


def last_line(log: Path) -> str:
    """Return the last non-empty line of a log as a terminal shows it; an empty string for an empty log.

    Of standard output and standard error, the log written last is read.
    """
    from dagcast.runner.records.logs import read_log_end  # a compile has no jobs

    lines = read_log_end(max((log, log.with_name("stderr.log")), key=_written), LOG_TAIL).split("\n")
    visible = (visible_text(line).strip() for line in reversed(lines))
    return next((line for line in visible if line), "")


def _written(log: Path) -> tuple[bool, int]:
    try:
        found = log.stat()
    except OSError:
        return False, 0
    return found.st_size > 0, found.st_mtime_ns
