"""How a run ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

RunStatus = Literal["Succeeded", "Failed", "Stopped", "CompletedWithFailures"]
"""``CompletedWithFailures``: steps failed, and steps that were there for that have run. Source: ``StepDependency`` of
the SageMaker Python SDK 3."""


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """How one step ended.

    Attributes:
        name: The step.
        type: Its type, as the definition has it.
        status: ``succeeded``, ``cached``, ``kept``, ``skipped``, ``failed`` or ``stopped``; ``waiting`` if it never
            started, ``running`` while it runs.
        seconds: How long it ran, all attempts together.
        attempts: How many there were.
        reason: Why it failed, was skipped or was stopped.
        outputs: By name: the S3 URI of what it left, or the folder of a registered model.
        metrics: By name: the last value of each metric.
        output_parameters: By name: what a Lambda or Callback step returned.
        log: The log of its last attempt; of the part that failed, if one did.
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


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        id: The run's id: the name of its folder.
        folder: Where everything is.
        pipeline: The pipeline's name.
        status: ``Succeeded``, ``Failed``, ``Stopped`` or ``CompletedWithFailures``.
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


_STATUSES = MappingProxyType(
    {
        "step-started": "running",
        "step-succeeded": "succeeded",
        "step-cached": "cached",
        "step-kept": "kept",
        "step-skipped": "skipped",
        "step-failed": "failed",
        "step-stopped": "stopped",
    }
)


class Ledger:
    """How each step stands, from the events of the run: as they happen, or as ``events.jsonl`` has them."""

    def __init__(self) -> None:
        self._steps: dict[str, StepOutcome] = {}

    @property
    def steps(self) -> tuple[StepOutcome, ...]:
        """How each step stands, in the order of the definition; one that runs is ``running``."""
        return tuple(self._steps.values())

    def add(self, event: Mapping[str, Any]) -> None:
        """Take an event, as its ``as_dict`` gives it."""
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
        )
