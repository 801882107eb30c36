"""A Callback step: the message goes to a command or a person, or a file has the answer already."""

from __future__ import annotations

import hashlib
import json
import select
import shlex
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import Diagnostic, Location
from dagcast.runner.container.side_process import LOOK, call
from dagcast.runner.executor import StepFailedError, StepResult, StepRun, StepStoppedError
from dagcast.runner.output_parameters import is_output, output_parameters

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_TERMINAL = threading.Lock()
"""Held by the step that asks: a process has one terminal."""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say whether nobody can answer: neither ``--callback`` nor a terminal, no such file, or no such command."""
    given = options.callbacks.get(step.name)
    here = f"--callback {step.name}"
    if given is None:
        if not sys.stdin.isatty():
            yield Diagnostic(
                f"step {step.name!r} waits for an answer, and nobody is there to give it",
                code="run.missing-callback",
                hint=f"{here}=ANSWER.json, or a command that prints the answer",
            )
    elif _is_file(given):
        yield from _check_file(here, Path(given))
    else:
        try:
            program = next(iter(shlex.split(given)), "")
        except ValueError as error:
            yield Diagnostic(f"{here}: {given!r} is no command: {error}", code="run.invalid-callback")
            return
        if shutil.which(program) is None:
            message = f"{here}: there is no program {program!r}"
            hint = "an answer in a file has a name that ends in .json"
            yield Diagnostic(message, code="run.missing-program", hint=hint)


def _is_file(given: str) -> bool:
    """Whether a file is meant and not a command, which may end in the name of a file."""
    return given.endswith(".json") and (Path(given).is_file() or len(given.split()) == 1)


def _check_file(here: str, file: Path) -> Iterator[Diagnostic]:
    try:
        json.loads(file.read_bytes())
    except OSError as error:
        yield Diagnostic(f"{here}: {file} cannot be read: {error.strerror}", code="run.missing-file")
    except (ValueError, RecursionError) as error:
        where = Location(str(file), getattr(error, "lineno", None))
        yield Diagnostic(f"this is no JSON: {error}", where, code="run.invalid-json")


def run(run: StepRun) -> StepResult:
    """Get the answer: a JSON object of the output parameters.

    The message is the one that SageMaker puts on the queue: ``token``, ``pipelineExecutionArn``, ``arguments`` and
    ``status``, as users' handlers of such messages read it. The token is ten letters and digits (SageMaker API
    reference, ``CallbackToken``), the same at every attempt.

    Raises:
        StepFailedError: If the answer is missing, no JSON, or other than declared.
        StepStoppedError: If the run is being stopped.
    """
    given = run.options.callbacks.get(run.step.name)
    declared = run.fields.get("OutputParameters", ())
    message = {
        "token": hashlib.sha256(run.job_name.encode()).hexdigest()[:10],
        "pipelineExecutionArn": run.execution_arn,
        "arguments": dict(run.arguments),
        "status": "Executing",
    }
    if given is None:
        answer: Any = _ask(run, message, declared)
    elif _is_file(given):
        answer = _parsed(_read(Path(given)), given)
    else:
        answer = _parsed(_called(run, given, message), given)
    return StepResult({"OutputParameters": output_parameters(declared, answer, given or "the answer")})


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StepFailedError(f"{file} cannot be read: {error.strerror}") from error


def _parsed(text: bytes, source: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StepFailedError(f"the answer of {source} is no JSON: {error}") from error


def _called(run: StepRun, command: str, message: Mapping[str, Any]) -> bytes:
    """What the user's own command prints; the message is its standard input."""
    run.folder.mkdir(parents=True, exist_ok=True)
    question, answer, log = (run.folder / name for name in ("message.json", "stdout.log", "stderr.log"))
    question.write_text(json.dumps(message), "utf-8")
    try:
        code = call(run, shlex.split(command), answer, errors=log, given=question)
    except OSError as error:
        raise StepFailedError(f"{command} cannot be started: {error.strerror}") from error
    if code != 0:
        raise StepFailedError(f"{command} ended with exit code {code}", log=log)
    return answer.read_bytes()


def _ask(run: StepRun, message: Mapping[str, Any], declared: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Ask the person at the terminal for each output parameter; one step asks at a time."""
    while not _TERMINAL.acquire(timeout=LOOK):
        _end_if_stopped(run)
    try:
        sys.stderr.write(f"\n{run.step.name} asks: {json.dumps(message['arguments'])}\n")
        return {parameter["OutputName"]: _asked(run, parameter) for parameter in declared}
    finally:
        _TERMINAL.release()


def _asked(run: StepRun, parameter: Mapping[str, str]) -> Any:
    wanted = parameter["OutputType"]
    while True:
        sys.stderr.write(f"{parameter['OutputName']} ({wanted}): ")
        sys.stderr.flush()
        while not select.select([sys.stdin], [], [], LOOK)[0]:
            _end_if_stopped(run)
        line = sys.stdin.readline()
        if not line:
            raise StepFailedError("the terminal was closed before there was an answer")
        text = line.strip()
        try:
            value = text if wanted == "String" else json.loads(text)
        except ValueError:
            value = None
        if is_output(value, wanted):
            return value
        sys.stderr.write(f"{text!r} is no {wanted}\n")


def _end_if_stopped(run: StepRun) -> None:
    if run.stop.is_set():
        raise StepStoppedError(f"step {run.step.name} was stopped")
