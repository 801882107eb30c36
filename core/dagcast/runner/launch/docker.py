"""Jobs in containers: the step's own image, run by the engine that a ``docker`` or ``podman`` client speaks to."""

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
from dagcast.runner.launch import texts
from dagcast.runner.launch.command import ML, Command, Exit

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL, as for jobs that are processes."""

_CLIENTS = ("docker", "podman")
_ANSWER = 30.0
"""Seconds that an engine has to say that it is there."""

_NOT_STARTED = ("created", "configured", "initialized")
"""States of a container that never ran, as docker and podman call them."""

_LOOK = 0.1
_TAIL = 2000

_WATCHER = "import subprocess, sys; sys.stdin.read(); subprocess.run(sys.argv[1:])"


class EngineError(DagcastError):
    """The container engine did not do what it was asked."""


def find_engine() -> str:
    """The client of a container engine that answers.

    Raises:
        InvalidInputError: If there is none.
    """
    tried = []
    for name in _CLIENTS:
        client = shutil.which(name)
        if client is None:
            continue
        try:
            asked = subprocess.run([client, "info"], capture_output=True, timeout=_ANSWER, check=False)
        except subprocess.TimeoutExpired:
            tried.append(f"{name} info: no answer in {_ANSWER:g} seconds")
            continue
        except OSError as error:
            tried.append(f"{name} info: {error.strerror}")
            continue
        if asked.returncode == 0:
            return client
        tried.append(f"{name} info: {_last_line(asked.stderr)}")
    problem = "; ".join(tried) or "there is neither a docker nor a podman client on PATH"
    raise InvalidInputError(
        [
            Diagnostic(
                f"no container engine answers: {problem}",
                code="isolation",
                hint="start the engine, or choose 'auto', which needs none",
            )
        ]
    )


class DockerLauncher:
    """Runs each job in a container of the step's image; many threads use it at once.

    Args:
        client: The program that speaks to the engine.
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
            return Exit(None, problem=f"no container can run the step: {command.image!r} is no image")
        name = f"dagcast-{uuid4().hex}"
        try:
            with (
                command.stdout.open("ab", buffering=0) as stdout,
                command.stderr.open("ab+", buffering=0) as stderr,
                self._removed(name),
            ):
                if self._create(command, name, stop):
                    return self._wait(command, name, stop, stdout, stderr)
                return Exit(None, stopped=True)
        except (EngineError, texts.UnsayableError) as error:
            return Exit(None, problem=str(error))
        except OSError as error:
            where = f" {error.filename}:" if error.filename else ""
            return Exit(None, problem=f"the job cannot be started:{where} {error.strerror}")

    def _create(self, command: Command, name: str, stop: threading.Event) -> bool:
        """Make the container, its image pulled if need be; ``False`` if that was stopped."""
        arguments = [self._client, "create", "--name", name, "--hostname", "algo-1"]
        arguments += ["--mount", _mount(command.ml.resolve()), "--workdir", command.folder]
        arguments += [] if command.network else ["--network", "none"]
        for variable, value in texts.variables(command.environment).items():
            arguments += ["--env", f"{variable}={value}"]
        if command.program:
            program, *rest = texts.program(command.argv)
            arguments += ["--entrypoint", program, str(command.image), *rest]
        else:
            arguments += [str(command.image), *texts.arguments(command.argv)]
        with tempfile.TemporaryFile() as told:
            making = _start(arguments, subprocess.DEVNULL, told)
            while not _ended(making, _LOOK):
                if stop.is_set() or self._closed.is_set():
                    making.kill()
                    making.wait()
                    return False
            if making.returncode != 0:
                raise EngineError(
                    f"the engine made no container of {command.image}: {_last_line(_tail(told))}"
                )
        return True

    def _wait(
        self, command: Command, name: str, stop: threading.Event, stdout: IO[bytes], stderr: IO[bytes]
    ) -> Exit:
        begin = time.monotonic()
        deadline = math.inf if command.timeout is None else begin + command.timeout
        running = _start([self._client, "start", "--attach", name], stdout, stderr)
        timed_out = stopped = False
        while not _ended(running, _LOOK):
            stopped = not timed_out and (stop.is_set() or self._closed.is_set())
            timed_out = not stopped and time.monotonic() >= deadline
            if stopped or timed_out:
                grace = 0 if self._closed.is_set() else math.ceil(self._grace)
                self._ask("stop", "--time", str(grace), name)
                running.wait()
        seconds = time.monotonic() - begin
        state = json.loads(self._ask("inspect", "--format", "{{json .State}}", name))
        if state.get("Error") or state["Status"] in _NOT_STARTED:
            why = state.get("Error") or _last_line(_tail(stderr))
            return Exit(None, seconds=seconds, problem=f"the container did not start: {why}")
        return _exit(state, timed_out=timed_out, stopped=stopped, seconds=seconds)

    @contextmanager
    def _removed(self, name: str) -> Iterator[None]:
        """Have the container removed at the end, also if this process is killed: another waits for that."""
        remove = [self._client, "rm", "--force", name]
        watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHER, *remove],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            watcher.communicate()

    def _ask(self, *arguments: str) -> str:
        asked = subprocess.run([self._client, *arguments], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            raise EngineError(f"the engine did not do {arguments[0]!r}: {_last_line(asked.stderr.encode())}")
        return asked.stdout


def _exit(state: dict[str, Any], *, timed_out: bool, stopped: bool, seconds: float) -> Exit:
    """How a container ended. An engine gives 128 and the number for a signal; only what ends others is told as one."""
    code = int(state["ExitCode"])
    ended_by = code - 128 if code - 128 in (signal.SIGKILL, signal.SIGTERM) else None
    return Exit(None if ended_by else code, ended_by, timed_out=timed_out, stopped=stopped, seconds=seconds)


def _mount(ml: Path) -> str:
    """The option's value; it is read as a line of CSV, so a path may have commas, quotes and colons."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(("type=bind", f"source={ml}", f"target={ML}"))
    return line.getvalue()


def _start(arguments: Sequence[str], stdout: int | IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
    )


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _tail(file: IO[bytes]) -> bytes:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL))
    return file.read()


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
