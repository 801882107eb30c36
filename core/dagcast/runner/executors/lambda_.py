"""Runs Lambda steps: a handler in a local file replaces the function, in a process of its own."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import Diagnostic, Location, did_you_mean
from dagcast.runner import in_job
from dagcast.runner.container import job
from dagcast.runner.container.check_request import cannot_run_here
from dagcast.runner.executors.executor import Executor, StepAttempt, StepFailedError, StepResult
from dagcast.runner.files import copy_file
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.output_parameters import select_output_parameters
from dagcast.runner.python_env import prepare_python

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

TIMEOUT = 600.0
"""Seconds.

Source: aws/sagemaker-python-sdk issue 3236, where a Lambda step ends after 10 minutes; Lambda itself allows 15.
"""

MAX_PACKAGE_BYTES = 250 * 1024 * 1024
"""Maximum size of a function's folder. Source: AWS Lambda Developer Guide, "Lambda quotas": 250 MB, unzipped."""

MAX_ANSWER_BYTES = 6 * 1024 * 1024
"""Maximum size of an answer.

Source: AWS Lambda Developer Guide, "Lambda quotas": 6 MB for a synchronous invocation.
"""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find missing handlers: no file is mapped to the function, or the file or its handler does not exist."""
    if options.isolation == "docker":
        yield cannot_run_here(step.name, "a Lambda step has no image to run in a container")
    arn = step.fields.get("FunctionArn")
    if not isinstance(arn, str):
        return  # a reference: known when the step runs
    mapping = _find_mapping(arn, options.lambdas)
    if mapping is None:
        yield Diagnostic(
            f"step {step.name!r} calls {arn}, which is not mapped to a file",
            code="run.missing-lambda",
            hint=_hint(step.name, arn),
        )
        return
    file, handler = _split_mapping(mapping)
    if not handler:
        yield Diagnostic(
            f"--lambda: invalid {mapping!r}: expected FILE.py:HANDLER", code="run.invalid-lambda"
        )
    elif not file.is_file():
        yield Diagnostic(f"--lambda {function_name(arn)}: {file} does not exist", code="run.missing-file")
    else:
        yield from _check_handler(file, handler)


def run(attempt: StepAttempt) -> StepResult:
    """Call the handler with the step's arguments. It returns the output parameters.

    A copy of the file's folder replaces Lambda's deployment package: it is the working directory and the first import
    path. The handler only gets the environment variables of every job and of Lambda itself, because the definition does
    not contain the configuration of the real function.

    Raises:
        StepFailedError: If the handler raises, exits, exceeds the timeout, or does not return what is declared, or if
        its
            folder exceeds the limit of Lambda.
        StepStoppedError: If the run is stopping.
    """
    arn = str(attempt.fields["FunctionArn"])
    mapping = _find_mapping(arn, attempt.options.lambdas)
    if mapping is None:
        raise StepFailedError(f"{arn} is not mapped to a file: {_hint(attempt.step.name, arn)}")
    file, handler = _split_mapping(mapping)
    source = file.resolve()
    ml = attempt.folder / "ml"
    job.make_folders(ml, "code")
    for path in _iter_package(source.parent, attempt.options.runs.resolve()):
        copy_file(path, ml / "code" / path.relative_to(source.parent))
    request = str(uuid.uuid5(uuid.NAMESPACE_URL, attempt.job_name))
    event = {"function": function_name(arn), "arn": arn, "request": request, "seconds": TIMEOUT}
    job.write_config(ml, "event.json", {**event, "event": dict(attempt.arguments)})
    copy_file(Path(in_job.__path__[0]) / "call_function.py", ml / "call_function.py")
    code, requirements = f"{ML_PATH}/code", (ml / "code", "requirements.txt")
    files = (f"{code}/{source.name}", handler, f"{ML_PATH}/event.json", f"{ML_PATH}/answer.json")
    command = Command(
        argv=("python", f"{ML_PATH}/call_function.py", *files),
        environment={
            **job.base_environment(attempt),
            "AWS_LAMBDA_FUNCTION_NAME": function_name(arn),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "LAMBDA_TASK_ROOT": code,
            "_HANDLER": f"{source.stem}.{handler}",
        },
        ml_folder=ml,
        working_directory=code,
        stdout=attempt.folder / "stdout.log",
        stderr=attempt.folder / "stderr.log",
        timeout=TIMEOUT,
        python=prepare_python(
            attempt, requirements if (ml / "code" / "requirements.txt").is_file() else None
        ),
    )
    ended = attempt.launcher.run(command, attempt.stop)
    if ended.timed_out:
        raise StepFailedError(f"{mapping} exceeded {TIMEOUT:g} seconds", log=command.stderr)
    answer = _read_answer(ml / "answer.json", mapping, command.stderr)
    if "error" in answer:
        reason = str(answer["error"])[: job.MAX_MESSAGE_CHARACTERS]
        raise StepFailedError(f"{mapping} failed: {reason}", log=command.stderr)
    if "returned" not in answer:
        job.check_exit(ended, attempt, command.stdout, command.stderr)
        raise StepFailedError(f"{mapping} ended without returning", log=command.stderr)
    declared = attempt.fields.get("OutputParameters") or ()
    return StepResult({"OutputParameters": select_output_parameters(declared, answer["returned"], mapping)})


def code_digest(arn: str, options: RunOptions) -> str:
    """Return a digest of what a function runs: the handler's name, and the files of its folder.

    Raises:
        StepFailedError: If the folder exceeds the limit of Lambda.
    """
    mapping = _find_mapping(arn, options.lambdas)
    if mapping is None:
        return ""
    file, handler = _split_mapping(mapping)
    digest = hashlib.sha256(f"{file.name}:{handler}".encode())
    source = file.resolve().parent
    for path in _iter_package(source, options.runs.resolve()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\0{path.relative_to(source)}\0{content}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _iter_package(source: Path, runs: Path) -> Iterator[Path]:
    """Yield the files in the folder of a function, except hidden and compiled files and the folder of all runs.

    Raises:
        StepFailedError: If they exceed the limit of Lambda.
    """
    size = 0
    for parent, folders, files in os.walk(source):
        folders[:] = sorted(
            name
            for name in folders
            if name[0] != "." and name != "__pycache__" and Path(parent, name) != runs
        )
        for path in (Path(parent, name) for name in sorted(files) if name[0] != "."):
            if not path.is_file():
                continue
            size += path.stat().st_size
            if size > MAX_PACKAGE_BYTES:
                raise StepFailedError(
                    f"{source} exceeds {MAX_PACKAGE_BYTES >> 20} MB, Lambda's limit for a function: move the"
                    " handler and its imports into their own folder"
                )
            yield path


def _read_answer(path: Path, mapping: str, log: Path) -> dict[str, Any]:
    """Return the handler's answer; empty without an answer."""
    try:
        text = job.read_message_file(path, MAX_ANSWER_BYTES + 1) or "{}"
        if len(text.encode()) > MAX_ANSWER_BYTES:
            raise StepFailedError(
                f"{mapping} returned more than {MAX_ANSWER_BYTES} bytes, Lambda's limit", log=log
            )
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}  # the process ended while writing, or the handler wrote to the file itself
    return answer if isinstance(answer, dict) else {}


def _check_handler(file: Path, handler: str) -> Iterator[Diagnostic]:
    """Find syntax errors, or a missing handler, without running the file."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        yield Diagnostic(f"invalid Python: {error}", Location(str(file), line), code="run.invalid-lambda")
        return
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
    root = handler.partition(".")[0]
    if root not in names and "*" not in names:
        hint = did_you_mean(root, names)
        yield Diagnostic(
            f"{root!r} is not defined", Location(str(file)), code="run.invalid-lambda", hint=hint
        )


def _find_mapping(arn: str, lambdas: Mapping[str, str]) -> str | None:
    return lambdas.get(arn, lambdas.get(function_name(arn)))


def _split_mapping(mapping: str) -> tuple[Path, str]:
    """Return the file and the handler; the handler is empty if it is missing or not a name."""
    file, _, handler = mapping.rpartition(":")
    is_valid = bool(file) and all(part.isidentifier() for part in handler.split("."))
    return Path(file), handler if is_valid else ""


def _hint(step: str, arn: str) -> str:
    return f"--lambda {function_name(arn)}=FILE.py:HANDLER runs a handler, --stub {step}=FILE.json replaces the step"


def function_name(arn: str) -> str:
    """Return the name of a function from its ARN, ``arn:aws:lambda:REGION:ACCOUNT:function:NAME[:VERSION]``."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 else arn


EXECUTOR = Executor(
    check=check,
    run=run,
    digest_code=lambda fields, options: code_digest(str(fields.get("FunctionArn")), options),
)
