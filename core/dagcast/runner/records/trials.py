"""Reads the trials of tuning steps from the results of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dagcast.frozen_dataclass import dataclass
from dagcast.runner.records.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class TrialSummary:
    """One training job of a tuning step.

    Attributes:
        name: The name of the training job.
        status: ``Completed`` or ``Failed``.
        metric: The name of the objective; ``None`` if the log has no value of it.
        objective: The value of the objective.
        hyperparameters: The values that the search chose, by name.
        reason: Why it failed.
    """

    name: str
    status: str
    metric: str | None
    objective: float | None
    hyperparameters: Mapping[str, str]
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the trial as JSON-ready data."""
        return asdict(self)


def read_trials(folder: RunFolder, step: str) -> tuple[TrialSummary, ...]:
    """Return the trials of a step, the best first; none for steps that are not tuning steps, or have not succeeded.

    Raises:
        RunFolderError: If the result of the step cannot be read.
    """
    saved = folder.result(step)
    summaries = [] if saved is None else saved.result.properties.get("TrainingJobSummaries", [])
    return tuple(map(_read_trial, summaries))


def _read_trial(summary: Mapping[str, Any]) -> TrialSummary:
    final = summary.get("FinalHyperParameterTuningJobObjectiveMetric", {})
    return TrialSummary(
        name=summary["TrainingJobName"],
        # The stub of a step names its best job alone.
        status=summary.get("TrainingJobStatus", "Completed"),
        metric=final.get("MetricName"),
        objective=final.get("Value"),
        hyperparameters=summary.get("TunedHyperParameters", {}),
        reason=summary.get("FailureReason"),
    )
