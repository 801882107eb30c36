"""Runs jobs in containers of their own images, through the ``docker`` or ``podman`` client."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal
from uuid import uuid4

from dagcast.errors import DagcastError, Diagnostic, InvalidInputError
from dagcast.runner.launch import exec_strings
from dagcast.runner.launch.command import HOST, ML_PATH, Command, Exit
from dagcast.staging.temporary_folder import TemporaryFolderError, report_unwritable

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL, as in :mod:`~dagcast.runner.launch.process_launcher`."""

_CLIENTS = ("docker", "podman")
_INFO_TIMEOUT = 30.0
"""Seconds within which an engine must answer ``info``."""

_NOT_STARTED = ("created", "configured", "initialized")
"""States of a container that never ran, as docker and podman name them."""

_POLL_SECONDS = 0.1
_TAIL_BYTES = 2000

_CLEANUP_PROGRAM = "import subprocess, sys; sys.stdin.read(); subprocess.run(sys.argv[1:])"


class EngineError(DagcastError):
    """A command of the container engine failed."""


def find_engine() -> str:
    """Return the client of a container engine that is running.

    Raises:
        InvalidInputError: If no engine answers.
    """
    tried = []
    for name in _CLIENTS:
        client = shutil.which(name)
        if client is None:
            continue
        try:
            completed = subprocess.run(
                [client, "info"], capture_output=True, timeout=_INFO_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            tried.append(f"{name} info: no answer in {_INFO_TIMEOUT:g} seconds")
            continue
        except OSError as error:
            tried.append(f"{name} info: {error.strerror}")
            continue
        if completed.returncode == 0:
            return client
        tried.append(f"{name} info: {_last_line(completed.stderr)}")
    problem = "; ".join(tried) or "neither docker nor podman is on PATH"
    raise InvalidInputError(
        [
            Diagnostic(
                f"no container engine answers: {problem}",
                code="run.isolation",
                hint="start the engine, or use 'auto', which needs none",
            )
        ]
    )


class DockerLauncher:
    """Runs each job in a container of the step's image. Threads can share one.

    Args:
        client: The path of the engine's client program.
        grace: Seconds between SIGTERM and SIGKILL.
    """

    isolation: Literal["namespace", "paths", "docker"] = "docker"

    def __init__(self, client: str, *, grace: float = GRACE) -> None:
        self._client = client
        self._grace = grace
        self._closed = threading.Event()

    def __enter__(self) -> DockerLauncher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all jobs at once."""
        self._closed.set()

    def run(self, command: Command, stop: threading.Event) -> Exit:
        """Run the container, wait for it, and remove it."""
        if not command.image or command.image.startswith("-"):
            return Exit(code=None, problem=f"the container cannot start: invalid image {command.image!r}")
        name = f"dagcast-{uuid4().hex}"
        try:
            with (
                command.stdout.open("ab", buffering=0) as stdout,
                command.stderr.open("ab+", buffering=0) as stderr,
                self._remove_at_end(name),
            ):
                if self._create(command, name, stop):
                    return self._wait(command, name, stop, stdout, stderr)
                return Exit(code=None, stopped=True)
        except (EngineError, TemporaryFolderError, exec_strings.ExecStringError) as error:
            return Exit(code=None, problem=str(error))
        except OSError as error:
            where = f" {error.filename}:" if error.filename else ""
            return Exit(code=None, problem=f"the job cannot be started:{where} {error.strerror}")

    def _create(self, command: Command, name: str, stop: threading.Event) -> bool:
        """Create the container, and pull its image if it is missing. Return ``False`` if the run stopped meanwhile."""
        arguments = [self._client, "create", "--name", name, "--hostname", HOST]
        arguments += ["--mount", _format_mount(command.ml_folder.resolve())]
        arguments += ["--workdir", command.working_directory] if command.working_directory else []
        arguments += [] if command.has_network else ["--network", "none"]
        for variable, value in exec_strings.validate_environment(command.environment).items():
            arguments += ["--env", f"{variable}={value}"]
        if command.has_program:
            program, *rest = exec_strings.validate_command_line(command.argv)
            arguments += ["--entrypoint", program, str(command.image), *rest]
        else:
            arguments += [str(command.image), *exec_strings.validate_arguments(command.argv)]
        with report_unwritable():
            file = tempfile.TemporaryFile()  # noqa: SIM115 - an error of the block below is another one
        with file as output:
            creation = _start_client(arguments, subprocess.DEVNULL, output)
            while not _has_ended(creation, _POLL_SECONDS):
                if stop.is_set() or self._closed.is_set():
                    creation.kill()
                    creation.wait()
                    return False
            if creation.returncode != 0:
                raise EngineError(
                    f"the engine created no container from {command.image}: {_last_line(_read_tail(output))}"
                )
        return True

    def _wait(
        self, command: Command, name: str, stop: threading.Event, stdout: IO[bytes], stderr: IO[bytes]
    ) -> Exit:
        begin = time.monotonic()
        deadline = math.inf if command.timeout is None else begin + command.timeout
        attached = _start_client([self._client, "start", "--attach", name], stdout, stderr)
        timed_out = stopped = False
        while not _has_ended(attached, _POLL_SECONDS):
            stopped = not timed_out and (stop.is_set() or self._closed.is_set())
            timed_out = not stopped and time.monotonic() >= deadline
            if stopped or timed_out:
                grace = 0 if self._closed.is_set() else math.ceil(self._grace)
                self._run_client("stop", "--time", str(grace), name)
                attached.wait()
        seconds = time.monotonic() - begin
        state = json.loads(self._run_client("inspect", "--format", "{{json .State}}", name))
        if state.get("Error") or state["Status"] in _NOT_STARTED:
            why = state.get("Error") or _last_line(_read_tail(stderr))
            return Exit(code=None, seconds=seconds, problem=f"the container did not start: {why}")
        return _read_exit(state, timed_out=timed_out, stopped=stopped, seconds=seconds)

    @contextmanager
    def _remove_at_end(self, name: str) -> Iterator[None]:
        """Remove the container at the end, even if this process is killed.

        A second process removes it when its standard input closes, which the end of this process causes too. It has a
        session of its own, so that Ctrl-C at the terminal does not end it.
        """
        remove = [self._client, "rm", "--force", name]
        cleanup = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CLEANUP_PROGRAM, *remove],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            cleanup.communicate()

    def _run_client(self, *arguments: str) -> str:
        completed = subprocess.run([self._client, *arguments], capture_output=True, text=True, check=False)
        if completed.returncode != 0:
            raise EngineError(
                f"the engine's command {arguments[0]!r} failed: {_last_line(completed.stderr.encode())}"
            )
        return completed.stdout


def _read_exit(state: dict[str, Any], *, timed_out: bool, stopped: bool, seconds: float) -> Exit:
    """Return how a container ended, from its state.

    An engine reports a signal as 128 plus its number. Only SIGKILL and SIGTERM, which end containers from outside, are
    read as signals; a program can exit with the other codes itself.
    """
    code = int(state["ExitCode"])
    ended_by = code - 128 if code - 128 in (signal.SIGKILL, signal.SIGTERM) else None
    return Exit(
        code=None if ended_by else code,
        signal=ended_by,
        timed_out=timed_out,
        stopped=stopped,
        seconds=seconds,
    )


def _format_mount(ml: Path) -> str:
    """Return the value of ``--mount``. It is a line of CSV, so a path can contain commas, quotes and colons."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(("type=bind", f"source={ml}", f"target={ML_PATH}"))
    return line.getvalue()


def _start_client(
    arguments: Sequence[str], stdout: int | IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
    )


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _read_tail(file: IO[bytes]) -> bytes:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL_BYTES))
    return file.read()


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no error output"
