"""Runs a pipeline definition on this machine."""

from __future__ import annotations

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

from dagcast.definition.model import Definition, Step
from dagcast.definition.parameters import parameter_values
from dagcast.definition.read import read_definition
from dagcast.definition.references import ReferenceFailedError, Scope
from dagcast.errors import DagcastError, DiagnosticSink
from dagcast.runner.launch.choose_launcher import choose_launcher
from dagcast.runner.launch.launcher import Launcher
from dagcast.runner.options import RunOptions
from dagcast.runner.plan import Plan, make_plan
from dagcast.runner.records.events import Event, EventKind, Listener
from dagcast.runner.records.leftovers import Leftovers
from dagcast.runner.records.new_run import create_run
from dagcast.runner.records.outcome import Ledger, RunOutcome, RunStatus
from dagcast.runner.records.run_folder import RunFolder, RunRecord, open_run
from dagcast.runner.run_step import Ended, StepRunner, execution_variables
from dagcast.runner.scheduler import Schedule
from dagcast.runner.store.local_store import Store
from dagcast.sagemaker.limits import PIPELINE_NAME_MAX_LENGTH, PIPELINE_NAME_PATTERN

_REGION = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]+:([a-z]{2}(?:-[a-z]+)+-\d):|\.ecr\.([a-z]{2}(?:-[a-z]+)+-\d)\."
)
_UNKNOWN_REGION = "us-east-1"


def _nobody(event: Event) -> None:
    """Listen to nothing."""


@dataclass
class Runner:
    """One run of a pipeline.

    Attributes:
        definition: The pipeline's definition: JSON, as SageMaker would get it.
        pipeline: The pipeline's name.
        options: The choices of the run.
        listener: Is told of every event, from many threads but one at a time.
        objects: By S3 URI: files that an upload would have put there, such as staged code.
        plugin_lock: The text of the plugin lock, for the run's folder.
        file: What the definition is called in messages.
    """

    definition: str
    pipeline: str
    _: KW_ONLY
    options: RunOptions
    listener: Listener = _nobody
    objects: Mapping[str, Path] = field(default_factory=dict)
    plugin_lock: str | None = None
    file: str = "definition.json"
    _folder: RunFolder | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _launcher: Launcher | None = None

    @classmethod
    def resume(cls, run: str, options: RunOptions, *, listener: Listener = _nobody) -> Runner:
        """A runner that goes on with a run: what has succeeded is kept, all else runs.

        Args:
            run: The run's id.
            options: Choices that win over those that the run was started with.
            listener: Is told of every event.

        Raises:
            RunFolderError: If there is no such run, or it cannot be read.
            InvalidInputError: If parameters are chosen: those of a run do not change.
        """
        folder = open_run(options.runs, run)
        record = folder.record()
        sink = DiagnosticSink()
        values = folder.parameters()
        for name, value in options.parameters.items():
            if str(values.get(name)) != str(value):
                sink.error(
                    f"--param {name}: run {run} has {values.get(name)!r}, and a resumed run keeps its parameters",
                    code="run.resumed-parameter",
                )
        sink.raise_errors()
        chosen = replace(options.over(record.options), parameters=values)
        return cls(
            folder.definition(),
            record.pipeline,
            options=chosen,
            listener=listener,
            file=str(folder.path / "definition.json"),
            _folder=folder,
        )

    def stop(self) -> None:
        """End the run: no step starts any more, running ones are ended. May be called from anywhere, also twice."""
        self._stop.set()

    def kill(self) -> None:
        """As :meth:`stop`, but jobs get no time to end by themselves."""
        self._stop.set()
        if self._launcher is not None:
            self._launcher.close()

    def run(self) -> RunOutcome:
        """Run, and block until all has ended.

        Raises:
            InvalidInputError: With everything that is wrong, before anything starts.
            RunFolderError: If another process runs this run, or its folder cannot be written.
            DagcastError: If jobs cannot be isolated as chosen.
        """
        if os.name == "nt":
            raise DagcastError("pipelines run on Linux and macOS; on Windows, in its Linux subsystem")
        options = replace(self.options, runs=self.options.runs.absolute())
        with ExitStack() as stack:
            for earlier in options.earlier:
                stack.enter_context(RunFolder(earlier).reading())
            definition, parameters, plan = self._prepared(options)
            start = stack.enter_context(closing(choose_launcher(options.isolation, options.runs)))
            self._launcher = start
            folder = self._folder or self._created(options, parameters)
            with folder.lock():
                return _Session(
                    runner=self,
                    folder=folder,
                    definition=definition,
                    plan=plan,
                    options=options,
                    parameters=parameters,
                    launcher=start,
                ).run()

    def _prepared(self, options: RunOptions) -> tuple[Definition, dict[str, Any], Plan]:
        """What is run, with which values and in which order; nothing is written yet."""
        sink = DiagnosticSink()
        name = self.pipeline
        if not re.fullmatch(PIPELINE_NAME_PATTERN, name) or len(name) > PIPELINE_NAME_MAX_LENGTH:
            sink.error(
                f"{name!r} is no name of a pipeline: letters, digits and hyphens",
                code="run.invalid-name",
            )
        with sink.collecting():
            definition = read_definition(self.definition, self.file)
            parameters: dict[str, Any] = {}
            with sink.collecting():
                parameters = parameter_values(definition.parameters, options.parameters)
            if self._folder is None:
                execution, root = "0" * 12, options.runs / "none"
                record = RunRecord(
                    id="",
                    pipeline=self.pipeline,
                    execution=execution,
                    region=_region(self.definition),
                    started=_now(),
                )
            else:
                record, root = self._folder.record(), self._folder.store
            scope = Scope(parameters, execution_variables(record), _nothing, _nothing, _nothing)
            store = _store(root, options, self.objects)
            plan = make_plan(definition, options, scope, store)
        sink.raise_errors()
        return definition, parameters, plan

    def _created(self, options: RunOptions, parameters: Mapping[str, Any]) -> RunFolder:
        return create_run(
            options.runs,
            self.pipeline,
            self.definition,
            parameters,
            region=_region(self.definition),
            options=options.as_dict(),
            plugin_lock=self.plugin_lock,
            objects=self.objects,
        )


@dataclass(kw_only=True)
class _Session:
    """The part of a run that one process does."""

    runner: Runner
    folder: RunFolder
    definition: Definition
    plan: Plan
    options: RunOptions
    parameters: Mapping[str, Any]
    launcher: Launcher
    ledger: Ledger = field(default_factory=Ledger)
    telling: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> RunOutcome:
        started = time.monotonic()
        record = self.folder.record()
        before = record.seconds
        self.folder.write_record(replace(record, status="Running", reason=None))
        self._start(record)
        status, reason = self._steps(record)
        seconds = round(before + time.monotonic() - started, 3)
        ended = replace(record, status=status, steps=self.ledger.steps, reason=reason, seconds=seconds)
        self.folder.write_record(ended)
        self.tell(Event("run-ended", None, reason, {"status": status, "seconds": seconds}))
        return self.folder.outcome()

    def tell(self, event: Event) -> None:
        """Write an event down, then hand it on."""
        with self.telling:
            self.ledger.add(event.as_dict())
            self.folder.append(event)
            self.runner.listener(event)

    def _start(self, record: RunRecord) -> None:
        resumed = any((self.folder.path / "steps").glob("*"))
        details = {
            "run": self.folder.id,
            "folder": str(self.folder.path),
            "pipeline": record.pipeline,
            "isolation": self.launcher.isolation,
            "steps": {step.name: step.definition_type for step in self.definition.steps},
        }
        self.tell(Event("run-resumed" if resumed else "run-started", None, None, details))
        for warning in self.plan.warnings:
            hint = f" ({warning.hint})" if warning.hint else ""
            self.tell(Event("warning", None, f"{warning.message}{hint}"))
        for name in self.definition.by_name:
            if name in self.plan.left_out:
                self.tell(Event("step-skipped", name, "it is not selected"))

    def _steps(self, record: RunRecord) -> tuple[RunStatus, str | None]:
        """Run the steps, each when it is ready, and say how that ended."""
        stop, jobs = self.runner._stop, self.options.jobs
        store = _store(self.folder.store, self.options, {})
        store.remove_staging()
        leftovers = Leftovers(self.folder, self.tell, stop)
        step_runner = StepRunner(
            folder=self.folder,
            record=record,
            options=self.options,
            store=store,
            launcher=self.launcher,
            parameters=self.parameters,
            earlier=self.plan.earlier,
            stop=stop,
            tell=self.tell,
            leftovers=leftovers,
            dependencies=self.definition.dependencies,
        )
        schedule = Schedule({step.name: self.definition.dependencies[step.name] for step in self.plan.steps})
        reasons: dict[str, str] = {}
        interrupted = False
        with leftovers, ThreadPoolExecutor(jobs, thread_name_prefix="step") as pool:
            running: dict[Future[Ended], Step] = {}
            try:
                while True:
                    while len(running) < jobs and not stop.is_set() and (name := schedule.take()):
                        step = self.definition.by_name[name]
                        running[pool.submit(step_runner.run, step)] = step
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        step, ended = running.pop(future), future.result()
                        interrupted |= ended.ending == "stopped"
                        if ended.reason is not None and ended.ending == "failed":
                            reasons[step.name] = ended.reason
                        for settled in schedule.end(step.name, ended.ending, ended.outcome):
                            kind: EventKind = (
                                "step-skipped" if settled.ending == "skipped" else "step-stopped"
                            )
                            self.tell(Event(kind, settled.name, settled.reason))
            except BaseException:
                # Whatever it is: the jobs that run are ended before it goes on, or the pool would wait for them.
                stop.set()
                raise
        if interrupted or not schedule.finished:
            return "Stopped", "it was interrupted"
        failed = [name for name in self.definition.by_name if name in reasons]
        if failed:
            others = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
            status: RunStatus = "CompletedWithFailures" if schedule.answered.issuperset(failed) else "Failed"
            return status, f"step {failed[0]!r} failed: {reasons[failed[0]]}{others}"
        return "Succeeded", None


def _store(root: Path, options: RunOptions, objects: Mapping[str, Path]) -> Store:
    earlier = tuple(folder / "s3" for folder in options.earlier)
    return Store(root, {**options.inputs, **objects}, earlier, real_s3=options.real_s3, runs=options.runs)


def _region(definition: str) -> str:
    """The region that a definition names first, in an ARN or the address of an image."""
    match = _REGION.search(definition)
    return (match[1] or match[2]) if match else _UNKNOWN_REGION


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _nothing(*names: str) -> Any:
    """What the properties and files of steps are before any step has run."""
    raise ReferenceFailedError("no step has run yet")
