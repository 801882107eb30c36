"""What runs a step: the contract between the scheduler and the executors, one for each type of step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

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


def describe_nothing(attempt: StepAttempt, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """For types whose request says nothing of their properties."""
    return {}


def any_output(step: Step) -> tuple[str, ...] | None:
    """For types that name no outputs: a stub may give any."""
    return None


def no_output_uris(attempt: StepAttempt, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """For types whose outputs are those that ``ProcessingOutputConfig`` declares, or none."""
    return {}


@dataclass(frozen=True, kw_only=True)
class StubContract:
    """What a stub (``--stub STEP=FILE``) has to know of a type of step.

    Attributes:
        describe: Gives the properties that a Describe call would repeat of the request; references without a value
            are left out of the request that it gets.
        output_names: Gives the names that outputs may have; ``None`` if any may.
        output_uris: Gives by name of an output the S3 URI that the step leaves it at, besides those that
            ``ProcessingOutputConfig`` declares; gets the properties.
        outputs_are_folders: Whether a file that is given for an output lies in the output's folder.
    """

    describe: Callable[[StepAttempt, Mapping[str, Any]], Mapping[str, Any]] = describe_nothing
    output_names: Callable[[Step], tuple[str, ...] | None] = any_output
    output_uris: Callable[[StepAttempt, Mapping[str, Any]], Mapping[str, Any]] = no_output_uris
    outputs_are_folders: bool = False


@dataclass(frozen=True, kw_only=True)
class Executor:
    """A type of step that runs here; each module of :mod:`dagcast.runner.executors` ends in one, ``EXECUTOR``.

    Attributes:
        check: Finds what of a step cannot run here, before anything starts; references may stand for any value.
        run: Runs the step, and blocks until it ended. Raises StepFailedError if it fails, and StepStoppedError if the
            run is being stopped.
        stub: What a stub has to know of the type.
        reads_named_uris: Whether all S3 URIs that a step reads and makes are named in its request.
        digest_code: Gives a digest of code that is outside of the arguments; gets the step's other fields and the
            options.
        model_name: Gives the name of the model that a step's arguments name: a name says nothing of its content.
        fixed_output_uris: Gives by name of an output the S3 URI that it has in every execution, from the arguments.
    """

    check: Callable[[Step, RunOptions], Iterator[Diagnostic]]
    run: Callable[[StepAttempt], StepResult]
    stub: StubContract = StubContract()
    reads_named_uris: bool = False
    digest_code: Callable[[Mapping[str, Any], RunOptions], str] = lambda fields, options: ""
    model_name: Callable[[Mapping[str, Any]], Any] = lambda arguments: None
    fixed_output_uris: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda arguments: {}


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
    executor: Executor = import_module(f"dagcast.runner.executors.{MODULES[step_type]}").EXECUTOR
    return executor
