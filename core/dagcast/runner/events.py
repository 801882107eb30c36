"""What happens in a run, as it happens: the lines of ``events.jsonl``, and what a display is fed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

EventKind = Literal[
    "run-started",
    "run-resumed",
    "step-started",
    "step-retried",
    "step-succeeded",
    "step-cached",
    "step-kept",
    "step-skipped",
    "step-failed",
    "step-stopped",
    "warning",
    "run-ended",
]
"""``step-kept``: an earlier part of a resumed run finished it. ``step-skipped``: its branch is not taken, or nobody
selected it. ``step-stopped``: it did not start or did not end, since another failed or the user interrupted."""


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: What happened.
        step: The step it happened to; ``None`` for the run as a whole.
        message: The reason, in one sentence, where there is one.
        details: JSON-ready facts: ``seconds``, ``attempt``, ``outputs``, ``metrics``, ``output_parameters``,
            ``log``, ``status``.
        time: When, in UTC.
    """

    kind: EventKind
    step: str | None = None
    message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON-ready data."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "event": self.kind,
            **({"step": self.step} if self.step is not None else {}),
            **({"message": self.message} if self.message is not None else {}),
            **self.details,
        }


Listener = Callable[[Event], None]
