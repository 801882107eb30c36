"""A Lambda step: the function is a handler in a file of the user's, called in a process of its own."""

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
from dagcast.runner.container.checks import cannot
from dagcast.runner.executor import StepFailedError, StepResult, StepRun
from dagcast.runner.files import copy_file
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.output_parameters import output_parameters
from dagcast.runner.python_env import python_for

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

TIMEOUT = 600.0
"""Seconds. Source: aws/sagemaker-python-sdk issue 3236, where a Lambda step is ended after 10 minutes; Lambda itself
would let a function run for 15."""

MAX_PACKAGE_BYTES = 250 * 1024 * 1024
"""The largest folder of a function. Source: AWS Lambda Developer Guide, "Lambda quotas": 250 MB, unzipped."""

MAX_BYTES = 6 * 1024 * 1024
"""The longest answer. Source: AWS Lambda Developer Guide, "Lambda quotas": 6 MB for a synchronous invocation."""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say whether no file stands for the function, the file is not there, or it has no such handler."""
    if options.isolation == "docker":
        yield cannot(step.name, "a Lambda step has no image that a container could be made of")
    arn = step.fields.get("FunctionArn")
    if not isinstance(arn, str):
        return  # a reference: known when the step runs
    mapping = _mapping(arn, options.lambdas)
    if mapping is None:
        yield Diagnostic(
            f"step {step.name!r} calls {arn}, and no file stands for it",
            code="run.missing-lambda",
            hint=_hint(step.name, arn),
        )
        return
    file, handler = _parts(mapping)
    if not handler:
        yield Diagnostic(
            f"--lambda: {mapping!r} is not of the form FILE.py:HANDLER", code="run.invalid-lambda"
        )
    elif not file.is_file():
        yield Diagnostic(f"--lambda {function_name(arn)}: there is no {file}", code="run.missing-file")
    else:
        yield from _check_handler(file, handler)


def run(run: StepRun) -> StepResult:
    """Call the handler with the step's arguments; what it returns are the output parameters.

    A copy of the file's folder is what a deployment package is to Lambda: the working directory and the first place of
    imports. The handler gets no environment variables but those of every job and of Lambda itself: what the real
    function is configured with is not in the definition.

    Raises:
        StepFailedError: If it raises, exits, runs too long, or returns other things than declared, or its folder is
            larger than a function may be.
        StepStoppedError: If the run is being stopped.
    """
    arn = str(run.fields["FunctionArn"])
    mapping = _mapping(arn, run.options.lambdas)
    if mapping is None:
        raise StepFailedError(f"no file stands for {arn}: {_hint(run.step.name, arn)}")
    file, handler = _parts(mapping)
    source = file.resolve()
    ml = run.folder / "ml"
    job.make_folders(ml, "code")
    for path in _package(source.parent, run.options.runs.resolve()):
        copy_file(path, ml / "code" / path.relative_to(source.parent))
    request = str(uuid.uuid5(uuid.NAMESPACE_URL, run.job_name))
    event = {"function": function_name(arn), "arn": arn, "request": request, "seconds": TIMEOUT}
    job.write_json(ml, "event.json", {**event, "event": dict(run.arguments)})
    copy_file(Path(in_job.__path__[0]) / "call_function.py", ml / "call_function.py")
    code, requirements = f"{ML_PATH}/code", (ml / "code", "requirements.txt")
    files = (f"{code}/{source.name}", handler, f"{ML_PATH}/event.json", f"{ML_PATH}/answer.json")
    command = Command(
        argv=("python", f"{ML_PATH}/call_function.py", *files),
        environment={
            **job.base_environment(run),
            "AWS_LAMBDA_FUNCTION_NAME": function_name(arn),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "LAMBDA_TASK_ROOT": code,
            "_HANDLER": f"{source.stem}.{handler}",
        },
        ml_folder=ml,
        working_directory=code,
        stdout=run.folder / "stdout.log",
        stderr=run.folder / "stderr.log",
        timeout=TIMEOUT,
        python=python_for(run, requirements if (ml / "code" / "requirements.txt").is_file() else None),
    )
    ended = run.launcher.run(command, run.stop)
    if ended.timed_out:
        raise StepFailedError(f"{mapping} ran for longer than {TIMEOUT:g} seconds", log=command.stderr)
    answer = _read_answer(ml / "answer.json", mapping, command.stderr)
    if "error" in answer:
        reason = str(answer["error"])[: job.TOLD_CHARACTERS]
        raise StepFailedError(f"{mapping} failed: {reason}", log=command.stderr)
    if "returned" not in answer:
        job.check_exit(ended, run, command.stdout, command.stderr)
        raise StepFailedError(f"{mapping} ended without an answer", log=command.stderr)
    declared = run.fields.get("OutputParameters") or ()
    return StepResult({"OutputParameters": output_parameters(declared, answer["returned"], mapping)})


def code_digest(arn: str, options: RunOptions) -> str:
    """A digest of all that a function runs: the handler's name, and the files of its folder.

    Raises:
        StepFailedError: If the folder is larger than a function may be.
    """
    mapping = _mapping(arn, options.lambdas)
    if mapping is None:
        return ""
    file, handler = _parts(mapping)
    digest = hashlib.sha256(f"{file.name}:{handler}".encode())
    source = file.resolve().parent
    for path in _package(source, options.runs.resolve()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\0{path.relative_to(source)}\0{content}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _package(source: Path, runs: Path) -> Iterator[Path]:
    """The files in the folder of a function, without what is hidden, compiled, or the folder of all runs.

    Raises:
        StepFailedError: If it is larger than a function may be.
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
                    f"{source} has over {MAX_PACKAGE_BYTES >> 20} MB, the most that a function may have: put the"
                    " handler and what it imports into a folder of their own"
                )
            yield path


def _read_answer(path: Path, mapping: str, log: Path) -> dict[str, Any]:
    """What the handler came to; empty if it did not say."""
    try:
        text = job.read_told(path, MAX_BYTES + 1) or "{}"
        if len(text.encode()) > MAX_BYTES:
            raise StepFailedError(
                f"{mapping} returned over {MAX_BYTES} bytes, the most that Lambda does", log=log
            )
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}  # it ended while it wrote, or the handler wrote there itself
    return answer if isinstance(answer, dict) else {}


def _check_handler(file: Path, handler: str) -> Iterator[Diagnostic]:
    """Say whether a file cannot be Python, or nothing in it has the name of the handler; it is not run."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        yield Diagnostic(f"this is no Python: {error}", Location(str(file), line), code="run.invalid-lambda")
        return
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
    first = handler.partition(".")[0]
    if first not in names and "*" not in names:
        hint = did_you_mean(first, names)
        yield Diagnostic(f"there is no {first!r}", Location(str(file)), code="run.invalid-lambda", hint=hint)


def _mapping(arn: str, lambdas: Mapping[str, str]) -> str | None:
    return lambdas.get(arn, lambdas.get(function_name(arn)))


def _parts(mapping: str) -> tuple[Path, str]:
    """The file and the handler; the latter is empty if there is none, or it is no name."""
    file, _, handler = mapping.rpartition(":")
    named = bool(file) and all(part.isidentifier() for part in handler.split("."))
    return Path(file), handler if named else ""


def _hint(step: str, arn: str) -> str:
    return f"--lambda {function_name(arn)}=FILE.py:HANDLER calls a handler, --stub {step}=FILE.json gives its outputs"


def function_name(arn: str) -> str:
    """The name of a function: ``arn:aws:lambda:REGION:ACCOUNT:function:NAME``, perhaps with a version after it."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 else arn
