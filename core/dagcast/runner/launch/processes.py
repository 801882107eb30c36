"""Jobs as processes of this machine, started by a supervisor: with an ``/opt/ml`` each, or with rewritten paths."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from dagcast.errors import DagcastError
from dagcast.runner.launch import paths, texts, views
from dagcast.runner.launch.command import Command, Exit
from dagcast.runner.launch.messages import receive, send

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL. SageMaker gives 120 (Developer Guide, "How Amazon SageMaker AI Runs Your
Training Image"); at a terminal nobody waits so long."""

_LATE = 5.0
"""Seconds that a keeper may take beyond what it has for a job's end."""

_LOOK = 0.1
"""Seconds between two looks at whether the run is being stopped."""

_OWN = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What the supervisor gets of the environment, which a job may find out: no secrets."""

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class ProcessLauncher:
    """Starts jobs as processes of this machine; many threads use it at once.

    Args:
        isolation: Whether a job gets a mount namespace with an ``/opt/ml`` of its own, or rewritten paths.
        hidden: The folder of all runs, which jobs do not see, or at least do not use.
        grace: Seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self, isolation: Literal["namespace", "paths"], hidden: Path, *, grace: float = GRACE
    ) -> None:
        self.isolation: Literal["namespace", "paths", "docker"] = isolation
        self._hidden = hidden.resolve()
        self._grace = grace
        self._supervisor = _Supervisor("" if isolation == "namespace" else str(self._hidden))

    def __enter__(self) -> ProcessLauncher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all jobs at once, and the supervisor."""
        self._supervisor.close()

    def run(self, command: Command, stop: threading.Event) -> Exit:
        """Start the process, wait for it, and end whatever it left behind."""
        try:
            if self._supervisor.closed.is_set() or stop.is_set():
                return Exit(None, stopped=True)
            if not command.program:
                raise texts.UnsayableError("only a container engine knows the image's own program")
            with ExitStack() as stack:
                outputs = [
                    stack.enter_context(path.open("ab", buffering=0)).fileno()
                    for path in (command.stdout, command.stderr)
                ]
                request = stack.enter_context(self._request(command))
                return self._run(request, outputs, stop)
        except _ClosedError:
            return Exit(None, stopped=True)
        except texts.UnsayableError as error:
            return Exit(None, problem=str(error))
        except OSError as error:
            where = f" {error.filename}:" if error.filename else ""
            return Exit(None, problem=f"the job cannot be started:{where} {error.strerror}")

    def probe(self) -> str | None:
        """Make a job's view of this machine, and start nothing: what forbids it, if something does."""
        with tempfile.TemporaryDirectory(prefix="dagcast-") as folder:
            log = Path(folder, "log")
            command = Command(("none",), {}, Path(folder, "ml"), "/", log, log)
            command.ml.mkdir()
            with self._request(command) as request, log.open("wb") as output:
                found = self._run({**request, "argv": None}, [output.fileno()] * 2, threading.Event())
        return found.problem if found.code != 0 else None

    @contextmanager
    def _request(self, command: Command) -> Iterator[dict[str, Any]]:
        """What the keeper is told, and the folders that are there as long as it stands over the job."""
        python = Path(command.python or sys.executable).absolute()
        argv, environment, folder = command.argv, dict(command.environment), command.folder
        with ExitStack() as stack:
            view = None
            own: list[str] = []
            needed: list[str] = []
            if self.isolation == "namespace":
                view = stack.enter_context(views.view(command, environment, python, self._hidden))
                environment = views.environment_inside(environment)
            else:
                ml = stack.enter_context(paths.plain_path(command.ml))
                argv, environment, folder = paths.rewrite_all(argv, environment, folder, ml)
                environment, own = stack.enter_context(paths.temporary_folder(ml, environment, self._hidden))
                own = [ml, *own]
                needed = views.needed(command, environment, python, self._hidden)
            argv, environment = _with_python(argv, environment, python)
            yield {
                "argv": texts.program(argv),
                "env": texts.variables(environment),
                "folder": texts.sayable("the working directory", folder),
                "timeout": command.timeout,
                "grace": self._grace,
                "view": view,
                "own": [texts.sayable("a folder of the job's", path) for path in own],
                "needed": [texts.sayable("a folder of programs", path) for path in needed],
            }

    def _run(self, request: dict[str, Any], outputs: list[int], stop: threading.Event) -> Exit:
        for attempt in (1, 2):
            with self._supervisor.connect(outputs) as job:
                answer = self._converse(job, request, stop)
            if answer is not None:
                return Exit(**answer)
            if attempt == 1:
                self._supervisor.renew()
        return Exit(None, problem="the process that starts jobs ended before it could start this one")

    def _converse(
        self, job: socket.socket, request: dict[str, Any], stop: threading.Event
    ) -> dict[str, Any] | None:
        """Send the request and wait for the end; ``None`` if the job surely never started."""
        try:
            send(job, request)
        except ConnectionError:
            return None
        while not _readable(job):
            if self._supervisor.closed.is_set() or stop.is_set():
                return {"code": None, "stopped": True}
        answer = receive(job)
        if answer is None or "started" not in answer:
            return None if answer is None else {"code": None, **answer}
        ended = self._wait(job, answer["keeper"], request["timeout"], stop)
        answer = receive(job)
        if answer is None:
            problem = "the process that stood over the job was killed, and so the job was ended"
            answer = {"problem": problem, "lost": True} if ended is None else {ended: True}
        if self._supervisor.closed.is_set() and answer.get("code") is None:
            answer = {**answer, "stopped": True, "problem": None, "lost": False}
        return {"code": None, **answer}

    def _wait(
        self, job: socket.socket, keeper: int, timeout: float | None, stop: threading.Event
    ) -> Literal["stopped", "timed_out"] | None:
        """Wait for the end of a job, and ask for it when the run is being stopped.

        A keeper that does not see to it in time is killed, and the supervisor ends its job. It may wait for a disk that
        does not answer, or somebody stopped it.

        Returns:
            What was to end the job that its keeper did not end.
        """
        due = None if timeout is None else time.monotonic() + timeout + self._grace + _LATE
        ends: Literal["stopped", "timed_out"] = "timed_out"
        told = False
        while not _readable(job):
            with suppress(ConnectionError):  # then the answer, or the end, is there to be read
                if self._supervisor.closed.is_set():
                    job.shutdown(socket.SHUT_WR)
                elif stop.is_set() and not told:
                    told, ends, due = True, "stopped", time.monotonic() + self._grace + _LATE
                    send(job, {"stop": True})
            if due is not None and time.monotonic() > due:
                with suppress(ProcessLookupError):
                    os.kill(keeper, signal.SIGKILL)
                return ends
        return None


def _readable(connection: socket.socket) -> bool:
    """Whether something comes soon, or the end has."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(_LOOK * 1000))


class _ClosedError(DagcastError):
    """The launcher was closed meanwhile."""


def _with_python(
    argv: tuple[str, ...], environment: Mapping[str, str], python: Path
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Have ``python`` mean the step's interpreter: as the program, and for programs that look on ``PATH``."""
    if argv and _PYTHON.fullmatch(argv[0]):
        argv = (str(python), *argv[1:])
    return argv, {
        **environment,
        "PATH": f"{python.parent}{os.pathsep}{environment.get('PATH') or os.defpath}",
    }


class _Supervisor:
    """The supervisor's process, started when the first job is.

    Args:
        hidden: What jobs without a view of their own must not use; empty if all have one.

    Attributes:
        closed: Set when no more jobs are to start, and all that run are to end.
    """

    def __init__(self, hidden: str) -> None:
        self.closed = threading.Event()
        self._hidden = hidden
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def connect(self, outputs: list[int]) -> socket.socket:
        """Have a keeper started for one job: the connection to it."""
        own, given = socket.socketpair()
        try:
            with given, self._lock:
                self._send([given.fileno(), *outputs])
        except BaseException:  # an interrupt too; without a keeper the connection is of no use
            own.close()
            raise
        return own

    def _send(self, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._started(), [b"j"], descriptors)
        except ConnectionError:
            self._end()
            socket.send_fds(self._started(), [b"j"], descriptors)

    def renew(self) -> None:
        """Replace the supervisor if it ended."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._end()

    def close(self) -> None:
        """End the supervisor and all jobs."""
        self.closed.set()
        with self._lock:
            self._end()

    def _started(self) -> socket.socket:
        if self.closed.is_set():
            raise _ClosedError
        if self._control is None:
            own, given = socket.socketpair()
            home = str(Path(__file__).parents[3])
            program = (
                f"import sys; sys.path.append({home!r}); "
                f"from dagcast.runner.launch.supervisor import main; main({given.fileno()}, sys.argv[1])"
            )
            with given:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-X", "utf8", "-c", program, self._hidden],
                    stdin=subprocess.DEVNULL,
                    env={name: value for name, value in os.environ.items() if name in _OWN},
                    pass_fds=(given.fileno(),),
                    start_new_session=True,
                )
            self._control = own
        return self._control

    def _end(self) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()
        self._control = self._process = None
