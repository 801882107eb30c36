"""Runs jobs as processes of this machine, started by a supervisor.

A job has its own ``/opt/ml`` in a mount namespace, or rewritten paths.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from dagcast.errors import DagcastError
from dagcast.runner.in_job import no_install
from dagcast.runner.launch import bytecode_cache, exec_strings, filesystem_view, rewrite_ml_paths
from dagcast.runner.launch.bytecode_cache import BytecodeCache
from dagcast.runner.launch.command import DONT_WRITE_BYTECODE, ML_PATH, Command, Exit
from dagcast.runner.launch.socket_messages import receive_message, send_message
from dagcast.runner.launch.user_terminal import user_terminal
from dagcast.staging.temporary_folder import TemporaryFolderError, report_unwritable, temporary_folder

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL.

SageMaker waits 120 (Developer Guide, "How Amazon SageMaker AI Runs Your Training Image"), too long at a terminal.
"""

_MONITOR_MARGIN = 5.0
"""Seconds that a monitor can take beyond the job's timeout and grace period, before it is killed."""

_POLL_SECONDS = 0.1
"""Seconds between two checks whether the run is stopping."""

_SUPERVISOR_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables that the supervisor inherits. A job could read them in ``/proc``, so none holds a secret."""

_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class ProcessLauncher:
    """Starts jobs as processes of this machine. Threads can share one.

    Args:
        isolation: ``namespace`` gives each job a mount namespace with its own ``/opt/ml``; ``paths`` rewrites paths.
        runs_folder: The folder of all runs, which jobs cannot see, or at least cannot use.
        grace: Seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self, isolation: Literal["namespace", "paths"], runs_folder: Path, *, grace: float = GRACE
    ) -> None:
        self.isolation: Literal["namespace", "paths", "docker"] = isolation
        self._runs_folder = runs_folder.resolve()
        self._grace = grace
        self._bytecode = BytecodeCache(self._runs_folder)
        self._supervisor = _Supervisor("" if isolation == "namespace" else str(self._runs_folder))

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
        """Start the process, wait for it, and kill what it leaves running."""
        try:
            if self._supervisor.closed.is_set() or stop.is_set():
                return Exit(code=None, stopped=True)
            if not command.has_program:
                raise exec_strings.ExecStringError(
                    "the command names no program, and only a container engine can run the image's entrypoint"
                )
            with ExitStack() as stack:
                outputs = stack.enter_context(_open_outputs(command))
                request = stack.enter_context(self._make_request(command))
                ended = self._run(request, outputs, stop)
                if request["view"] is not None:
                    python = Path(command.python or sys.executable).absolute()
                    self._bytecode.learn(Path(request["view"]["scratch"], "layer"), python, stop)
                return ended
        except _ClosedError:
            return Exit(code=None, stopped=True)
        except (TemporaryFolderError, exec_strings.ExecStringError) as error:
            return Exit(code=None, problem=str(error))
        except OSError as error:
            where = f" {error.filename}:" if error.filename else ""
            return Exit(code=None, problem=f"the job cannot be started:{where} {error.strerror}")

    def probe(self) -> str | None:
        """Set up a job's file system without starting a job. Return why this machine forbids it, or ``None``."""
        with temporary_folder("dagcast-") as folder:
            log = Path(folder, "log")
            command = Command(
                argv=("none",),
                environment={},
                ml_folder=Path(folder, "ml"),
                working_directory="/",
                stdout=log,
                stderr=log,
            )
            with report_unwritable():
                command.ml_folder.mkdir()
                log.touch()
            with self._make_request(command) as request, log.open("wb") as output:
                probed = self._run({**request, "argv": None}, [output.fileno()] * 2, threading.Event())
        return probed.problem if probed.code != 0 else None

    @contextmanager
    def _make_request(self, command: Command) -> Iterator[dict[str, Any]]:
        """Yield the request for the monitor. Temporary folders that it names last until the context ends."""
        python = Path(command.python or sys.executable).absolute()
        argv, environment = command.argv, dict(command.environment)
        folder = command.working_directory or ("/" if self.isolation == "namespace" else ML_PATH)
        with ExitStack() as stack:
            view = None
            writable: list[str] = []
            required: list[str] = []
            if self.isolation == "namespace":
                bytecode = self._bytecode.prepare(python)
                if bytecode is None or DONT_WRITE_BYTECODE in environment:
                    environment.setdefault(DONT_WRITE_BYTECODE, "1")
                else:
                    environment.setdefault(bytecode_cache.VARIABLE, str(bytecode))
                view = stack.enter_context(
                    filesystem_view.prepare_view(command, environment, python, self._runs_folder, bytecode)
                )
                environment = filesystem_view.adapt_environment(environment)
            else:
                ml = stack.enter_context(rewrite_ml_paths.provide_plain_path(command.ml_folder))
                argv, environment, folder = rewrite_ml_paths.rewrite_command(argv, environment, folder, ml)
                environment, writable = stack.enter_context(
                    rewrite_ml_paths.provide_temporary_folder(ml, environment, self._runs_folder)
                )
                writable = [ml, *writable]
                required = filesystem_view.find_required_paths(
                    command, environment, python, self._runs_folder
                )
                environment = _refuse_installation(environment, python)
            argv, environment = _select_python(argv, environment, python)
            yield {
                "argv": exec_strings.validate_command_line(argv),
                "env": exec_strings.validate_environment(environment),
                "folder": exec_strings.validate_string("the working directory", folder),
                "timeout": command.timeout,
                "terminal": command.has_terminal,
                "grace": self._grace,
                "view": view,
                "writable": [exec_strings.validate_string("a folder of the job", path) for path in writable],
                "required": [exec_strings.validate_string("a folder of programs", path) for path in required],
            }

    def _run(self, request: dict[str, Any], outputs: list[int], stop: threading.Event) -> Exit:
        for attempt in (1, 2):
            with self._supervisor.connect(outputs) as job:
                reply = self._exchange(job, request, stop)
            if reply is not None:
                return Exit(**reply)
            if attempt == 1:
                self._supervisor.renew()
        return Exit(code=None, problem="the process that starts jobs ended before it could start this one")

    def _exchange(
        self, job: socket.socket, request: dict[str, Any], stop: threading.Event
    ) -> dict[str, Any] | None:
        """Send the request, and wait for the job's outcome; ``None`` if the job cannot have started."""
        try:
            send_message(job, request)
        except ConnectionError:
            return None
        while not _wait_readable(job):
            if self._supervisor.closed.is_set() or stop.is_set():
                return {"code": None, "stopped": True}
        reply = receive_message(job)
        if reply is None or "started" not in reply:
            return None if reply is None else {"code": None, **reply}
        ended = self._wait(job, reply["monitor"], request["timeout"], stop)
        reply = receive_message(job)
        if reply is None:
            problem = "the process that monitored the job was killed, so the job was ended"
            reply = {"problem": problem, "lost": True} if ended is None else {ended: True}
        if self._supervisor.closed.is_set() and reply.get("code") is None:
            reply = {**reply, "stopped": True, "problem": None, "lost": False}
        return {"code": None, **reply}

    def _wait(
        self, job: socket.socket, monitor: int, timeout: float | None, stop: threading.Event
    ) -> Literal["stopped", "timed_out"] | None:
        """Wait for the end of a job. Ask its monitor to end it when the run is stopping.

        A monitor that does not answer in time is killed, and the supervisor kills its job. The monitor may be stopped,
        or blocked by a disk.

        Returns:
            What should have ended the job, if its monitor did not end it.
        """
        deadline = None if timeout is None else time.monotonic() + timeout + self._grace + _MONITOR_MARGIN
        outcome: Literal["stopped", "timed_out"] = "timed_out"
        stop_sent = False
        while not _wait_readable(job):
            # If the monitor has ended, its outcome or the end of the connection can be read.
            with suppress(ConnectionError):
                if self._supervisor.closed.is_set():
                    # The monitor kills the job when the connection ends; the outcome can still be received.
                    job.shutdown(socket.SHUT_WR)
                elif stop.is_set() and not stop_sent:
                    stop_sent, outcome = True, "stopped"
                    deadline = time.monotonic() + self._grace + _MONITOR_MARGIN
                    send_message(job, {"stop": True})
            if deadline is not None and time.monotonic() > deadline:
                # The monitor missed its own deadline. The supervisor adopts and kills what it leaves behind.
                with suppress(ProcessLookupError):
                    os.kill(monitor, signal.SIGKILL)
                return outcome
        return None


@contextmanager
def _open_outputs(command: Command) -> Iterator[list[int]]:
    """Yield the descriptors of standard output and error: of the logs, or of a terminal."""
    with ExitStack() as stack:
        if command.has_terminal:
            terminal = stack.enter_context(user_terminal(command.stdout))
            yield [terminal, terminal]
        else:
            logs = (command.stdout, command.stderr)
            yield [stack.enter_context(path.open("ab", buffering=0)).fileno() for path in logs]


def _wait_readable(connection: socket.socket) -> bool:
    """Wait a moment for input or the end of the connection. Return whether there is one."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(_POLL_SECONDS * 1000))


class _ClosedError(DagcastError):
    """The launcher was closed meanwhile."""


def _select_python(
    argv: tuple[str, ...], environment: Mapping[str, str], python: Path
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Select the step's interpreter for ``python``: as the program itself, and on ``PATH``."""
    if argv and _PYTHON.fullmatch(argv[0]):
        argv = (str(python), *argv[1:])
    return argv, {
        **environment,
        "PATH": f"{python.parent}{os.pathsep}{environment.get('PATH') or os.defpath}",
    }


def _refuse_installation(environment: Mapping[str, str], python: Path) -> dict[str, str]:
    """Prevent pip from changing the job's Python environment, which is the user's own."""
    paths = filter(None, (no_install.__path__[0], environment.get("PYTHONPATH")))
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join(paths),
        "DAGCAST_PREFIX": str(python.parent.parent),
    }


class _Supervisor:
    """The supervisor's process, started with the first job.

    Args:
        runs_folder: The folder that jobs without namespaces cannot use; empty if all jobs have namespaces.

    Attributes:
        closed: Set when no job can start any more, and all running jobs must end.
    """

    def __init__(self, runs_folder: str) -> None:
        self.closed = threading.Event()
        self._runs_folder = runs_folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def connect(self, outputs: list[int]) -> socket.socket:
        """Assign a monitor to one job, and return the connection to it."""
        runner_end, monitor_end = socket.socketpair()
        try:
            # The lock orders requests: each byte on the control socket must go with its own three descriptors. This
            # process closes its copy of the monitor's end, so that it notices the monitor's death.
            with monitor_end, self._lock:
                self._send([monitor_end.fileno(), *outputs])
        except BaseException:  # including KeyboardInterrupt: without a monitor the connection is useless
            runner_end.close()
            raise
        return runner_end

    def _send(self, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._ensure_started(), [b"j"], descriptors)
        except ConnectionError:
            self._end()
            socket.send_fds(self._ensure_started(), [b"j"], descriptors)

    def renew(self) -> None:
        """Discard the supervisor if it has ended; the next job starts another."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._end()

    def close(self) -> None:
        """End the supervisor and all jobs."""
        self.closed.set()
        with self._lock:
            self._end()

    def _ensure_started(self) -> socket.socket:
        if self.closed.is_set():
            raise _ClosedError
        if self._control is None:
            runner_end, supervisor_end = socket.socketpair()
            home = str(Path(__file__).parents[3])
            program = (
                f"import sys; sys.path.append({home!r}); "
                f"from dagcast.runner.launch.supervisor import main; main({supervisor_end.fileno()}, sys.argv[1])"
            )
            with supervisor_end:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-X", "utf8", "-c", program, self._runs_folder],
                    stdin=subprocess.DEVNULL,
                    env={name: value for name, value in os.environ.items() if name in _SUPERVISOR_VARIABLES},
                    pass_fds=(supervisor_end.fileno(),),
                    start_new_session=True,  # Ctrl-C at the terminal reaches only the runner
                )
            self._control = runner_end
        return self._control

    def _end(self) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()  # before the wait: the supervisor ends when the connection closes
            self._process.wait()
        self._control = self._process = None
