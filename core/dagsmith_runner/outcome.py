"""How a run ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

RunStatus = Literal["Succeeded", "Failed", "Stopped"]


@dataclass(frozen=True)
class StepOutcome:
    """How one step ended.

    Attributes:
        name: The step.
        type: Its type, as the definition has it.
        status: ``succeeded``, ``cached``, ``kept``, ``skipped``, ``failed`` or ``stopped``; ``waiting`` for none.
        seconds: How long it ran, all attempts together.
        attempts: How many there were.
        reason: Why it failed, was skipped or was stopped.
        outputs: By name: the S3 URI of what it left.
        metrics: By name: the last value of each metric.
    """

    name: str
    type: str
    status: str
    seconds: float = 0.0
    attempts: int = 0
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        id: The run's id: the name of its folder.
        folder: Where everything is.
        pipeline: The pipeline's name.
        status: ``Succeeded``, ``Failed`` or ``Stopped``.
        steps: How each step ended, in the order of the definition.
        reason: Why it failed.
        seconds: How long it ran.
    """

    id: str
    folder: Path
    pipeline: str
    status: RunStatus
    steps: tuple[StepOutcome, ...]
    reason: str | None = None
    seconds: float = 0.0
