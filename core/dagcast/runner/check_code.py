"""Finds scripts that are missing from code and models, before a run starts, where their archives are already there."""

from __future__ import annotations

import ast
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Reference, StepProperty
from dagcast.definition.resolve_references import ReferenceFailedError, Scope, known_uri, resolve
from dagcast.errors import DagcastError, Diagnostic, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.container.check_request import as_list, as_mapping, cannot_run_here
from dagcast.runner.container.training_toolkit import PROGRAM, SUBMIT_DIRECTORY
from dagcast.runner.executors.transform import DEFAULT_PROGRAM, has_default_functions
from dagcast.runner.files import iter_files
from dagcast.runner.in_job.serving import list_missing_functions
from dagcast.runner.store.local_store import Store
from dagcast.sagemaker.builtin_algorithms import algorithm_of_image

_MAX_SCRIPT_BYTES = 1_000_000

_SETUP = "setup.py"
"""With this file in the code, the program is the name of a module."""

_MAX_ARCHIVE_BYTES = 50_000_000
"""Larger archives, of models, are not read before the run: that would take longer than it saves."""


@dataclass(frozen=True)
class _Archive:
    """The files of an archive.

    Attributes:
        uri: Its S3 URI.
        files: The content of each file by its path; ``None`` for files that are not scripts, or too long.
    """

    uri: str
    files: Mapping[str, bytes | None]


def check_training_code(step: Step, scope: Scope, store: Store) -> Iterator[Diagnostic]:
    """Find a training script that its archive lacks, if the archive exists before the run."""
    for definition in (step.arguments, *_tuning_definitions(step)):
        for field in ("HyperParameters", "StaticHyperParameters"):
            parameters = as_mapping(definition.get(field))
            program = _known_text(parameters.get(PROGRAM), scope)
            archive = _open(known_uri(parameters.get(SUBMIT_DIRECTORY), scope), store)
            if archive is None or program is None or _SETUP in archive.files:
                continue
            if program not in archive.files:
                yield _missing_script(step.name, program, archive)


def check_served_model(
    step: Step, model: Step, definition: Definition, scope: Scope, store: Store
) -> Iterator[Diagnostic]:
    """Find what a batch transform needs and its model lacks: its script, and functions in it.

    Args:
        step: The Transform step.
        model: The Model step whose model it uses.
        definition: The pipeline.
        scope: The values of parameters; no step has a result yet.
        store: The data that exists before the run.
    """
    containers = as_list(model.arguments.get("Containers"))
    container = as_mapping(model.arguments.get("PrimaryContainer") or (containers[0] if containers else None))
    if container.get("ModelPackageName") is not None:
        return  # its code is in the registry
    environment = as_mapping(container.get("Environment"))
    image = _known_text(container.get("Image"), scope) or ""
    program = _known_text(environment.get("SAGEMAKER_PROGRAM", DEFAULT_PROGRAM), scope)
    submitted = environment.get("SAGEMAKER_SUBMIT_DIRECTORY")
    code = known_uri(submitted, scope)
    if program is None or (code is None and isinstance(submitted, Reference)):
        return  # known during the run
    source = container.get("ModelDataUrl")
    if code is not None:
        archive, path = _open(code, store), program
    else:
        archive, path = _open(known_uri(source, scope), store), f"code/{program}"
    if archive is not None:
        if path not in archive.files:
            yield _missing_script(step.name, path, archive)
        else:
            yield from _check_functions(step.name, program, archive.files[path], image)
    elif code is None and isinstance(source, StepProperty) and algorithm_of_image(image) is None:
        yield from _check_trained_model(step, definition.by_name.get(source.step), program, scope, store)


def _check_trained_model(
    step: Step, trained: Step | None, program: str, scope: Scope, store: Store
) -> Iterator[Diagnostic]:
    """Warn if the training that makes the model cannot leave the inference script in it, as far as its code tells."""
    if trained is None or trained.definition_type != "Training":
        return
    parameters = as_mapping(trained.arguments.get("HyperParameters"))
    archive = _open(known_uri(parameters.get(SUBMIT_DIRECTORY), scope), store)
    if archive is None:
        return
    name = PurePosixPath(program).name
    contents = (content for content in archive.files.values() if content is not None)
    if any(PurePosixPath(path).name == name for path in archive.files) or any(
        name.encode() in content for content in contents
    ):
        return
    yield Diagnostic(
        f"step {step.name!r}: the model of step {trained.name!r} seems to have no inference script: neither its Model "
        f"step nor the training code names {program}",
        code="run.unsupported-field",
        hint=f"give the Model step a script with model_fn, or let the training write /opt/ml/model/code/{program}",
        severity="warning",
    )


def _check_functions(step: str, program: str, content: bytes | None, image: str) -> Iterator[Diagnostic]:
    """Find functions that an inference script lacks. A script that imports or makes names dynamically is not judged."""
    if content is None:
        return
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        yield cannot_run_here(step, f"the inference script {program} is invalid Python: {error}")
        return
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    if "*" in names or names & {"globals", "setattr", "exec"}:
        return
    missing = list_missing_functions(names, defaults=has_default_functions(image))
    if missing:
        yield cannot_run_here(
            step,
            f"the inference script {program} has no {', '.join(missing)}, and a local run has no default for it",
        )


def _missing_script(step: str, path: str, archive: _Archive) -> Diagnostic:
    names = sorted(archive.files)
    near = did_you_mean(path, names) or f"it has {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    return cannot_run_here(step, f"{archive.uri} has no {path}", hint=near if names else "it is empty")


def _open(uri: str | None, store: Store) -> _Archive | None:
    """Return the files of an archive that exists before the run; ``None`` if it does not, or cannot be read."""
    if uri is None or not uri.endswith(".tar.gz"):
        return None
    try:
        found = store.find_file(uri)
        if found is None or found.stat().st_size > _MAX_ARCHIVE_BYTES:
            return None
        if found.is_dir():
            return _Archive(uri, {name: _read_script(path) for name, path in iter_files(found)})
        with tarfile.open(found) as tar:
            files: dict[str, bytes | None] = {}
            for member in tar:
                reader = (
                    tar.extractfile(member)
                    if _is_script(member.name, member.size) and member.isfile()
                    else None
                )
                if not member.isdir():
                    files[str(PurePosixPath(member.name))] = reader.read() if reader is not None else None
            return _Archive(uri, files)
    except (OSError, tarfile.TarError, EOFError, DagcastError):
        return None  # the step reports it


def _read_script(path: Path) -> bytes | None:
    return path.read_bytes() if _is_script(path.name, path.stat().st_size) else None


def _is_script(name: str, size: int) -> bool:
    return name.endswith((".py", ".sh")) and size <= _MAX_SCRIPT_BYTES


def _tuning_definitions(step: Step) -> list[Mapping[str, Any]]:
    several = as_list(step.arguments.get("TrainingJobDefinitions"))
    return [as_mapping(each) for each in (step.arguments.get("TrainingJobDefinition"), *several)]


def _known_text(value: Any, scope: Scope) -> str | None:
    """Return a text that is known before any step has run, without the quotes of a hyperparameter."""
    try:
        text = resolve(value, scope)
    except ReferenceFailedError:
        return None
    return text.strip('"') if isinstance(text, str) else None
