"""``--stub STEP=FILE``: a file that stands for running a step.

What a Describe call would repeat of the step's request need not be in it: see :mod:`dagcast.runner.describe_response`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic, Location, did_you_mean
from dagcast.runner.container.check_request import as_list, as_mapping
from dagcast.runner.describe_response import describe_response, find_output_uris, stub_contract
from dagcast.runner.executor import StepAttempt, StepFailedError, StepResult
from dagcast.runner.files import copy_file, copy_tree, pack_tar_gz
from dagcast.runner.store.s3_uri import UnsafeUriError, parse_s3_uri

if TYPE_CHECKING:
    from dagcast.definition.model import Step

_FIELDS = ("properties", "outputs", "property_files")


def check(step: Step, file: Path) -> Iterator[Diagnostic]:
    """Say what is wrong with a stub: no JSON, unknown fields or names, outputs that are no URI or no file."""
    try:
        content = file.read_bytes()
    except OSError as error:
        yield Diagnostic(
            f"--stub {step.name}: {file} cannot be read: {error.strerror}", code="stub.missing-file"
        )
        return
    try:
        text = content.decode()
        stub = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        yield Diagnostic(f"this is no JSON: {error}", Location(str(file), line), code="stub.invalid-json")
        return
    if not isinstance(stub, Mapping):
        message = f"a stub is an object of {', '.join(_FIELDS)}"
        yield Diagnostic(message, Location(str(file), 1), code="stub.wrong-type")
        return
    names = {
        "outputs": stub_contract(step.definition_type).output_names(step),
        "property_files": _property_file_names(step),
    }
    for name, value in stub.items():
        where = _where(file, text, name)
        if name not in _FIELDS:
            yield Diagnostic(
                f"a stub has no field {name!r}",
                where,
                code="stub.unknown-field",
                hint=did_you_mean(name, _FIELDS),
            )
        elif not isinstance(value, Mapping):
            yield Diagnostic(f"{name} is an object", where, code="stub.wrong-type")
        elif name != "properties":
            yield from _check_files(step, file, text=text, field=name, files=value, names=names[name])


def written(file: Path) -> Iterator[str]:
    """The S3 URIs at which a stub that can be read leaves something."""
    try:
        stub = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(stub, Mapping) and isinstance(stub.get("outputs"), Mapping):
        yield from (name for name in stub["outputs"] if name.startswith("s3://"))


def stub_result(step: Step, file: Path, run: StepAttempt) -> StepResult:
    """Put the stub's files where the step would leave them, and give the properties that it would have.

    Raises:
        StepFailedError: If a file that it names is gone, or cannot be where it should be.
    """
    stub = json.loads(file.read_text("utf-8"))
    properties = _merged(describe_response(run), stub.get("properties", {}))
    places = find_output_uris(run, properties)
    folders = stub_contract(step.definition_type).outputs_are_folders
    outputs: dict[str, str] = {}
    for name, local in stub.get("outputs", {}).items():
        outputs[name] = (
            name if name.startswith("s3://") else places.get(name, f"s3://stubs/{run.job_name}/{name}")
        )
        source, uri = file.parent / local, outputs[name]
        whole = source.is_dir() or name.startswith("s3://") or not folders
        _put(run, source, uri if whole else f"{uri}/{source.name}")
    property_files = _property_files(step, run, stub, file, {**places, **outputs})
    return StepResult(properties, outputs, property_files=property_files)


def _property_files(
    step: Step, run: StepAttempt, stub: Mapping[str, Any], file: Path, places: Mapping[str, str]
) -> dict[str, str]:
    """Where each property file is: those that the stub names, and those in the outputs that it names."""
    given = stub.get("property_files", {})
    found = {name: f"s3://stubs/{run.job_name}/property_files/{name}" for name in given}
    for item in map(as_mapping, as_list(step.fields.get("PropertyFiles"))):
        name, folder = str(item.get("PropertyFileName")), places.get(str(item.get("OutputName")))
        uri = None if folder is None else f"{folder.rstrip('/')}/{item.get('FilePath')}"
        if uri is not None and (name in given or _exists(run, uri)):
            found[name] = uri
    for name, local in given.items():
        _put(run, file.parent / local, found[name])
    return found


def _exists(run: StepAttempt, uri: str) -> bool:
    try:
        return run.store.exists(uri)
    except DagcastError:  # no place that a file could be in
        return False


def _put(run: StepAttempt, source: Path, uri: str) -> None:
    folder = run.folder / "stub"
    copy = folder / str(len(list(folder.iterdir())) if folder.is_dir() else 0)
    try:
        if source.is_dir() and uri.endswith(".tar.gz"):
            pack_tar_gz(source, copy)
        elif source.is_dir():
            copy_tree(source, copy)
        elif source.is_file():
            copy_file(source, copy)
        else:
            raise StepFailedError(f"the stub names {source}, and there is no such file")
        run.store.put(copy, uri)
    except StepFailedError:
        raise
    except DagcastError as error:
        raise StepFailedError(f"{source} cannot stand for {uri}: {error}") from error


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged key by key; all else is replaced."""
    both = {
        key: _merged(base[key], over[key])
        for key in base.keys() & over.keys()
        if isinstance(base[key], Mapping) and isinstance(over[key], Mapping)
    }
    return {**base, **over, **both}


def _property_file_names(step: Step) -> tuple[str, ...]:
    return tuple(
        str(as_mapping(item).get("PropertyFileName")) for item in as_list(step.fields.get("PropertyFiles"))
    )


def _check_files(
    step: Step, file: Path, *, text: str, field: str, files: Mapping[str, Any], names: tuple[str, ...] | None
) -> Iterator[Diagnostic]:
    for name, local in files.items():
        where = _where(file, text, name)
        uri = name.startswith("s3://") and field == "outputs"
        try:
            parse_s3_uri(name if uri else f"s3://stubs/job/{name}")
        except UnsafeUriError as error:
            yield Diagnostic(str(error), where, code="stub.unsafe-uri")
        if not uri and names is not None and name not in names:
            what = "output" if field == "outputs" else "property file"
            hint = did_you_mean(name, names) or (
                f"it has {', '.join(names)}" if names else "write an s3:// URI"
            )
            yield Diagnostic(
                f"step {step.name!r} has no {what} {name!r}", where, code="stub.unknown-name", hint=hint
            )
        if not isinstance(local, str):
            message = f"{name!r} is the path of a file or folder, relative to {file.name}"
            yield Diagnostic(message, where, code="stub.wrong-type")
        elif not (file.parent / local).exists():
            yield Diagnostic(f"there is no {file.parent / local}", where, code="stub.missing-file")


def _where(file: Path, text: str, name: str) -> Location:
    before = text.partition(json.dumps(name))[0]
    return Location(str(file), before.count("\n") + 1)
