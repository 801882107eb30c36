"""Resolve references: replace them by the values that they have in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagcast.definition.property_files import PathError, look_up
from dagcast.definition.references import (
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    S3JsonGet,
    StepProperty,
)
from dagcast.errors import DagcastError, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.s3_urls import normalize_s3_uri


class ReferenceFailedError(DagcastError):
    """A reference has no value."""


@dataclass(frozen=True)
class Scope:
    """The values that references are resolved to.

    Attributes:
        parameters: The values of the pipeline's parameters by name.
        execution: The values of the execution variables by name.
        properties_of: Returns the properties of a step that has ended.
        property_file: Returns the data of a step's property file.
        read_json: Returns the data of a JSON object in S3.
    """

    parameters: Mapping[str, Any]
    execution: Mapping[str, Any]
    properties_of: Callable[[str], Mapping[str, Any]]
    property_file: Callable[[str, str], Any]
    read_json: Callable[[str], Any]


def resolve(value: Any, scope: Scope) -> Any:
    """Return a copy of ``value`` as plain dicts and lists, with every reference replaced by its value.

    Raises:
        ReferenceFailedError: If a reference has no value.
        DagcastError: If a file that a reference reads cannot be read.
    """
    if isinstance(value, Reference):
        return _value_of(value, scope)
    if isinstance(value, dict):
        return {key: resolve(inner, scope) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(inner, scope) for inner in value]
    return value


def resolve_known(value: Any, scope: Scope) -> Any:
    """Return a copy of ``value`` in which those references are replaced that have a value."""
    if isinstance(value, Reference):
        try:
            return _value_of(value, scope)
        except DagcastError:  # the value is missing, or the file that holds it cannot be read
            return value
    if isinstance(value, dict):
        return {key: resolve_known(inner, scope) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve_known(inner, scope) for inner in value]
    return value


def known_uri(value: Any, scope: Scope) -> str | None:
    """Return the S3 URI that a text or a reference resolves to; ``None`` if it is another text or unknown."""
    try:
        uri = resolve(value, scope)
    except ReferenceFailedError:
        return None
    plain = normalize_s3_uri(uri.strip('"')) if isinstance(uri, str) else ""
    return plain if plain.startswith("s3://") else None


def _value_of(reference: Reference, scope: Scope) -> Any:
    if isinstance(reference, StepProperty):
        try:
            return look_up(scope.properties_of(reference.step), reference.path, named=True)
        except PathError as error:
            raise ReferenceFailedError(f"step {reference.step!r}: {error}") from error
    if isinstance(reference, Join):
        return reference.on.join(str(resolve(part, scope)) for part in reference.values)
    if isinstance(reference, JsonGet):
        where = f"Steps.{reference.step}.PropertyFiles.{reference.property_file}"
        data = scope.property_file(reference.step, reference.property_file)
        return _json_value(where, data, reference.path)
    if isinstance(reference, S3JsonGet):
        uri = str(resolve(reference.uri, scope))
        return _json_value(uri, scope.read_json(uri), reference.path)
    known: Mapping[str, Any] = {}
    if isinstance(reference, ParameterRef):
        known = scope.parameters
    elif isinstance(reference, ExecutionVariable):
        known = scope.execution
    get = reference.expression["Get"]
    name = get.partition(".")[2]
    if name not in known:
        hint = did_you_mean(name, known)
        raise ReferenceFailedError(f"{get!r} has no value" + (f" ({hint})" if hint else ""))
    return known[name]


def _json_value(where: str, data: Any, path: str) -> Any:
    try:
        found = look_up(data, path)
    except PathError as error:
        raise ReferenceFailedError(f"{where}: {error}") from error
    if not path or found is None:
        raise ReferenceFailedError(f"{where}: {path!r} has no value, and a JsonGet needs one")
    return found
