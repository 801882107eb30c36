"""What runs a step: the contract between the scheduler and the executors, one for each type of step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from dagcast.errors import DagcastError, Diagnostic

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.launch.launcher import Launcher
    from dagcast.runner.options import RunOptions
    from dagcast.runner.store.local_store import Store


class StepFailedError(DagcastError):
    """A step failed.

    Attributes:
        reason: Why, in one or a few sentences; what SageMaker calls the failure reason.
        kind: The exception type that retry policies name, such as ``SageMaker.JOB_INTERNAL_ERROR``; ``None`` for what
            no policy retries, which is a script that fails.
        log: The log that says more, if there is one.
    """

    def __init__(self, reason: str, *, kind: str | None = None, log: Path | None = None) -> None:
        self.reason = reason
        self.kind = kind
        self.log = log
        super().__init__(reason)


class StepStoppedError(DagcastError):
    """A step ended since the run is being stopped."""


@dataclass(frozen=True, kw_only=True)
class StepAttempt:
    """One attempt at one step, as its executor gets it.

    Attributes:
        step: The step as the definition has it.
        arguments: Its ``Arguments``, every reference replaced by its value.
        fields: The other fields of its entry in the definition, such as ``FunctionArn``, every reference replaced.
        job_name: The name of the job: the same at every attempt and after a resume; unique in the runs folder.
        folder: A folder that is this attempt's own, empty.
        store: What stands for S3.
        options: The choices of the run.
        launcher: What starts processes.
        stop: Set when the run is being stopped: end soon, with :class:`StepStoppedError`.
        warn: Tells the user of something that is not as in SageMaker.
        region: The region that the run pretends to be in.
        execution_arn: The ARN of the execution that the run pretends to be: ``Execution.PipelineExecutionArn``.
        properties_of: The properties of a step that has succeeded, by name.
        waits_for: The names of the steps that this one waited for.
    """

    step: Step
    arguments: Mapping[str, Any]
    fields: Mapping[str, Any]
    job_name: str
    folder: Path
    store: Store
    options: RunOptions
    launcher: Launcher
    stop: threading.Event
    warn: Callable[[str], None]
    region: str = "us-east-1"
    execution_arn: str = ""
    properties_of: Callable[[str], Mapping[str, Any]] = lambda step: {}
    waits_for: Sequence[str] = ()


@dataclass(frozen=True)
class StepResult:
    """What came of a step.

    Attributes:
        properties: What ``{"Get": "Steps.NAME..."}`` may read: the service's Describe response, as far as it is known.
        outputs: By name: the S3 URI of what it left in the store, or the folder of a registered model.
        metrics: By name: the last value of each metric.
        property_files: By name of the property file: the S3 URI of the file.
        more: S3 URIs of what it left besides, such as the models of a search that are not the best.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    property_files: Mapping[str, str] = field(default_factory=dict)
    more: Sequence[str] = ()


class Executor(Protocol):
    """A module of :mod:`dagcast.runner.executors`."""

    def check(self, step: Step, options: RunOptions) -> Iterator[Diagnostic]:
        """Say what of ``step`` cannot run here, before anything starts; references may stand for any value."""

    def run(self, attempt: StepAttempt) -> StepResult:
        """Run the step, and block until it ended.

        Raises:
            StepFailedError: If it failed.
            StepStoppedError: If the run is being stopped.
        """


MODULES = MappingProxyType(
    {
        "Processing": "processing",
        "Training": "training",
        "Model": "create_model",
        "RegisterModel": "register_model",
        "Callback": "callback",
        "Lambda": "lambda_",
        "Tuning": "tuning",
        "Transform": "transform",
        "Condition": "condition",
        "Fail": "fail",
    }
)
"""By ``Type`` in the definition: the module of :mod:`dagcast.runner.executors`."""


def executor_for(step_type: str) -> Executor | None:
    """The executor of a type of step; ``None`` for a type that cannot run here."""
    if step_type not in MODULES:
        return None
    module: Any = import_module(f"dagcast.runner.executors.{MODULES[step_type]}")
    return module  # type: ignore[no-any-return]
