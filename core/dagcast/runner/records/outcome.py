"""The outcome of a run and of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from dagcast.frozen_dataclass import dataclass

RunStatus = Literal["Succeeded", "Failed", "Stopped", "CompletedWithFailures"]
"""``CompletedWithFailures``: steps failed, and steps that the failures trigger have run. Source: ``StepDependency`` of
the SageMaker Python SDK 3."""


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """The outcome of one step.

    Attributes:
        name: The name of the step.
        type: Its ``Type`` in the definition.
        status: ``succeeded``, ``cached``, ``kept``, ``skipped``, ``failed``, ``stopped`` or ``not-started``;
            ``waiting`` before it starts, ``running`` while it runs.
        seconds: The duration of all attempts together, in seconds.
        attempts: The number of attempts.
        reason: Why it failed, was skipped or was stopped.
        outputs: The S3 URI of each output, or the folder of a registered model, by name.
        metrics: The last value of each metric, by name.
        output_parameters: The values that a Lambda or Callback step returned, by name.
        log: The log of its last attempt, or of the part that failed.
        origins: The earlier steps to change, if it failed because of what they left.
        stand_in: The local image that stood for the image of the job: ``image``, ``label``, ``local_image``,
            ``distribution``, ``library``, ``difference`` and ``code_sha256``.
    """

    name: str
    type: str
    status: str
    seconds: float = 0.0
    attempts: int = 0
    reason: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    log: str | None = None
    output_parameters: Mapping[str, Any] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    stand_in: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        id: The run's ID: the name of its folder.
        folder: The run's folder.
        pipeline: The pipeline's name.
        status: ``Succeeded``, ``Failed``, ``Stopped`` or ``CompletedWithFailures``.
        steps: The outcome of each step, in the order of the definition.
        reason: Why it failed or was stopped.
        seconds: The duration in seconds, all parts of a resumed run together.
    """

    id: str
    folder: Path
    pipeline: str
    status: RunStatus
    steps: tuple[StepOutcome, ...]
    reason: str | None = None
    seconds: float = 0.0


_STATUSES = MappingProxyType(
    {
        "step-started": "running",
        "step-succeeded": "succeeded",
        "step-cached": "cached",
        "step-kept": "kept",
        "step-skipped": "skipped",
        "step-not-started": "not-started",
        "step-failed": "failed",
        "step-stopped": "stopped",
    }
)


class StepTracker:
    """Tracks the status of each step from the events of a run, live or from ``events.jsonl``."""

    def __init__(self) -> None:
        self._steps: dict[str, StepOutcome] = {}

    @property
    def steps(self) -> tuple[StepOutcome, ...]:
        """The current outcome of each step, in the order of the definition."""
        return tuple(self._steps.values())

    def add(self, event: Mapping[str, Any]) -> None:
        """Update the status of the steps from an event, in the form of ``Event.as_dict``."""
        for name, kind in event.get("steps", {}).items():
            before = self._steps.get(name, StepOutcome(name=name, type=kind, status="waiting"))
            self._steps[name] = replace(before, status="waiting", reason=None)
        status = _STATUSES.get(event["event"])
        if status is None or event["step"] not in self._steps:
            return
        before = self._steps[event["step"]]
        self._steps[event["step"]] = replace(
            before,
            status=status,
            reason=event.get("message"),
            seconds=event.get("seconds", before.seconds),
            attempts=event.get("attempts", before.attempts),
            outputs=event.get("outputs", before.outputs),
            metrics=event.get("metrics", before.metrics),
            log=event.get("log", before.log),
            output_parameters=event.get("output_parameters", before.output_parameters),
            origins=tuple(event.get("origins", ())),
            stand_in=event.get("stand_in", before.stand_in),
        )
