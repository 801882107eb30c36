"""Runs one step: from its references to its result, with the cache, attempts and retries between them."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.definition.dependencies import Dependencies
from dagcast.definition.model import Step
from dagcast.definition.references import ReferenceFailedError, Scope, resolve, resolve_known
from dagcast.errors import DagcastError
from dagcast.runner import cache
from dagcast.runner.aws_names import make_arn, make_job_name
from dagcast.runner.container.check_request import check_schema, raise_problems, remove_nulls
from dagcast.runner.executor import StepAttempt, StepFailedError, StepResult, StepStoppedError, executor_for
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import RunOptions
from dagcast.runner.output_parameters import read_output_parameters
from dagcast.runner.records.events import Event, EventKind
from dagcast.runner.records.leftovers import Leftovers
from dagcast.runner.records.run_folder import KeptResult, RunFolder, RunRecord
from dagcast.runner.retries import POLICIES, Retries
from dagcast.runner.scheduler import Ending
from dagcast.runner.store.local_store import Store
from dagcast.runner.stub import stub_result

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Ended:
    """How a step ended.

    Attributes:
        ending: ``succeeded``, ``cached``, ``kept``, ``failed`` or ``stopped``.
        outcome: What a condition step found.
        reason: Why it failed.
    """

    ending: Ending
    outcome: bool | None = None
    reason: str | None = None


@dataclass(kw_only=True)
class StepRunner:
    """Runs the steps of one run; many threads use it.

    Attributes:
        folder: The run's folder.
        record: What is known of the run.
        options: The choices of the run.
        store: What stands for S3.
        launcher: What starts processes.
        parameters: The values of the pipeline's parameters.
        earlier: What steps that are not selected came to in an earlier run.
        stop: Set when the run is being stopped.
        tell: Takes each event.
        leftovers: Removes what is no longer needed.
        dependencies: By name of each step: what it waits for.
    """

    folder: RunFolder
    record: RunRecord
    options: RunOptions
    store: Store
    launcher: Launcher
    parameters: Mapping[str, Any]
    earlier: Mapping[str, KeptResult]
    stop: threading.Event
    tell: Callable[[Event], None]
    leftovers: Leftovers
    dependencies: Mapping[str, Dependencies]
    _results: dict[str, StepResult] = field(default_factory=dict)

    def run(self, step: Step) -> Ended:
        """Run a step, and tell what becomes of it."""
        kept = self.folder.result(step.name)
        if kept is not None:
            self.leftovers.remove(step.name)
            return self._succeeded(step, kept, "kept")
        started = time.monotonic()
        try:
            kept, ending = self._result(step, started)
            self.folder.write_result(step.name, kept)
            self.leftovers.remove(step.name)
            return self._succeeded(step, kept, ending)
        except StepStoppedError:
            return self._ended(step, "stopped", "the run was stopped", started)
        except StepFailedError as error:
            log = {"log": str(error.log)} if error.log is not None else {}
            return self._ended(step, "failed", error.reason, started, **log)
        except OSError as error:
            return self._ended(step, "failed", _told(error), started)

    def _result(self, step: Step, started: float) -> tuple[KeptResult, Ending]:
        arguments, fields = self._resolved(step)
        key = self._cache_key(step, arguments, fields)
        if key is not None and (found := cache.recall(self.options.runs, key, step)) is not None:
            source, kept = found
            scratch = self.folder.path / "steps" / step.name / "cached"
            places = cache.fixed_places(step, arguments, self.record.execution)
            if cache.take_outputs(kept, source, self.store, scratch, places):
                origin = kept.cached_from or source.id
                return KeptResult(kept.result, kept.ended, 0.0, 0, cached_from=origin), "cached"
        result = self._attempts(step, arguments, fields, started)
        attempts = len(self.folder.attempts(step.name))
        kept = KeptResult(result, datetime.now(timezone.utc), time.monotonic() - started, attempts)
        if key is not None:
            cache.remember(self.options.runs, key, self.folder.id, step.name)
        return kept, "succeeded"

    def _attempts(
        self, step: Step, arguments: Mapping[str, Any], fields: Mapping[str, Any], started: float
    ) -> StepResult:
        policies = remove_nulls(fields.get("RetryPolicies") or ())
        raise_problems(check_schema(step.name, policies, POLICIES, "RetryPolicies"))
        retries = Retries(policies)
        while True:
            folder = self.folder.new_attempt(step.name)
            number = int(folder.name.removeprefix("attempt-"))
            self._tell("step-started", step, attempt=number, log=str(folder / "stdout.log"))
            try:
                return self._attempt(step, arguments, fields, folder)
            except StepFailedError as error:
                wait = retries.wait(error.kind, time.monotonic() - started)
                if wait is None:
                    raise
                self._tell("step-retried", step, error.reason, attempt=number, wait=wait)
            if self.stop.wait(wait):
                raise StepStoppedError(f"step {step.name} was stopped")

    def _attempt(
        self, step: Step, arguments: Mapping[str, Any], fields: Mapping[str, Any], folder: Path
    ) -> StepResult:
        run = StepAttempt(
            step=step,
            arguments=arguments,
            fields=fields,
            waits_for=self.dependencies[step.name].steps,
            job_name=make_job_name(self.record.execution, step.name),
            folder=folder,
            store=self.store,
            options=self.options,
            launcher=self.launcher,
            stop=self.stop,
            warn=lambda message: self._tell("warning", step, message),
            region=self.record.region,
            execution_arn=execution_variables(self.record)["PipelineExecutionArn"],
            properties_of=self._properties_of,
        )
        if self.stop.is_set():
            raise StepStoppedError(f"step {step.name} was stopped")
        if step.name in self.options.stubs:
            return stub_result(step, self.options.stubs[step.name], run)
        executor = executor_for(step.definition_type)
        assert executor is not None, "the plan refused types without an executor"
        try:
            return executor.run(run)
        except StepStoppedError:
            raise
        except StepFailedError as error:
            self._make_room(step, error.__cause__)
            raise
        except RecursionError as error:
            raise StepFailedError(
                "the job left folders that are nested too deep to be handed over"
            ) from error
        except OSError as error:
            # An executor copies and unpacks the user's files: what the disk refuses is the step's failure.
            self._make_room(step, error)
            raise StepFailedError(_told(error)) from error
        except DagcastError as error:
            raise StepFailedError(str(error)) from error

    def _resolved(self, step: Step) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        name = make_job_name(self.record.execution, step.name)
        scope = Scope(
            self.parameters,
            {**execution_variables(self.record), "TrainingJobName": name, "ProcessingJobName": name},
            self._properties_of,
            self._property_file,
            self._read_json,
        )
        if step.name in self.options.stubs:
            return resolve_known(step.arguments, scope), resolve_known(step.fields, scope)
        try:
            return resolve(step.arguments, scope), resolve(step.fields, scope)
        except DagcastError as error:
            raise StepFailedError(str(error)) from error

    def _cache_key(self, step: Step, arguments: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:
        if not self.options.cache or step.name in self.options.stubs or not cache.asks_for_cache(step):
            return None
        digest = hashlib.sha256()
        executor = executor_for(step.definition_type)
        if executor is None:
            return None
        digest.update(executor.digest_code(fields, self.options).encode())
        answer = self.options.callbacks.get(step.name, "")
        digest.update(f"\0{answer}\0".encode())
        digest.update(Path(answer).read_bytes() if Path(answer).is_file() else b"")
        named = executor.model_name(arguments)
        earlier = self.dependencies[step.name].steps if named is not None else ()
        before = map(self._properties_of, earlier)
        models = [model for model in before if model.get("ModelName") == named]
        try:
            return cache.cache_key(
                step,
                arguments,
                fields=fields,
                store=self.store,
                execution=self.record.execution,
                code=digest.hexdigest(),
                models=models,
            )
        except DagcastError as error:
            raise StepFailedError(str(error)) from error

    def _properties_of(self, step: str) -> Mapping[str, Any]:
        return self._result_of(step).properties

    def _result_of(self, step: str) -> StepResult:
        if step in self._results:
            return self._results[step]
        return self.earlier[step].result if step in self.earlier else StepResult()

    def _property_file(self, step: str, name: str) -> Any:
        files = self._result_of(step).property_files
        if name not in files:
            raise ReferenceFailedError(f"step {step!r} left no property file {name!r}")
        return self._read_json(files[name])

    def _read_json(self, uri: str) -> Any:
        try:
            return json.loads(self.store.read(uri))
        except (ValueError, RecursionError) as error:
            raise ReferenceFailedError(f"{uri} is no JSON: {error}") from error

    def _make_room(self, step: Step, error: BaseException | None) -> None:
        """On a full disk remove what the job had, so that the failure can be written down."""
        if isinstance(error, OSError) and error.errno in _FULL:
            self.leftovers.remove_now(step.name)

    def _succeeded(self, step: Step, kept: KeptResult, ending: Ending) -> Ended:
        self._results[step.name] = kept.result
        kinds: Mapping[Ending, EventKind] = {"kept": "step-kept", "cached": "step-cached"}
        details: dict[str, Any] = {"seconds": round(kept.seconds, 3), "attempts": kept.attempts}
        if kept.cached_from is not None:
            details["cached_from"] = kept.cached_from
        details |= {"outputs": dict(kept.result.outputs), "metrics": dict(kept.result.metrics)}
        if returned := read_output_parameters(kept.result.properties):
            details["output_parameters"] = returned
        found = kept.result.properties.get("Outcome") if step.definition_type == "Condition" else None
        said = None if found is None else f"it is {'true' if found else 'false'}"
        self._tell(kinds.get(ending, "step-succeeded"), step, said, **details)
        return Ended(ending, found)

    def _ended(self, step: Step, ending: Ending, reason: str, started: float, **more: Any) -> Ended:
        kind: EventKind = "step-stopped"
        if ending == "failed":
            kind = "step-failed"
            # A step that waits for this failure may read why it was.
            self._results[step.name] = StepResult({"FailureReason": reason})
        seconds = round(time.monotonic() - started, 3)
        attempts = len(self.folder.attempts(step.name))
        self._tell(kind, step, reason, seconds=seconds, attempts=attempts, **more)
        return Ended(ending, reason=reason)

    def _tell(self, kind: EventKind, step: Step, message: str | None = None, **details: Any) -> None:
        self.tell(Event(kind, step.name, message, details))


def execution_variables(record: RunRecord) -> dict[str, Any]:
    """The execution variables of a run; a resume does not change them."""
    pipeline = make_arn(record.region, "pipeline", record.pipeline)
    started = record.started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "CurrentDateTime": started,
        "PipelineArn": pipeline,
        "PipelineExecutionArn": f"{pipeline}/execution/{record.execution}",
        "PipelineExecutionId": record.execution,
        "PipelineName": record.pipeline,
        "StartDateTime": started,
    }


def _told(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in _FULL:
        return f"the disk is full{where}"
    return f"{error.strerror or error}{where}"
