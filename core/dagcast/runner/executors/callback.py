"""Runs Callback steps: a command, a file or the person at the terminal answers the message."""

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

from dagcast.definition.strict_json import parse_json
from dagcast.errors import Diagnostic, Location
from dagcast.runner.container.helper_process import POLL_SECONDS, run_program
from dagcast.runner.executors.executor import (
    Executor,
    StepAttempt,
    StepFailedError,
    StepResult,
    StepStoppedError,
)
from dagcast.runner.output_parameters import has_output_type, select_output_parameters

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_TERMINAL = threading.Lock()
"""Held by the step that asks at the terminal."""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find missing answers: no ``--callback`` and no terminal, a missing file, or a missing command."""
    given = options.callbacks.get(step.name)
    option = f"--callback {step.name}"
    if given is None:
        if not sys.stdin.isatty():
            yield Diagnostic(
                f"step {step.name!r} waits for an answer, and there is no terminal",
                code="run.missing-callback",
                hint=f"use {option}=ANSWER.json, or {option}=COMMAND with a command that prints the answer",
            )
    elif _is_file(given):
        yield from _check_file(option, Path(given))
    else:
        try:
            program = next(iter(shlex.split(given)), "")
        except ValueError as error:
            yield Diagnostic(f"{option}: invalid command {given!r}: {error}", code="run.invalid-callback")
            return
        if shutil.which(program) is None:
            message = f"{option}: program {program!r} not found"
            hint = "the name of an answer file must end in .json"
            yield Diagnostic(message, code="run.missing-program", hint=hint)


def _is_file(given: str) -> bool:
    """Whether ``given`` means a file and not a command, whose last argument can be a file."""
    return given.endswith(".json") and (Path(given).is_file() or len(given.split()) == 1)


def _check_file(option: str, file: Path) -> Iterator[Diagnostic]:
    try:
        parse_json(file.read_bytes())
    except OSError as error:
        yield Diagnostic(f"{option}: {file} cannot be read: {error.strerror}", code="run.missing-file")
    except (ValueError, RecursionError) as error:
        where = Location(str(file), getattr(error, "lineno", None))
        yield Diagnostic(f"invalid JSON: {error}", where, code="run.invalid-json")


def run(attempt: StepAttempt) -> StepResult:
    """Get the answer: a JSON object with the output parameters.

    The message has the fields that SageMaker sends to the queue: ``token``, ``pipelineExecutionArn``, ``arguments`` and
    ``status``, so that handlers of such messages can read it. The token has ten letters and digits (SageMaker API
    reference, ``CallbackToken``), the same at every attempt.

    Raises:
        StepFailedError: If the answer is missing, invalid JSON, or not as declared.
        StepStoppedError: If the run is stopping.
    """
    given = attempt.options.callbacks.get(attempt.step.name)
    declared = attempt.fields.get("OutputParameters", ())
    message = {
        "token": hashlib.sha256(attempt.job_name.encode()).hexdigest()[:10],
        "pipelineExecutionArn": attempt.execution_arn,
        "arguments": dict(attempt.arguments),
        "status": "Executing",
    }
    if given is None:
        answer: Any = _ask(attempt, message, declared)
    elif _is_file(given):
        answer = _parse_json(_read(Path(given)), given)
    else:
        answer = _parse_json(_run_command(attempt, given, message), given)
    return StepResult({"OutputParameters": select_output_parameters(declared, answer, given or "the answer")})


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StepFailedError(f"{file} cannot be read: {error.strerror}") from error


def _parse_json(text: bytes, source: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise StepFailedError(f"the answer of {source} is invalid JSON: {error}") from error


def _run_command(attempt: StepAttempt, command: str, message: Mapping[str, Any]) -> bytes:
    """Return the output of the user's command, whose standard input is the message."""
    attempt.folder.mkdir(parents=True, exist_ok=True)
    question, answer, log = (attempt.folder / name for name in ("message.json", "stdout.log", "stderr.log"))
    question.write_text(json.dumps(message), "utf-8")
    try:
        code = run_program(attempt, shlex.split(command), answer, errors=log, stdin_file=question)
    except OSError as error:
        raise StepFailedError(f"{command} cannot be started: {error.strerror}") from error
    if code != 0:
        raise StepFailedError(f"{command} ended with exit code {code}", log=log)
    return answer.read_bytes()


def _ask(
    attempt: StepAttempt, message: Mapping[str, Any], declared: Iterable[Mapping[str, str]]
) -> dict[str, Any]:
    """Ask the person at the terminal for each output parameter. One step asks at a time."""
    while not _TERMINAL.acquire(timeout=POLL_SECONDS):
        _raise_if_stopped(attempt)
    try:
        sys.stderr.write(f"\n{attempt.step.name} asks: {json.dumps(message['arguments'])}\n")
        return {parameter["OutputName"]: _ask_parameter(attempt, parameter) for parameter in declared}
    finally:
        _TERMINAL.release()


def _ask_parameter(attempt: StepAttempt, parameter: Mapping[str, str]) -> Any:
    output_type = parameter["OutputType"]
    while True:
        sys.stderr.write(f"{parameter['OutputName']} ({output_type}): ")
        sys.stderr.flush()
        while not select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
            _raise_if_stopped(attempt)
        line = sys.stdin.readline()
        if not line:
            raise StepFailedError("the terminal was closed before there was an answer")
        text = line.strip()
        try:
            value = text if output_type == "String" else parse_json(text)
        except ValueError:
            value = None
        if has_output_type(value, output_type):
            return value
        sys.stderr.write(f"{text!r} is not a valid {output_type}\n")


def _raise_if_stopped(attempt: StepAttempt) -> None:
    if attempt.stop.is_set():
        raise StepStoppedError(f"step {attempt.step.name} was stopped")


EXECUTOR = Executor(check=check, run=run)
