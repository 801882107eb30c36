"""The interface of executors: the modules that run steps, one for each type of step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.aws_names import AwsPlace

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.launch.launcher import Launcher
    from dagcast.runner.options import RunOptions
    from dagcast.runner.store.local_store import Store


class StepFailedError(DagcastError):
    """A step failed.

    Attributes:
        reason: The reason, in one or a few sentences: SageMaker's failure reason.
        kind: The exception type that retry policies name, such as ``SageMaker.JOB_INTERNAL_ERROR``; ``None`` for an
            error that no policy retries, such as a script that fails.
        log: The log of the job, if it has one.
        origins: The steps to change, if the failure comes from what earlier steps left or did not leave.
    """

    def __init__(
        self,
        reason: str,
        *,
        kind: str | None = None,
        log: Path | None = None,
        origins: Sequence[str] = (),
    ) -> None:
        self.reason = reason
        self.origins = tuple(origins)
        self.kind = kind
        self.log = log
        super().__init__(reason)


class StepStoppedError(DagcastError):
    """A step ended because the run is stopping."""


@dataclass(frozen=True, kw_only=True)
class StepAttempt:
    """One attempt at one step: the input of an executor.

    Attributes:
        step: The step, with its references.
        arguments: Its ``Arguments``, resolved.
        fields: The other fields of its entry in the definition, such as ``FunctionArn``, resolved.
        job_name: The name of the job. It is the same at every attempt and after a resume, and unique in the folder of
            runs.
        folder: The folder of this attempt, empty.
        store: The folder that replaces S3.
        options: The options of the run.
        launcher: Starts the processes of the job.
        stop: Set when the run is stopping: the executor then raises :class:`StepStoppedError` soon.
        warn: Warns the user, for example of a difference from SageMaker.
        place: The account and region in ARNs of the run.
        execution_arn: The ARN of the execution: ``Execution.PipelineExecutionArn``.
        properties_of: Returns the properties of a step that has succeeded, by the step's name.
        waits_for: The names of the steps that this one waited for.
        stand_ins: By name of a step before this one: the local image that stood for its image, as its result has it.
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
    place: AwsPlace = AwsPlace("us-east-1")
    execution_arn: str = ""
    properties_of: Callable[[str], Mapping[str, Any]] = lambda step: {}
    waits_for: Sequence[str] = ()
    stand_ins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class StepResult:
    """The result of a step.

    Attributes:
        properties: The properties that ``{"Get": "Steps.NAME..."}`` reads: the service's Describe response, as far as
            it is known.
        outputs: The S3 URI of each output, or the folder of a registered model, by name.
        metrics: The last value of each metric, by name.
        property_files: The S3 URI of each property file, by name.
        more: S3 URIs of further outputs, such as the models of a search other than the best.
        summary: What the step found, in one line, such as ``true: 0.981 >= 0.9`` of a condition.
        stand_in: The local image that stood for the image of the job, as ``StandIn.as_dict`` describes it.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    property_files: Mapping[str, str] = field(default_factory=dict)
    more: Sequence[str] = ()
    summary: str | None = field(default=None, kw_only=True)
    stand_in: Mapping[str, str] = field(default_factory=dict, kw_only=True)


def describe_nothing(attempt: StepAttempt, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return no properties: for types whose request does not determine any."""
    return {}


def any_output(step: Step) -> tuple[str, ...] | None:
    """Accept all names of outputs: for types that declare none."""
    return None


def no_output_uris(attempt: StepAttempt, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return no URIs: for types without outputs, or with those of ``ProcessingOutputConfig`` only."""
    return {}


@dataclass(frozen=True, kw_only=True)
class StubContract:
    """The facts of a type of step that its stubs (``--stub STEP=FILE``) depend on.

    Attributes:
        describe: Returns the properties that a Describe call repeats from the request. Its argument is the request
            without unresolved references.
        output_names: Returns the allowed names of outputs; ``None`` if all names are allowed.
        output_uris: Returns the S3 URI of each output by name, from the properties. Those of
            ``ProcessingOutputConfig`` need not be included.
        outputs_are_folders: Whether the URI of an output is a folder: a file of the stub is then stored below it.
    """

    describe: Callable[[StepAttempt, Mapping[str, Any]], Mapping[str, Any]] = describe_nothing
    output_names: Callable[[Step], tuple[str, ...] | None] = any_output
    output_uris: Callable[[StepAttempt, Mapping[str, Any]], Mapping[str, Any]] = no_output_uris
    outputs_are_folders: bool = False


@dataclass(frozen=True, kw_only=True)
class Executor:
    """A type of step that runs here; each module of :mod:`dagcast.runner.executors` ends in one, ``EXECUTOR``.

    Attributes:
        check: Yields what cannot run locally, before anything starts. References are not resolved yet.
        run: Runs the step, and blocks until it has ended. Raises StepFailedError if it fails, and StepStoppedError if
            the run is stopping.
        stub: The facts that stubs of the type depend on.
        reads_named_uris: Whether the request names all S3 URIs that the step reads and writes.
        digest_code: Returns a digest of code outside the arguments, from the step's other fields and the options.
        model_name: Returns the name of the model in the arguments. The name does not identify the model's content.
        fixed_output_uris: Returns the S3 URI of each output that is the same in every execution, by name, from the
            arguments.
    """

    check: Callable[[Step, RunOptions], Iterator[Diagnostic]]
    run: Callable[[StepAttempt], StepResult]
    stub: StubContract = StubContract()
    reads_named_uris: bool = False
    digest_code: Callable[[Mapping[str, Any], RunOptions], str] = lambda fields, options: ""
    model_name: Callable[[Mapping[str, Any]], Any] = lambda arguments: None
    fixed_output_uris: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda arguments: {}
