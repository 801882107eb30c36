"""Reads and writes the folder of a run: its status, results, events and outputs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from dagcast.errors import DagcastError
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.aws_names import LOCAL_ACCOUNT, AwsPlace
from dagcast.runner.executors.executor import StepResult
from dagcast.runner.records.events import Event
from dagcast.runner.records.outcome import RunOutcome, RunStatus, StepOutcome, StepTracker

FORMAT_VERSION = 1
"""The version of the file formats; runs of other versions cannot be resumed."""


_KILLED = MappingProxyType({"waiting": "not-started", "running": "stopped"})
"""The status of steps after the process of their run was killed, by their last status."""


class RunFolderError(DagcastError):
    """A run is unknown, another process is running it, or its files cannot be read or written."""

    code = "run.folder"


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of ``run.json``.

    Attributes:
        id: The run's ID: the name of its folder.
        pipeline: The pipeline's name.
        execution: The ID of the execution, which is part of S3 keys and names of jobs.
        region: The AWS region in ARNs of the run.
        account: The AWS account in ARNs of the run.
        started_by: The user who started it, if it is known.
        started: When it first started, in UTC.
        status: ``Running`` until it has ended; a killed run keeps this status.
        options: The options of the run as JSON data, for a resume.
        steps: The outcome of each step, in the order of the definition.
        reason: Why it failed or was stopped.
        seconds: The duration in seconds, all parts of a resumed run together.
    """

    id: str
    pipeline: str
    execution: str
    region: str
    started: datetime
    status: str = "Running"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[StepOutcome, ...] = ()
    reason: str | None = None
    seconds: float = 0.0
    account: str = LOCAL_ACCOUNT
    started_by: str | None = None

    @property
    def place(self) -> AwsPlace:
        """The account and region in ARNs of the run."""
        return AwsPlace(self.region, self.account)

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the file as JSON data."""
        return {"form": FORMAT_VERSION, **asdict(self), "started": self.started.isoformat()}


@dataclass(frozen=True)
class SavedResult:
    """The content of a step's ``result.json``.

    Attributes:
        result: The result of the step.
        ended: When the step succeeded, in UTC.
        seconds: The duration of all attempts together, in seconds.
        attempts: The number of attempts.
        cached_from: The ID of the run that produced the result, if it is from the cache.
    """

    result: StepResult
    ended: datetime
    seconds: float
    attempts: int
    cached_from: str | None = None


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Attributes:
        path: The path of the folder.
    """

    path: Path

    @property
    def id(self) -> str:
        """The run's ID: the name of the folder."""
        return self.path.name

    @property
    def store(self) -> Path:
        """The folder that replaces S3."""
        return self.path / "s3"

    def local_path(self, output: str) -> Path:
        """Return the local path of an output of a step: an ``s3://`` URI, or the folder of a registered model."""
        if not output.startswith("s3://"):
            return Path(output)
        return self.store / output.removeprefix("s3://")

    def record(self) -> RunRecord:
        """Return the content of ``run.json``.

        Raises:
            RunFolderError: If ``run.json`` cannot be read, is invalid, or is of another version.
        """
        data = self._read("run.json")
        if data.pop("form", None) != FORMAT_VERSION:
            raise RunFolderError(f"{self.path / 'run.json'} was written by another version of dagcast")
        try:
            steps = tuple(StepOutcome(**step) for step in data.pop("steps"))
            return RunRecord(**{**data, "started": datetime.fromisoformat(data["started"])}, steps=steps)
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(f"invalid run file {self.path / 'run.json'}: {error!r}") from error

    def write_record(self, record: RunRecord) -> None:
        """Replace ``run.json``.

        Raises:
            RunFolderError: If it cannot be written.
        """
        with self._reporting_write_errors():
            write_json(self.path / "run.json", record.as_dict())

    def result(self, step: str) -> SavedResult | None:
        """Return the saved result of a step; ``None`` if the step has not succeeded.

        Raises:
            RunFolderError: If ``result.json`` cannot be read, or is invalid.
        """
        path = self.path / "steps" / step / "result.json"
        if not path.is_file():
            return None
        data = self._read(f"steps/{step}/result.json")
        try:
            ended = datetime.fromisoformat(data.pop("ended"))
            return SavedResult(StepResult(**data.pop("result")), ended, **data)
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(f"invalid run file {path}: {error!r}") from error

    def write_result(self, step: str, saved: SavedResult) -> None:
        """Save the result of a step that has succeeded. It is then durable, even if this process is killed.

        Raises:
            RunFolderError: If it cannot be written.
        """
        data = {**asdict(saved), "ended": saved.ended.isoformat()}
        with self._reporting_write_errors():
            write_json(self.path / "steps" / step / "result.json", data)

    def attempts(self, step: str) -> list[Path]:
        """Return the folders of the attempts at a step, in order."""
        found = (self.path / "steps" / step).glob("attempt-*")
        return sorted(found, key=lambda path: int(path.name.removeprefix("attempt-")))

    def new_attempt(self, step: str) -> Path:
        """Create the folder of the next attempt at a step, and return it."""
        before = self.attempts(step)
        number = int(before[-1].name.removeprefix("attempt-")) + 1 if before else 1
        path = self.path / "steps" / step / f"attempt-{number}"
        path.mkdir(parents=True)
        return path

    def definition(self) -> str:
        """Return the text of the definition."""
        return (self.path / "definition.json").read_text("utf-8")

    def parameters(self) -> dict[str, Any]:
        """Return the values of the pipeline's parameters.

        Raises:
            RunFolderError: If ``parameters.json`` cannot be read.
        """
        return self._read("parameters.json")

    def append(self, event: Event) -> None:
        """Add a line to ``events.jsonl``.

        Raises:
            RunFolderError: If it cannot be written.
        """
        with self._reporting_write_errors(), (self.path / "events.jsonl").open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a killed process left an incomplete line
                    file.write(b"\n")
            file.write(json.dumps(event.as_dict()).encode() + b"\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the exclusive lock of the run: only one process can run or remove it.

        The operating system releases the lock when the process ends, for whatever reason.

        Raises:
            RunFolderError: If another process holds a lock, the run has been removed, or its folder cannot be written.
        """
        import fcntl

        with ExitStack() as stack:
            with self._reporting_write_errors():
                file = stack.enter_context((self.path / ".lock").open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                what = "is running in another process" if self.is_running() else "is in use by another run"
                raise RunFolderError(f"run {self.id} {what}") from error
            if not (self.path / "run.json").is_file():
                raise RunFolderError(f"run {self.id} has been removed")
            yield

    @contextmanager
    def read_lock(self) -> Iterator[None]:
        """Hold a shared lock of the run, so that no process removes or resumes it while another run reads it.

        If the run is active, it is read without a lock.
        """
        import fcntl

        with ExitStack() as stack:
            # An unknown run is reported by the plan. Some file systems do not support locks.
            with suppress(OSError):
                file = stack.enter_context((self.path / ".lock").open("rb"))
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield

    def is_running(self) -> bool:
        """Return whether a process is running it now."""
        import fcntl

        try:
            with (self.path / ".lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def outcome(self, record: RunRecord | None = None) -> RunOutcome:
        """Return the outcome of the run. If it is active or was killed, the status is ``Stopped``.

        Args:
            record: The content of ``run.json``, if it has been read already.

        Raises:
            RunFolderError: If ``run.json`` cannot be read, is invalid, or is of another version.
        """
        record = record or self.record()
        status: RunStatus = "Stopped"
        steps, reason = record.steps, record.reason
        if record.status in get_args(RunStatus):
            status = record.status  # type: ignore[assignment]
        else:
            tracker = StepTracker()
            for event in self.events():
                tracker.add(event)
            active = self.is_running()
            reason = "still running" if active else "the process was killed"
            steps = tracker.steps if active else tuple(map(_as_killed, tracker.steps))
        return RunOutcome(
            id=self.id,
            folder=self.path,
            pipeline=record.pipeline,
            status=status,
            steps=steps,
            reason=reason,
            seconds=record.seconds,
        )

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of ``events.jsonl``, except incomplete lines of a killed process."""
        path = self.path / "events.jsonl"
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError):
                    yield json.loads(line)

    @contextmanager
    def _reporting_write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be written: {error.strerror}"
                f" (to continue: dagcast run --resume {self.id})"
            ) from error

    def _read(self, name: str) -> dict[str, Any]:
        try:
            data = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name} cannot be read: {error}") from error
        if not isinstance(data, dict):
            raise RunFolderError(f"invalid run file {self.path / name}: expected an object")
        return data


def _as_killed(step: StepOutcome) -> StepOutcome:
    """Return a step of a run that was killed: it cannot be waiting or running any more."""
    return replace(step, status=_KILLED.get(step.status, step.status))


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file atomically: it is complete or missing, even if this process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_text(json.dumps(data, indent=2, sort_keys=True, default=str) + "\n", "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
