"""Events of a run: the lines of ``events.jsonl``, which displays also receive as they happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timezone
from typing import Any, Literal

from dagcast.frozen_dataclass import dataclass

EventKind = Literal[
    "run-started",
    "run-resumed",
    "step-started",
    "step-retried",
    "step-succeeded",
    "step-cached",
    "step-kept",
    "step-skipped",
    "step-not-started",
    "step-failed",
    "step-stopped",
    "warning",
    "site-policy",
    "stand-ins",
    "run-ended",
]
"""``site-policy``: a file of the site policy that holds. ``stand-ins``: what replaces a role, a bucket or images that
the config lacks. ``step-kept``: the step succeeded before the run was resumed.
``step-skipped``: its branch is not taken, or it is not selected. ``step-not-started``: a step that it waits for failed,
or the run was interrupted before it. ``step-stopped``: the run was interrupted while it ran."""


@dataclass(frozen=True)
class Event:
    """One event of a run.

    Attributes:
        kind: What happened.
        step: The step; ``None`` for the whole run.
        message: The reason, in one sentence, if there is one.
        details: JSON-ready facts: ``seconds``, ``attempt``, ``outputs``, ``metrics``, ``output_parameters``,
            ``log``, ``status``; of a warning about the input, the ``code`` of its diagnostic.
        time: The time in UTC.
    """

    kind: EventKind
    step: str | None = None
    message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON-ready data."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "event": self.kind,
            **({"step": self.step} if self.step is not None else {}),
            **({"message": self.message} if self.message is not None else {}),
            **self.details,
        }


Listener = Callable[[Event], None]
