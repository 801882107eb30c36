"""References in a definition: ``Get``, ``Std:Join`` and ``Std:JsonGet``, found and replaced by their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagcast.definition.property_files import PathError, look_up
from dagcast.errors import DagcastError, did_you_mean

_FORMS = ("Get", "Std:Join", "Std:JsonGet")
_STEP = re.compile(r"Steps\.([A-Za-z0-9_-]+)(.*)", re.DOTALL)


class ReferenceFailedError(DagcastError):
    """A reference has no value."""


@dataclass(frozen=True)
class Scope:
    """Where references find their values.

    Attributes:
        parameters: The pipeline's parameters, by name.
        execution: The execution variables, by name.
        properties_of: The properties of a step that has ended.
        property_file: The data of a step's property file.
        read_json: The data of a JSON object in the store.
    """

    parameters: Mapping[str, Any]
    execution: Mapping[str, Any]
    properties_of: Callable[[str], Mapping[str, Any]]
    property_file: Callable[[str, str], Any]
    read_json: Callable[[str], Any]


def is_reference(value: Any) -> bool:
    """Whether ``value`` stands for another one."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _FORMS


def references(value: Any) -> Iterator[str]:
    """Every ``Get`` in ``value``, however deep, such as ``Steps.train.ModelArtifacts.S3ModelArtifacts``."""
    if isinstance(value, Mapping):
        if is_reference(value) and isinstance(value.get("Get"), str):
            yield value["Get"]
        else:
            for inner in value.values():
                yield from references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from references(inner)


def read_property_files(value: Any) -> Iterator[tuple[str, str]]:
    """The step and the name of every property file that a ``Std:JsonGet`` in ``value`` reads, however deep."""
    if is_reference(value) and "Std:JsonGet" in value:
        inner = value["Std:JsonGet"]
        if "S3Uri" not in inner:
            _, step, _, name = inner["PropertyFile"]["Get"].split(".", 3)
            yield step, name
    for inner in value.values() if isinstance(value, Mapping) else ():
        yield from read_property_files(inner)
    for inner in value if isinstance(value, list | tuple) else ():
        yield from read_property_files(inner)


def referenced_step(get: str) -> str | None:
    """The step that a ``Get`` reads, if it reads one."""
    match = _STEP.fullmatch(get)
    return match[1] if match else None


def resolve(value: Any, scope: Scope) -> Any:
    """``value`` with every reference in it replaced.

    Raises:
        ReferenceFailedError: If a reference has no value.
    """
    if is_reference(value):
        form, inner = next(iter(value.items()))
        if form == "Get":
            return _get(inner, scope)
        if form == "Std:Join":
            return str(inner.get("On", "")).join(str(resolve(part, scope)) for part in inner["Values"])
        return _json_get(inner, scope)
    if isinstance(value, Mapping):
        return {key: resolve(inner, scope) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(inner, scope) for inner in value]
    return value


def resolve_known(value: Any, scope: Scope) -> Any:
    """``value`` with every reference in it replaced that has a value; the others stay."""
    if is_reference(value):
        try:
            return resolve(value, scope)
        except DagcastError:  # whatever it is that is missing, or cannot be read
            return value
    if isinstance(value, Mapping):
        return {key: resolve_known(inner, scope) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve_known(inner, scope) for inner in value]
    return value


def _get(get: str, scope: Scope) -> Any:
    if match := _STEP.fullmatch(get):
        step, path = match[1], match[2]
        try:
            return look_up(scope.properties_of(step), path.removeprefix("."), named=True)
        except PathError as error:
            raise ReferenceFailedError(f"step {step!r}: {error}") from error
    room, _, name = get.partition(".")
    known = {"Parameters": scope.parameters, "Execution": scope.execution}.get(room, {})
    if name not in known:
        hint = did_you_mean(name, known)
        raise ReferenceFailedError(f"{get!r} has no value" + (f" ({hint})" if hint else ""))
    return known[name]


def _json_get(inner: Mapping[str, Any], scope: Scope) -> Any:
    if "S3Uri" in inner:
        uri = resolve(inner["S3Uri"], scope)
        where, data = str(uri), scope.read_json(str(uri))
    else:
        where = inner["PropertyFile"]["Get"]
        _, step, _, name = where.split(".", 3)
        data = scope.property_file(step, name)
    path = str(inner["Path"])
    try:
        found = look_up(data, path)
    except PathError as error:
        raise ReferenceFailedError(f"{where}: {error}") from error
    if not path or found is None:
        raise ReferenceFailedError(f"{where}: {path!r} leads to nothing, and a JsonGet needs a value")
    return found


def known_uri(value: Any, scope: Scope) -> str | None:
    """The S3 URI that a text or a reference stands for; ``None`` if it is another text, or is not known yet."""
    try:
        uri = resolve(value, scope)
    except ReferenceFailedError:
        return None
    plain = uri.strip('"') if isinstance(uri, str) else ""
    return plain if plain.startswith("s3://") else None
