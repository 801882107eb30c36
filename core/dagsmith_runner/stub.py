"""``--stub STEP=FILE``: a file that stands for running a step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagsmith.errors import Diagnostic, Location, did_you_mean
from dagsmith_runner.executor import StepFailedError, StepResult, StepRun
from dagsmith_runner.files import copy_file, copy_tree
from dagsmith_runner.store.uri import UnsafeUriError, parse

if TYPE_CHECKING:
    from dagsmith_runner.definition import Step

_FIELDS = ("properties", "outputs", "property_files")


def check(step: Step, file: Path) -> Iterator[Diagnostic]:
    """Say what is wrong with a stub: no JSON, unknown fields, outputs that are no URI or no file."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        yield Diagnostic(f"--stub {step.name}: {file} cannot be read: {error.strerror}", code="missing-file")
        return
    try:
        stub = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        yield Diagnostic(f"this is no JSON: {error}", Location(str(file), line), code="invalid-json")
        return
    if not isinstance(stub, Mapping):
        yield Diagnostic(f"a stub is an object of {', '.join(_FIELDS)}", Location(str(file), 1))
        return
    for name, value in stub.items():
        where = _where(file, text, name)
        if name not in _FIELDS:
            yield Diagnostic(
                f"a stub has no field {name!r}", where, code="unknown-field", hint=did_you_mean(name, _FIELDS)
            )
        elif not isinstance(value, Mapping):
            yield Diagnostic(f"{name} is an object", where)
        elif name != "properties":
            yield from _check_files(file, text, value)


def stub_result(step: Step, file: Path, run: StepRun) -> StepResult:
    """Put the stub's files into the store, and give its properties.

    Raises:
        StepFailedError: If a file that it names is gone.
    """
    stub = json.loads(file.read_text("utf-8"))
    places: dict[str, dict[str, str]] = {"outputs": {}, "property_files": {}}
    for kind, uris in places.items():
        for name, local in stub.get(kind, {}).items():
            source = file.parent / local
            uris[name] = name if name.startswith("s3://") else f"s3://stubs/{run.job_name}/{kind}/{name}"
            copy = run.folder / "stub" / kind / str(len(uris))
            if source.is_dir():
                copy_tree(source, copy)
            elif source.is_file():
                copy_file(source, copy)
            else:
                raise StepFailedError(f"{file} names {local}, and there is no such file")
            run.store.put(copy, uris[name])
    return StepResult(
        stub.get("properties", {}), outputs=places["outputs"], property_files=places["property_files"]
    )


def _check_files(file: Path, text: str, files: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for name, local in files.items():
        where = _where(file, text, name)
        try:
            parse(name if name.startswith("s3://") else f"s3://stubs/job/{name}")
        except UnsafeUriError as error:
            yield Diagnostic(str(error), where, code="unsafe-uri")
        if not isinstance(local, str):
            yield Diagnostic(f"{name!r} is the path of a file or folder, relative to {file.name}", where)
        elif not (file.parent / local).exists():
            yield Diagnostic(f"there is no {file.parent / local}", where, code="missing-file")


def _where(file: Path, text: str, name: str) -> Location:
    before = text.partition(json.dumps(name))[0]
    return Location(str(file), before.count("\n") + 1)
