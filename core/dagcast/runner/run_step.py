"""Runs one step: resolves its references, looks into the cache, and makes attempts until one succeeds."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.definition.dependencies import Dependencies
from dagcast.definition.model import Step
from dagcast.definition.references import JsonGet, S3JsonGet, references
from dagcast.definition.resolve_references import ReferenceFailedError, Scope, resolve, resolve_known
from dagcast.definition.strict_json import parse_json
from dagcast.errors import DagcastError
from dagcast.frozen_dataclass import dataclass
from dagcast.runner import cache
from dagcast.runner.aws_names import make_job_name
from dagcast.runner.check_local_images import stand_ins_of
from dagcast.runner.container.channels import find_producers
from dagcast.runner.container.check_request import check_schema, raise_problems, remove_nulls
from dagcast.runner.executors.catalog import executor_for
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepResult, StepStoppedError
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.launch.recording_launcher import RecordingLauncher
from dagcast.runner.options import RunOptions
from dagcast.runner.output_parameters import read_output_parameters
from dagcast.runner.records.events import Event, EventKind
from dagcast.runner.records.job_folders import JobFolderRemover
from dagcast.runner.records.run_folder import RunFolder, RunRecord, SavedResult
from dagcast.runner.retries import RETRY_POLICIES, Retries
from dagcast.runner.scheduler import Ending
from dagcast.runner.store.local_store import Store
from dagcast.runner.stub import stub_result

_WALKS = frozenset({"os", "pathlib", "posixpath", "shutil", "dagcast.runner.container.job_links"})
"""Modules that walk through folders, by calling themselves for each level before Python 3.12."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class FinishedStep:
    """A step that has ended.

    Attributes:
        ending: ``succeeded``, ``cached``, ``kept``, ``failed`` or ``stopped``.
        outcome: The outcome of a condition step.
        reason: Why it failed or was stopped.
    """

    ending: Ending
    outcome: bool | None = None
    reason: str | None = None


@dataclass(kw_only=True)
class StepRunner:
    """Runs the steps of one run. Several threads can use it at the same time.

    Attributes:
        folder: The run's folder.
        record: The content of ``run.json``.
        options: The options of the run.
        store: The folder that replaces S3.
        launcher: Starts the processes of jobs.
        parameters: The values of the pipeline's parameters.
        earlier: Results of unselected steps in earlier runs, by name of the step.
        stop: Set when the run is stopping.
        emit: Receives the events.
        job_folders: Deletes the job folders of steps that have succeeded.
        dependencies: The dependencies of each step, by name.
    """

    folder: RunFolder
    record: RunRecord
    options: RunOptions
    store: Store
    launcher: Launcher
    parameters: Mapping[str, Any]
    earlier: Mapping[str, SavedResult]
    stop: threading.Event
    emit: Callable[[Event], None]
    job_folders: JobFolderRemover
    dependencies: Mapping[str, Dependencies]
    _results: dict[str, StepResult] = field(default_factory=dict)

    def run(self, step: Step) -> FinishedStep:
        """Run a step, save its result, and emit its events."""
        saved = self.folder.result(step.name)
        if saved is not None:
            self.job_folders.remove_later(step.name)
            return self._finish_success(step, saved, "kept")
        started = time.monotonic()
        try:
            saved, ending = self._find_or_produce(step, started)
            self.folder.write_result(step.name, saved)
            self.job_folders.remove_later(step.name)
            return self._finish_success(step, saved, ending)
        except StepStoppedError:
            return self._finish_failure(step, "stopped", "the run was stopped", started)
        except StepFailedError as error:
            log: dict[str, Any] = {"log": str(error.log)} if error.log is not None else {}
            log |= {"origins": list(error.origins)} if error.origins else {}
            return self._finish_failure(step, "failed", error.reason, started, **log)
        except OSError as error:
            return self._finish_failure(step, "failed", _format_os_error(error), started)

    def _find_or_produce(self, step: Step, started: float) -> tuple[SavedResult, Ending]:
        arguments, fields = self._resolve(step)
        key = self._cache_key(step, arguments, fields)
        if key is not None and (found := cache.find_result(self.options.runs, key, step)) is not None:
            source, cached = found
            fixed_uris = cache.fixed_output_uris(step, arguments, self.record.execution)
            if cache.copy_outputs(cached, source, self.store, fixed_uris):
                origin = cached.cached_from or source.id
                return SavedResult(cached.result, cached.ended, 0.0, 0, cached_from=origin), "cached"
        result = self._run_attempts(step, arguments, fields, started)
        attempts = len(self.folder.attempts(step.name))
        saved = SavedResult(result, datetime.now(timezone.utc), time.monotonic() - started, attempts)
        if key is not None:
            cache.add_result(self.options.runs, key, self.folder.id, step.name)
        return saved, "succeeded"

    def _run_attempts(
        self, step: Step, arguments: Mapping[str, Any], fields: Mapping[str, Any], started: float
    ) -> StepResult:
        policies = remove_nulls(fields.get("RetryPolicies") or ())
        raise_problems(check_schema(step.name, policies, RETRY_POLICIES, "RetryPolicies"))
        retries = Retries(policies)
        while True:
            folder = self.folder.new_attempt(step.name)
            number = int(folder.name.removeprefix("attempt-"))
            self._emit("step-started", step, attempt=number, log=str(folder / "stdout.log"))
            try:
                return self._run_attempt(step, arguments, fields, folder)
            except StepFailedError as error:
                wait = retries.wait(error.kind, time.monotonic() - started)
                if wait is None:
                    raise
                self._emit("step-retried", step, error.reason, attempt=number, wait=wait)
            if self.stop.wait(wait):
                raise StepStoppedError(f"step {step.name} was stopped")

    def _run_attempt(
        self, step: Step, arguments: Mapping[str, Any], fields: Mapping[str, Any], folder: Path
    ) -> StepResult:
        attempt = StepAttempt(
            step=step,
            arguments=arguments,
            fields=fields,
            waits_for=self.dependencies[step.name].steps,
            job_name=make_job_name(self.record.execution, step.name),
            folder=folder,
            store=self.store,
            options=self.options,
            launcher=self._launcher_of(step),
            stop=self.stop,
            warn=lambda message: self._emit("warning", step, message),
            place=self.record.place,
            execution_arn=execution_variables(self.record)["PipelineExecutionArn"],
            properties_of=self._properties_of,
            stand_ins=self._stand_ins_before(step),
        )
        if self.stop.is_set():
            raise StepStoppedError(f"step {step.name} was stopped")
        if step.name in self.options.stubs:
            file = self.options.stubs[step.name]
            result = stub_result(step, file, attempt)
            return replace(result, summary=f"stubbed by {file.name}")
        executor = executor_for(step.definition_type)
        assert executor is not None, "the plan refused types without an executor"
        try:
            return executor.run(attempt)
        except StepStoppedError:
            raise
        except StepFailedError as error:
            self._free_disk_space(step, error.__cause__)
            raise
        except RecursionError as error:
            raise StepFailedError(_format_recursion_error(error)) from error
        except OSError as error:
            # Executors copy and unpack the user's files, so that an error of the disk is a failure of the step.
            self._free_disk_space(step, error)
            raise StepFailedError(_format_os_error(error)) from error
        except DagcastError as error:
            raise StepFailedError(str(error)) from error

    def _launcher_of(self, step: Step) -> Launcher:
        launcher = self.launcher
        if step.name == self.options.debug:
            from dagcast.runner.launch.debug_launcher import DebugLauncher

            if (port := self.options.debugpy) is not None:
                self._emit("warning", step, f"waits for a debugger at 127.0.0.1:{port}")
            launcher = DebugLauncher(launcher, self.options.debugpy)
        return RecordingLauncher(launcher)

    def _resolve(self, step: Step) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
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
            read = [each for each in references(step.arguments) if isinstance(each, JsonGet | S3JsonGet)]
            raise StepFailedError(str(error), origins=find_producers(read)) from error

    def _cache_key(self, step: Step, arguments: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:
        if not self.options.cache or step.name in self.options.stubs or not cache.is_cache_enabled(step):
            return None
        digest = hashlib.sha256()
        executor = executor_for(step.definition_type)
        if executor is None:
            return None
        digest.update(executor.digest_code(fields, self.options).encode())
        answer = self.options.callbacks.get(step.name, "")
        digest.update(f"\0{answer}\0".encode())
        digest.update(Path(answer).read_bytes() if Path(answer).is_file() else b"")
        model_name = executor.model_name(arguments)
        dependencies = self.dependencies[step.name].steps if model_name is not None else ()
        properties = map(self._properties_of, dependencies)
        models = [model for model in properties if model.get("ModelName") == model_name]
        digest.update(self._local_images_digest(step, arguments, models).encode())
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

    def _local_images_digest(
        self, step: Step, arguments: Mapping[str, Any], models: Sequence[Mapping[str, Any]]
    ) -> str:
        """Return a digest of the local images that stand for the images of a step; an empty text if none does."""
        if self.launcher.isolation == "docker":
            return ""
        found = stand_ins_of(step.definition_type, arguments, models, self.options.local_images)
        return json.dumps([stand_in.as_dict() for stand_in in found], sort_keys=True) if found else ""

    def _stand_ins_before(self, step: Step) -> dict[str, Mapping[str, str]]:
        """Return the local images that stood for the images of the steps that a step comes after, by their names."""
        found: dict[str, Mapping[str, str]] = {}
        pending, seen = list(self.dependencies[step.name].steps), set[str]()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += self.dependencies[name].steps if name in self.dependencies else ()
                if stand_in := self._result_of(name).stand_in:
                    found[name] = stand_in
        return dict(sorted(found.items()))

    def _properties_of(self, step: str) -> Mapping[str, Any]:
        return self._result_of(step).properties

    def _result_of(self, step: str) -> StepResult:
        if step in self._results:
            return self._results[step]
        return self.earlier[step].result if step in self.earlier else StepResult()

    def _property_file(self, step: str, name: str) -> Any:
        files = self._result_of(step).property_files
        if name not in files:
            raise ReferenceFailedError(f"step {step!r} did not produce property file {name!r}")
        return self._read_json(files[name])

    def _read_json(self, uri: str) -> Any:
        try:
            return parse_json(self.store.read(uri))
        except (ValueError, RecursionError) as error:
            raise ReferenceFailedError(f"invalid JSON in {uri}: {error}") from error

    def _free_disk_space(self, step: Step, error: BaseException | None) -> None:
        """If the disk is full, remove the job folders of a step, so that its failure can be recorded."""
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            self.job_folders.remove_now(step.name)

    def _finish_success(self, step: Step, saved: SavedResult, ending: Ending) -> FinishedStep:
        self._results[step.name] = saved.result
        kinds: Mapping[Ending, EventKind] = {"kept": "step-kept", "cached": "step-cached"}
        details: dict[str, Any] = {"seconds": round(saved.seconds, 3), "attempts": saved.attempts}
        if saved.cached_from is not None:
            details["cached_from"] = saved.cached_from
        details |= {"outputs": dict(saved.result.outputs), "metrics": dict(saved.result.metrics)}
        if saved.result.stand_in:
            details["stand_in"] = dict(saved.result.stand_in)
        if returned := read_output_parameters(saved.result.properties):
            details["output_parameters"] = returned
        outcome = saved.result.properties.get("Outcome") if step.definition_type == "Condition" else None
        # A condition that is stubbed, or without conditions, has an outcome alone.
        summary = saved.result.summary or (None if outcome is None else str(outcome).lower())
        self._emit(kinds.get(ending, "step-succeeded"), step, summary, **details)
        return FinishedStep(ending, outcome)

    def _finish_failure(
        self, step: Step, ending: Ending, reason: str, started: float, **more: Any
    ) -> FinishedStep:
        kind: EventKind = "step-stopped"
        if ending == "failed":
            kind = "step-failed"
            # A step that the failure triggers can read the reason.
            self._results[step.name] = StepResult({"FailureReason": reason})
        seconds = round(time.monotonic() - started, 3)
        attempts = len(self.folder.attempts(step.name))
        self._emit(kind, step, reason, seconds=seconds, attempts=attempts, **more)
        return FinishedStep(ending, reason=reason)

    def _emit(self, kind: EventKind, step: Step, message: str | None = None, **details: Any) -> None:
        self.emit(Event(kind, step.name, message, details))


def execution_variables(record: RunRecord) -> dict[str, Any]:
    """Return the execution variables of a run. A resume does not change them."""
    pipeline = record.place.arn("pipeline", record.pipeline)
    started = record.started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "CurrentDateTime": started,
        "PipelineArn": pipeline,
        "PipelineExecutionArn": f"{pipeline}/execution/{record.execution}",
        "PipelineExecutionId": record.execution,
        "PipelineName": record.pipeline,
        "StartDateTime": started,
    }


def _format_recursion_error(error: RecursionError) -> str:
    """Say what is nested too deeply: folders, if a walk through them failed, or else values."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    module = str(frame.f_globals["__name__"])
    if module in _WALKS:
        return "in the output of the job, folders are nested too deeply"
    return f"values in the request or the result of the step are nested too deeply for {module}"


def _format_os_error(error: OSError) -> str:
    path = f": {error.filename}" if error.filename else ""
    if error.errno in _DISK_FULL:
        return f"the disk is full{path}"
    return f"{error.strerror or error}{path}"
