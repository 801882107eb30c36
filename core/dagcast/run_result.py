"""The result of a run on this machine, for programs and notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.frozen_dataclass import dataclass

if TYPE_CHECKING:
    from dagcast.runner.records.outcome import RunOutcome, RunStatus, StepOutcome
    from dagcast.runner.records.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class RunStep:
    """One step of a run.

    Attributes:
        name: The name of the step.
        type: Its ``Type`` in the definition, such as ``Training``.
        status: ``succeeded``, ``cached``, ``kept`` (by a resume), ``skipped``, ``failed``, ``stopped`` or
            ``not-started``.
        seconds: The duration of all attempts together, in seconds.
        attempts: The number of attempts.
        reason: Why it failed, was skipped or did not start; of a condition, its values.
        outputs: The local path of each output, by name.
        metrics: The last value of each metric, by name.
        output_parameters: The values that a Lambda or Callback step returned, by name.
        logs: The log files of its last attempt.

    Example:
        >>> step = RunStep(
        ...     name="train", type="Training", status="succeeded", seconds=1.5, attempts=1, reason=None,
        ...     outputs={}, metrics={"auc": 0.9}, output_parameters={}, logs=(),
        ... )
        >>> step
        <RunStep train succeeded>
        >>> step.log
        ''
    """

    name: str
    type: str
    status: str
    seconds: float
    attempts: int
    reason: str | None
    outputs: Mapping[str, Path]
    metrics: Mapping[str, float]
    output_parameters: Mapping[str, Any]
    logs: tuple[Path, ...]

    @property
    def log(self) -> str:
        """The text of its logs, one after the other; bytes that are not UTF-8 are replaced."""
        return "".join(path.read_text("utf-8", errors="replace") for path in self.logs if path.is_file())

    def __repr__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"<RunStep {self.name} {self.status}{reason}>"


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended: what :func:`dagcast.run` returns.

    Attributes:
        id: The run's ID: the name of its folder.
        pipeline: The pipeline's name.
        status: ``Succeeded``, ``Failed``, ``Stopped`` or ``CompletedWithFailures``.
        reason: Why it failed or was stopped.
        seconds: The duration in seconds, all parts of a resumed run together.
        folder: The run's folder.
        parameters: The values of the pipeline's parameters.
        steps: The steps by name, in the order of the definition.
        warnings: What the compile and the run warned of.

    In a notebook, a result is shown as a table of its steps.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from dagcast import run
        >>> config = {"pipeline": {"name": "demo"}, "steps": {"stop": {"type": "Fail", "error_message": "no data"}}}
        >>> with TemporaryDirectory() as folder:
        ...     result = run(config, plugins=[], runs=folder)
        >>> result.succeeded, result.reason, result.steps["stop"]
        (False, "step 'stop' failed: no data", <RunStep stop failed: no data>)
    """

    id: str
    pipeline: str
    status: RunStatus
    reason: str | None
    seconds: float
    folder: Path
    parameters: Mapping[str, Any]
    steps: Mapping[str, RunStep]
    warnings: tuple[str, ...]
    _outcome: RunOutcome

    @property
    def succeeded(self) -> bool:
        """Whether the run succeeded."""
        return self.status == "Succeeded"

    def __repr__(self) -> str:
        from dagcast.display.terminal_text import format_duration, summarize_reason

        reason = f": {summarize_reason(self.reason)}" if self.reason else ""
        return f"<RunResult {self.id} {self.status} in {format_duration(self.seconds)}{reason}>"

    def _repr_html_(self) -> str:
        from dagcast.display.run_html import format_run

        return format_run(self._outcome)


def read_result(folder: RunFolder, warnings: tuple[str, ...] = ()) -> RunResult:
    """Read the result of a run from its folder.

    Args:
        folder: The run's folder.
        warnings: What the compile and the run warned of.

    Raises:
        RunFolderError: If a file of the run cannot be read.
    """
    outcome = folder.outcome()
    return RunResult(
        id=outcome.id,
        pipeline=outcome.pipeline,
        status=outcome.status,
        reason=outcome.reason,
        seconds=outcome.seconds,
        folder=outcome.folder,
        parameters=folder.parameters(),
        steps={step.name: _read_step(folder, step) for step in outcome.steps},
        warnings=warnings,
        _outcome=outcome,
    )


def _read_step(folder: RunFolder, step: StepOutcome) -> RunStep:
    from dagcast.runner.records.logs import find_logs

    attempts = folder.attempts(step.name)
    return RunStep(
        name=step.name,
        type=step.type,
        status=step.status,
        seconds=step.seconds,
        attempts=step.attempts,
        reason=step.reason,
        outputs={name: folder.local_path(output) for name, output in step.outputs.items()},
        metrics=dict(step.metrics),
        output_parameters=dict(step.output_parameters),
        logs=tuple(find_logs(attempts[-1])) if attempts else (),
    )
