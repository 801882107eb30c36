"""Replaces a step by a file: ``--stub STEP=FILE``.

The file may omit properties that repeat the step's request: see :mod:`dagcast.runner.describe_response`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.definition.strict_json import parse_json
from dagcast.errors import DagcastError, Diagnostic, Location, did_you_mean
from dagcast.runner.container.check_request import as_list, as_mapping
from dagcast.runner.describe_response import describe_response, find_output_uris, stub_contract
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepResult
from dagcast.runner.files import copy_file, copy_tree, pack_tar_gz
from dagcast.runner.store.s3_uri import UnsafeUriError, parse_s3_uri

if TYPE_CHECKING:
    from dagcast.definition.model import Step

_FIELDS = ("properties", "outputs", "property_files")


def check(step: Step, file: Path) -> Iterator[Diagnostic]:
    """Yield the mistakes of a stub: invalid JSON, unknown fields or names, invalid URIs, missing files."""
    try:
        content = file.read_bytes()
    except OSError as error:
        yield Diagnostic(
            f"--stub {step.name}: {file} cannot be read: {error.strerror}", code="stub.missing-file"
        )
        return
    try:
        text = content.decode()
        stub = parse_json(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        yield Diagnostic(f"invalid JSON: {error}", Location(str(file), line), code="stub.invalid-json")
        return
    if not isinstance(stub, Mapping):
        message = f"expected an object with the fields {', '.join(_FIELDS)}"
        yield Diagnostic(message, Location(str(file), 1), code="stub.wrong-type")
        return
    names = {
        "outputs": stub_contract(step.definition_type).output_names(step),
        "property_files": _property_file_names(step),
    }
    for name, value in stub.items():
        where = _locate(file, text, name)
        if name not in _FIELDS:
            yield Diagnostic(
                f"unknown field {name!r}",
                where,
                code="stub.unknown-field",
                hint=did_you_mean(name, _FIELDS),
            )
        elif not isinstance(value, Mapping):
            yield Diagnostic(f"{name}: expected an object", where, code="stub.wrong-type")
        elif name != "properties":
            yield from _check_files(step, file, text=text, field=name, files=value, names=names[name])


def written_uris(file: Path) -> Iterator[str]:
    """Yield the S3 URIs that a stub writes to; none if the stub is invalid."""
    try:
        stub = parse_json(file.read_text("utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(stub, Mapping) and isinstance(stub.get("outputs"), Mapping):
        yield from (name for name in stub["outputs"] if name.startswith("s3://"))


def stub_result(step: Step, file: Path, attempt: StepAttempt) -> StepResult:
    """Copy the stub's files to the outputs of the step, and return the result that the step would have.

    Raises:
        StepFailedError: If a file of the stub is missing, or cannot be stored under its URI.
    """
    stub = parse_json(file.read_text("utf-8"))
    properties = _merge(describe_response(attempt), stub.get("properties", {}))
    uris = find_output_uris(attempt, properties)
    folders = stub_contract(step.definition_type).outputs_are_folders
    outputs: dict[str, str] = {}
    for name, local in stub.get("outputs", {}).items():
        outputs[name] = (
            name if name.startswith("s3://") else uris.get(name, f"s3://stubs/{attempt.job_name}/{name}")
        )
        source, uri = file.parent / local, outputs[name]
        whole = source.is_dir() or name.startswith("s3://") or not folders
        _upload(attempt, source, uri if whole else f"{uri}/{source.name}")
    property_files = _property_files(step, attempt, stub, file, {**uris, **outputs})
    return StepResult(properties, outputs, property_files=property_files)


def _property_files(
    step: Step, attempt: StepAttempt, stub: Mapping[str, Any], file: Path, uris: Mapping[str, str]
) -> dict[str, str]:
    """Return the URI of each property file that the stub provides, by itself or in an output."""
    given = stub.get("property_files", {})
    found = {name: f"s3://stubs/{attempt.job_name}/property_files/{name}" for name in given}
    for item in map(as_mapping, as_list(step.fields.get("PropertyFiles"))):
        name, folder = str(item.get("PropertyFileName")), uris.get(str(item.get("OutputName")))
        uri = None if folder is None else f"{folder.rstrip('/')}/{item.get('FilePath')}"
        if uri is not None and (name in given or _exists(attempt, uri)):
            found[name] = uri
    for name, local in given.items():
        _upload(attempt, file.parent / local, found[name])
    return found


def _exists(attempt: StepAttempt, uri: str) -> bool:
    try:
        return attempt.store.exists(uri)
    except DagcastError:  # the URI cannot be a file
        return False


def _upload(attempt: StepAttempt, source: Path, uri: str) -> None:
    folder = attempt.folder / "stub"
    copy = folder / str(len(list(folder.iterdir())) if folder.is_dir() else 0)
    try:
        if source.is_dir() and uri.endswith(".tar.gz"):
            pack_tar_gz(source, copy)
        elif source.is_dir():
            copy_tree(source, copy)
        elif source.is_file():
            copy_file(source, copy)
        else:
            raise StepFailedError(f"file {source} of the stub does not exist")
        attempt.store.put(copy, uri)
    except StepFailedError:
        raise
    except DagcastError as error:
        raise StepFailedError(f"{source} cannot be stored as {uri}: {error}") from error


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge objects key by key; other values of ``over`` replace those of ``base``."""
    both = {
        key: _merge(base[key], over[key])
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
        where = _locate(file, text, name)
        uri = name.startswith("s3://") and field == "outputs"
        try:
            parse_s3_uri(name if uri else f"s3://stubs/job/{name}")
        except UnsafeUriError as error:
            yield Diagnostic(str(error), where, code="stub.unsafe-uri")
        if not uri and names is not None and name not in names:
            what = "output" if field == "outputs" else "property file"
            hint = did_you_mean(name, names) or (
                f"known: {', '.join(names)}" if names else "use an s3:// URI"
            )
            yield Diagnostic(
                f"unknown {what} {name!r} of step {step.name!r}", where, code="stub.unknown-name", hint=hint
            )
        if not isinstance(local, str):
            message = f"{name!r}: expected the path of a file or folder, relative to {file.name}"
            yield Diagnostic(message, where, code="stub.wrong-type")
        elif not (file.parent / local).exists():
            yield Diagnostic(f"{file.parent / local} does not exist", where, code="stub.missing-file")


def _locate(file: Path, text: str, name: str) -> Location:
    before = text.partition(json.dumps(name))[0]
    return Location(str(file), before.count("\n") + 1)
