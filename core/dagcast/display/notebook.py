"""Show the progress of a run in a notebook: a table that is updated in place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dagcast.display.run_html import format_steps
from dagcast.runner.records.outcome import StepTracker

if TYPE_CHECKING:
    from dagcast.runner.records.events import Event


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook. A terminal's IPython has no kernel and shows no HTML."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class NotebookTable:
    """A table of steps in the output of a cell, updated at each event."""

    def __init__(self) -> None:
        self._tracker = StepTracker()
        self._display: Any = None

    def listen(self, event: Event) -> None:
        """Update the table."""
        from IPython.display import HTML, display

        self._tracker.add(event.as_dict())
        shown = HTML(format_steps(self._tracker.steps))
        if self._display is None:
            self._display = display(shown, display_id=True)
        else:
            # By its ID, since events come from threads, which have no cell of their own.
            self._display.update(shown)
