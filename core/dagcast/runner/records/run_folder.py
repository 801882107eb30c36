"""The folder of a run: everything that a run knows and makes, in files that say what they are."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from dagcast.errors import DagcastError, did_you_mean
from dagcast.runner.executor import StepResult
from dagcast.runner.records.events import Event
from dagcast.runner.records.outcome import Ledger, RunOutcome, RunStatus, StepOutcome

FORM = 1
"""The form of the files here; a run of another form is not resumed."""


class RunFolderError(DagcastError):
    """There is no such run, another process is running it, or its files cannot be read or written."""

    code = "run.folder"


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What ``run.json`` holds.

    Attributes:
        id: The run: the name of its folder.
        pipeline: The pipeline's name.
        execution: The id of the execution, which keys in S3 and names of jobs hold.
        region: The region that the run pretends to be in.
        started: When it first started, in UTC.
        status: ``Running`` until it has ended; a run that was killed stays so.
        options: The choices of the run, JSON-ready, for a resume.
        steps: How each step ended, in the order of the definition.
        reason: Why it failed.
        seconds: How long it ran, resumed parts together.
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

    def as_dict(self) -> dict[str, Any]:
        """The same as in the file."""
        return {"form": FORM, **asdict(self), "started": self.started.isoformat()}


@dataclass(frozen=True)
class KeptResult:
    """What ``result.json`` of a step holds.

    Attributes:
        result: What came of the step.
        ended: When it had succeeded, in UTC.
        seconds: How long it ran, all attempts together.
        attempts: How many there were.
        cached_from: The run that first made it.
    """

    result: StepResult
    ended: datetime
    seconds: float
    attempts: int
    cached_from: str | None = None


@dataclass(frozen=True)
class RunFolder:
    """One run's folder.

    Attributes:
        path: Where it is.
    """

    path: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def store(self) -> Path:
        """The folder that stands for S3."""
        return self.path / "s3"

    def record(self) -> RunRecord:
        """How the run stands.

        Raises:
            RunFolderError: If ``run.json`` cannot be read, or is of another form.
        """
        data = self._read("run.json")
        if data.pop("form", None) != FORM:
            raise RunFolderError(f"{self.path / 'run.json'} was written by another version of dagcast")
        try:
            steps = tuple(StepOutcome(**step) for step in data.pop("steps"))
            return RunRecord(**{**data, "started": datetime.fromisoformat(data["started"])}, steps=steps)
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(f"{self.path / 'run.json'} is not what a run writes: {error!r}") from error

    def write_record(self, record: RunRecord) -> None:
        """Replace ``run.json``.

        Raises:
            RunFolderError: If it cannot be written.
        """
        with self._writing():
            write_json(self.path / "run.json", record.as_dict())

    def result(self, step: str) -> KeptResult | None:
        """What came of a step, if it has succeeded.

        Raises:
            RunFolderError: If ``result.json`` cannot be read, or is of another form.
        """
        path = self.path / "steps" / step / "result.json"
        if not path.is_file():
            return None
        data = self._read(f"steps/{step}/result.json")
        try:
            ended = datetime.fromisoformat(data.pop("ended"))
            return KeptResult(StepResult(**data.pop("result")), ended, **data)
        except (KeyError, TypeError, ValueError) as error:
            raise RunFolderError(f"{path} is not what a run writes: {error!r}") from error

    def write_result(self, step: str, kept: KeptResult) -> None:
        """Say that a step has succeeded. It then has, whatever happens to this process.

        Raises:
            RunFolderError: If that cannot be written.
        """
        data = {**asdict(kept), "ended": kept.ended.isoformat()}
        with self._writing():
            write_json(self.path / "steps" / step / "result.json", data)

    def attempts(self, step: str) -> list[Path]:
        """The folders of the attempts at a step, in order."""
        found = (self.path / "steps" / step).glob("attempt-*")
        return sorted(found, key=lambda path: int(path.name.removeprefix("attempt-")))

    def new_attempt(self, step: str) -> Path:
        """An empty folder for the next attempt at a step."""
        before = self.attempts(step)
        number = int(before[-1].name.removeprefix("attempt-")) + 1 if before else 1
        path = self.path / "steps" / step / f"attempt-{number}"
        path.mkdir(parents=True)
        return path

    def definition(self) -> str:
        """The definition that is run."""
        return (self.path / "definition.json").read_text("utf-8")

    def parameters(self) -> dict[str, Any]:
        """The values of the pipeline's parameters."""
        return self._read("parameters.json")

    def append(self, event: Event) -> None:
        """Add a line to ``events.jsonl``.

        Raises:
            RunFolderError: If it cannot be written.
        """
        with self._writing(), (self.path / "events.jsonl").open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a killed process left a line unfinished
                    file.write(b"\n")
            file.write(json.dumps(event.as_dict()).encode() + b"\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that runs this run, or removes it; a process that ends, however, holds it no more.

        Raises:
            RunFolderError: If another process has it, or it is gone, or its folder cannot be written.
        """
        import fcntl

        with ExitStack() as stack:
            with self._writing():
                file = stack.enter_context((self.path / ".lock").open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                what = "is running in another process" if self.is_running() else "is read by a run"
                raise RunFolderError(f"run {self.id} {what}") from error
            if not (self.path / "run.json").is_file():
                raise RunFolderError(f"run {self.id} has been removed")
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep it from being removed, or going on, while another run reads it; one that runs now is read as it is."""
        import fcntl

        with ExitStack() as stack:
            with suppress(
                OSError
            ):  # there may be no such run, which is told elsewhere; and some disks know no locks
                file = stack.enter_context((self.path / ".lock").open("rb"))
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield

    def is_running(self) -> bool:
        """Whether a process is running it now."""
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
        """How the run ended; how it stands, as ``Stopped``, if it runs or was killed.

        Args:
            record: What :meth:`record` gave, for who has it.

        Raises:
            RunFolderError: If ``run.json`` is of another form.
        """
        record = record or self.record()
        status: RunStatus = "Stopped"
        steps, reason = record.steps, record.reason
        if record.status in get_args(RunStatus):
            status = record.status  # type: ignore[assignment]
        else:
            reason = "it is running" if self.is_running() else "its process was killed"
            ledger = Ledger()
            for event in self.events():
                ledger.add(event)
            steps = ledger.steps
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
        """The lines of ``events.jsonl``; one that a killed process left unfinished is left out."""
        path = self.path / "events.jsonl"
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError):
                    yield json.loads(line)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be written: {error.strerror}; "
                f"when it can, dagcast run --resume {self.id} goes on"
            ) from error

    def _read(self, name: str) -> dict[str, Any]:
        try:
            data = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.path / name} cannot be read: {error}") from error
        if not isinstance(data, dict):
            raise RunFolderError(f"{self.path / name} is not what a run writes: it is no object")
        return data


def open_run(runs: Path, run: str) -> RunFolder:
    """The folder of a run that is there.

    Raises:
        RunFolderError: If it is not.
    """
    folder = RunFolder(runs / run)
    if Path(run).name != run or not (folder.path / "run.json").is_file():
        hint = did_you_mean(run, (found.id for found in runs_in(runs)))
        raise RunFolderError(f"there is no run {run!r} in {runs}" + (f" ({hint})" if hint else ""))
    return folder


def runs_in(runs: Path) -> list[RunFolder]:
    """All runs in a folder of runs, in the order of their start."""
    return sorted((RunFolder(path.parent) for path in runs.glob("[!.]*/run.json")), key=_began)


def _began(folder: RunFolder) -> tuple[str, int, str]:
    """What runs are put in order by: ids know seconds, and the definition is written once, at the start."""
    time = folder.id.partition("-")[0]
    try:
        return time, (folder.path / "definition.json").stat().st_mtime_ns, folder.id
    except OSError:  # it is being removed
        return time, 0, folder.id


def write_json(path: Path, data: Any) -> None:
    """Write a file that is there whole, or not at all, even if this process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        beside.write_text(json.dumps(data, indent=2, sort_keys=True, default=str) + "\n", "utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
