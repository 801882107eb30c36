"""Runs a pipeline definition on this machine."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagcast.check.definition_problems import check_definition
from dagcast.definition.model import Definition, Step
from dagcast.definition.parameters import parameter_values
from dagcast.definition.read import read_definition
from dagcast.definition.references import render
from dagcast.definition.resolve_references import ReferenceFailedError, Scope
from dagcast.errors import DagcastError, DiagnosticSink, IgnoredRule, Location
from dagcast.runner.aws_names import AwsPlace
from dagcast.runner.check_local_images import LocateField
from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import RunOptions
from dagcast.runner.plan import Plan, make_plan
from dagcast.runner.records.events import Event, EventKind, Listener
from dagcast.runner.records.find_runs import find_run, follow_earlier_runs
from dagcast.runner.records.job_folders import JobFolderRemover
from dagcast.runner.records.new_run import create_run
from dagcast.runner.records.outcome import RunOutcome, RunStatus, StepTracker
from dagcast.runner.records.run_folder import RunFolder, RunRecord
from dagcast.runner.records.staged_sources import RunSources, find_changed_code
from dagcast.runner.run_step import FinishedStep, StepRunner, execution_variables
from dagcast.runner.scheduler import Schedule
from dagcast.runner.store.local_inputs import pack_folders
from dagcast.runner.store.local_store import Store
from dagcast.sagemaker.limits import PIPELINE_NAME_MAX_LENGTH, PIPELINE_NAME_PATTERN

_REGION = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]+:([a-z]{2}(?:-[a-z]+)+-\d):|\.ecr\.([a-z]{2}(?:-[a-z]+)+-\d)\."
)
_UNKNOWN_REGION = "us-east-1"


def _ignore_event(event: Event) -> None:
    """Ignore an event."""


@dataclass
class Runner:
    """One run of a pipeline.

    Attributes:
        definition: The pipeline's definition: JSON, as SageMaker would get it.
        pipeline: The pipeline's name.
        options: The options of the run.
        listener: Receives each event. Calls come from several threads, one at a time.
        objects: Files that an upload would have stored in S3, such as staged code, by S3 URI.
        plugin_lock: The text of the plugin lock, which is saved in the run's folder.
        sources: The local code of the run, which is saved there too: a resumed run warns if it has changed.
        local_parameters: Values of parameters that plugins give; those of the options override them.
        parameter_owners: By name of a parameter that a plugin added to the pipeline: the plugin, for messages.
        file: The name of the definition's file in messages.
        checked: Whether a compile has checked the definition already, with the rules of its config and its plugins.
        place: The account and region in ARNs. Default: the first region that the definition names, and an account of
            AWS's documentation.
        execution: The ID of the execution: 12 lowercase letters and digits. Default: a random one.
        locate: Returns the place in the config of a value, from the name of a step and the path in its entry of the
            definition. Without it, messages name the file of the definition.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> definition = '{"Version": "2020-12-01", "Steps": [{"Name": "stop", "Type": "Fail", "Arguments": {}}]}'
        >>> with TemporaryDirectory() as folder:
        ...     outcome = Runner(definition, "example", options=RunOptions(runs=Path(folder))).run()
        >>> outcome.status, outcome.steps[0].name, outcome.steps[0].status
        ('Failed', 'stop', 'failed')
    """

    definition: str
    pipeline: str
    _: KW_ONLY
    options: RunOptions
    listener: Listener = _ignore_event
    objects: Mapping[str, Path] = field(default_factory=dict)
    plugin_lock: str | None = None
    sources: RunSources = field(default_factory=RunSources)
    local_parameters: Mapping[str, Any] = field(default_factory=dict)
    parameter_owners: Mapping[str, str] = field(default_factory=dict)
    file: str = "definition.json"
    checked: bool = False
    place: AwsPlace | None = None
    execution: str | None = None
    locate: LocateField | None = None
    _folder: RunFolder | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _launcher: Launcher | None = None
    _ignored: tuple[IgnoredRule, ...] = ()

    @classmethod
    def resume(cls, run: str, options: RunOptions, *, listener: Listener = _ignore_event) -> Runner:
        """Return a runner that continues a run: steps that have succeeded are kept, all others run.

        Args:
            run: The run's ID, a beginning of it that no other run has, its last word, or ``last``.
            options: Options that replace those of the run, where they differ from the default.
            listener: Receives each event.

        Raises:
            RunFolderError: If the run is unknown or ambiguous, or cannot be read.
            InvalidInputError: If a parameter differs from the run's: it cannot change.
        """
        folder = find_run(options.runs, run)
        record = folder.record()
        sink = DiagnosticSink()
        values = folder.parameters()
        for name, value in options.parameters.items():
            if str(values.get(name)) != str(value):
                sink.error(
                    f"--param {name}: cannot change a parameter of a resumed run"
                    f" (run {folder.id} has {values.get(name)!r})",
                    code="run.resumed-parameter",
                )
        sink.raise_errors()
        chosen = replace(options.merge_saved(record.options), parameters=values)
        return cls(
            folder.definition(),
            record.pipeline,
            options=chosen,
            listener=listener,
            file=str(folder.path / "definition.json"),
            # It was checked before the run began.
            checked=True,
            _folder=folder,
        )

    def stop(self) -> None:
        """Stop the run: no further step starts, and active steps are ended. Any thread can call this, repeatedly."""
        self._stop.set()

    def kill(self) -> None:
        """Stop the run, and end its jobs immediately instead of giving them time to exit."""
        self._stop.set()
        if self._launcher is not None:
            self._launcher.close()

    def run(self) -> RunOutcome:
        """Run the pipeline, and block until it has ended.

        Returns:
            The outcome. A failed step is not an exception.

        Raises:
            InvalidInputError: With all mistakes, before anything starts.
            RunFolderError: If another process runs this run, or its folder cannot be written.
            DagcastError: If jobs cannot be isolated as the options require.
            ValueError: If the ID of the execution has another form.
        """
        if os.name == "nt":
            raise DagcastError(
                "pipelines run on Linux and macOS only; on Windows, use the Windows Subsystem for Linux"
            )
        options = replace(
            self.options,
            runs=self.options.runs.absolute(),
            earlier=follow_earlier_runs(self.options.earlier),
        )
        with ExitStack() as stack:
            for earlier in options.earlier:
                stack.enter_context(RunFolder(earlier).read_lock())
            definition, parameters, plan = self._prepare(options)
            launcher = stack.enter_context(closing(choose_launcher(options.isolation, options.runs)))
            self._launcher = launcher
            folder = self._folder or self._create_run(options, parameters)
            with folder.lock():
                return _Session(
                    runner=self,
                    folder=folder,
                    definition=definition,
                    plan=plan,
                    options=options,
                    parameters=parameters,
                    launcher=launcher,
                ).run()

    def _prepare(self, options: RunOptions) -> tuple[Definition, dict[str, Any], Plan]:
        """Return the definition, the values of its parameters and the plan, without writing anything."""
        sink = DiagnosticSink()
        name = self.pipeline
        if not re.fullmatch(PIPELINE_NAME_PATTERN, name) or len(name) > PIPELINE_NAME_MAX_LENGTH:
            sink.error(
                f"invalid pipeline name {name!r}",
                code="run.invalid-name",
                hint=f"use letters, digits and hyphens, at most {PIPELINE_NAME_MAX_LENGTH} characters",
            )
        if self.execution is not None and not re.fullmatch("[a-z0-9]{12}", self.execution):
            raise ValueError(
                f"an execution ID has 12 lowercase letters and digits, and not {self.execution!r}"
            )
        with sink.collecting():
            definition = read_definition(self.definition, self.file)
            invalid = frozenset[str]() if self.checked else self._check(definition, options, sink)
            parameters: dict[str, Any] = {}
            with sink.collecting():
                parameters = parameter_values(
                    definition.parameters,
                    {**self.local_parameters, **options.parameters},
                    self.parameter_owners,
                )
            if self._folder is None:
                execution, root = self.execution or "0" * 12, options.runs / "none"
                place = self._place()
                record = RunRecord(
                    id="",
                    pipeline=self.pipeline,
                    execution=execution,
                    region=place.region,
                    account=place.account,
                    started=_now(),
                )
            else:
                record, root = self._folder.record(), self._folder.store
            scope = Scope(
                parameters, execution_variables(record), _no_step_has_run, _no_step_has_run, _no_step_has_run
            )
            store = _store(root, options, self.objects, record)
            locate = self.locate or (lambda step, path: Location(self.file))
            if self._folder is not None:
                # Steps of a resumed run that are not selected keep the results that they have.
                options = replace(options, earlier=(self._folder.path, *options.earlier))
            plan = make_plan(definition, options, scope, store, invalid=invalid, locate=locate)
            if self._folder is not None:
                users = {step.name: json.dumps(render(step.arguments)) for step in definition.steps}
                sink.extend(find_changed_code(self._folder.path, users))
            sink.extend(plan.warnings)
        sink.raise_errors(self._ignored)
        return definition, parameters, replace(plan, warnings=sink.warnings)

    def _check(self, definition: Definition, options: RunOptions, sink: DiagnosticSink) -> frozenset[str]:
        """Collect what the service would report about the definition, and return the names of invalid steps."""
        checked = check_definition(definition, self.file, options.ignore_rules)
        sink.extend(checked.diagnostics)
        self._ignored = checked.ignored
        return checked.invalid_steps

    def _place(self) -> AwsPlace:
        return self.place or AwsPlace(_region(self.definition))

    def _create_run(self, options: RunOptions, parameters: Mapping[str, Any]) -> RunFolder:
        return create_run(
            options.runs,
            self.pipeline,
            self.definition,
            parameters,
            place=self._place(),
            execution=self.execution,
            options=options.as_dict(),
            plugin_lock=self.plugin_lock,
            sources=self.sources,
            objects=self.objects,
        )


@dataclass(kw_only=True)
class _Session:
    """The execution of a run, or of one part of a resumed run, by this process."""

    runner: Runner
    folder: RunFolder
    definition: Definition
    plan: Plan
    options: RunOptions
    parameters: Mapping[str, Any]
    launcher: Launcher
    tracker: StepTracker = field(default_factory=StepTracker)
    emit_lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> RunOutcome:
        started = time.monotonic()
        record = self.folder.record()
        earlier_seconds = record.seconds
        self.folder.write_record(replace(record, status="Running", reason=None))
        self._emit_start(record)
        try:
            status, reason = self._run_steps(record)
        except KeyboardInterrupt:
            # In a program of the user, without the handlers of the command line.
            self._end(record, "Stopped", "interrupted", earlier_seconds + time.monotonic() - started)
            raise
        self._end(record, status, reason, earlier_seconds + time.monotonic() - started)
        return self.folder.outcome()

    def _end(self, record: RunRecord, status: RunStatus, reason: str | None, seconds: float) -> None:
        """Record and emit how the run ended."""
        for step in self.tracker.steps:
            if step.status == "waiting":
                self.emit(Event("step-not-started", step.name, "the run was stopped"))
        seconds = round(seconds, 3)
        ended = replace(record, status=status, steps=self.tracker.steps, reason=reason, seconds=seconds)
        self.folder.write_record(ended)
        self.emit(Event("run-ended", None, reason, {"status": status, "seconds": seconds}))

    def emit(self, event: Event) -> None:
        """Append an event to the log of events, then pass it to the listener."""
        with self.emit_lock:
            self.tracker.add(event.as_dict())
            self.folder.append(event)
            self.runner.listener(event)

    def _emit_start(self, record: RunRecord) -> None:
        resumed = any((self.folder.path / "steps").glob("*"))
        details = {
            "run": self.folder.id,
            "folder": str(self.folder.path),
            "pipeline": record.pipeline,
            "isolation": self.launcher.isolation,
            "steps": {step.name: step.definition_type for step in self.definition.steps},
        }
        self.emit(Event("run-resumed" if resumed else "run-started", None, None, details))
        for warning in self.plan.warnings:
            hint = f" ({warning.hint})" if warning.hint else ""
            self.emit(Event("warning", None, f"{warning.message}{hint}", {"code": warning.code}))
        for name, stand_ins in self.plan.stand_ins.items():
            for stand_in in stand_ins:
                details = {"code": "run.image-stands-in", "stand_in": stand_in.as_dict()}
                self.emit(Event("warning", name, str(stand_in), details))
        for ignored in self.runner._ignored:
            self.emit(Event("warning", None, f"ignored: {ignored}", {"code": ignored.rule}))
        for name in self.definition.by_name:
            if name in self.plan.unselected:
                self.emit(Event("step-skipped", name, "not selected"))

    def _run_steps(self, record: RunRecord) -> tuple[RunStatus, str | None]:
        """Run each step when it is ready; return the status of the run and its reason."""
        stop, jobs = self.runner._stop, self.options.jobs
        inputs = pack_folders(self.options.inputs, self.folder.path / "inputs")
        store = _store(self.folder.store, replace(self.options, inputs=inputs), {}, record)
        store.remove_staging()
        job_folders = JobFolderRemover(self.folder, self.emit, stop)
        step_runner = StepRunner(
            folder=self.folder,
            record=record,
            options=self.options,
            store=store,
            launcher=self.launcher,
            parameters=self.parameters,
            earlier=self.plan.earlier,
            stop=stop,
            emit=self.emit,
            job_folders=job_folders,
            dependencies=self.definition.dependencies,
        )
        schedule = Schedule({step.name: self.definition.dependencies[step.name] for step in self.plan.steps})
        reasons: dict[str, str] = {}
        interrupted = False
        with job_folders, ThreadPoolExecutor(jobs, thread_name_prefix="step") as pool:
            running: dict[Future[FinishedStep], Step] = {}
            try:
                while True:
                    while len(running) < jobs and not stop.is_set() and (name := schedule.take_ready()):
                        step = self.definition.by_name[name]
                        running[pool.submit(step_runner.run, step)] = step
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        step, ended = running.pop(future), future.result()
                        interrupted |= ended.ending == "stopped"
                        if ended.reason is not None and ended.ending == "failed":
                            reasons[step.name] = ended.reason
                        for not_run in schedule.finish(step.name, ended.ending, ended.outcome):
                            kind: EventKind = (
                                "step-skipped" if not_run.ending == "skipped" else "step-not-started"
                            )
                            self.emit(Event(kind, not_run.name, not_run.reason))
            except BaseException:
                # On any error, KeyboardInterrupt included, end the active jobs: leaving the pool waits for them.
                stop.set()
                raise
        if interrupted or not schedule.finished:
            return "Stopped", "interrupted"
        failed = [name for name in self.definition.by_name if name in reasons]
        if failed:
            others = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
            status: RunStatus = (
                "CompletedWithFailures" if schedule.handled_failures.issuperset(failed) else "Failed"
            )
            return status, f"step {failed[0]!r} failed: {reasons[failed[0]]}{others}"
        return "Succeeded", None


def _store(root: Path, options: RunOptions, objects: Mapping[str, Path], record: RunRecord) -> Store:
    return Store(
        root,
        {**options.inputs, **objects},
        tuple(folder / "s3" for folder in options.earlier),
        real_s3=options.real_s3,
        runs=options.runs,
        execution=record.execution,
    )


def _region(definition: str) -> str:
    """Return the first region in a definition's ARNs and addresses of images."""
    match = _REGION.search(definition)
    return (match[1] or match[2]) if match else _UNKNOWN_REGION


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _no_step_has_run(*names: str) -> Any:
    """Resolve a property or file of a step before any step has run: always an error."""
    raise ReferenceFailedError("no step has run yet")
