"""Checks the keys of ``defaults``: fields of step types, and sections with the defaults of one type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dagcast.compile.config.config import StepTypes
from dagcast.compile.config.environments import ConfigSource
from dagcast.compile.config.field_hints import hint_field
from dagcast.compile.config.fields import renamed_fields
from dagcast.errors import DiagnosticSink
from dagcast.paths import FieldPath


class _Mistake(NamedTuple):
    path: FieldPath
    message: str
    hint: str | None = None
    code: str = "config.unknown-field"


def check_defaults(
    defaults: Mapping[str, Any],
    source: ConfigSource,
    catalog: StepTypes,
    types: Sequence[str],
    sink: DiagnosticSink,
) -> bool:
    """Report each default that is a field of no step type.

    Args:
        defaults: The defaults, with misspelt keys read as those that they seem to be.
        source: The config.
        catalog: The step types.
        types: The types that the steps have.
        sink: Collects the errors.

    Returns:
        Whether each of them is read, if only as what it seems to be.
    """
    is_read = True
    for mistake in _mistakes(defaults, source, catalog, types):
        at_key = mistake.code != "config.wrong-type"
        location = source.locate(mistake.path, key=at_key)
        sink.error(mistake.message, location, code=mistake.code, hint=mistake.hint)
        is_read = is_read and mistake.path in source.respelt
    return is_read


def _mistakes(
    defaults: Mapping[str, Any], source: ConfigSource, catalog: StepTypes, types: Sequence[str]
) -> Iterator[_Mistake]:
    for name, value in defaults.items():
        path: FieldPath = ("defaults", name)
        key = source.respelt.get(path, name)
        if name in catalog:
            yield from _mistakes_of_type(name, value, source, catalog)
        if key == "type":
            yield _Mistake(path, "a type is not inherited: each step has its own")
        elif key not in catalog and not any(key in catalog[each].config.model_fields for each in types):
            known = {field for each in catalog.names for field in catalog[each].config.model_fields}
            if key not in known:
                models = [catalog[each].config for each in types]
                hint = hint_field(key, known | set(catalog.names), models)
                yield _unknown(path, key, f"no step type has a field {key!r}", hint, models)


def _mistakes_of_type(
    type_name: str, value: Any, source: ConfigSource, catalog: StepTypes
) -> Iterator[_Mistake]:
    if value is None:
        return
    if not isinstance(value, dict):
        path: FieldPath = ("defaults", type_name)
        yield _Mistake(path, f"defaults of {type_name} are not a mapping", code="config.wrong-type")
        return
    model = catalog[type_name].config
    known = set(model.model_fields) - {"type"}
    for name in value:
        path = ("defaults", type_name, name)
        key = source.respelt.get(path, name)
        if key not in known:
            hint = hint_field(key, known, (model,))
            yield _unknown(path, key, f"{type_name} has no field {key!r}", hint, [model])


def _unknown(path: FieldPath, key: str, message: str, hint: str | None, models: Sequence[Any]) -> _Mistake:
    """Return the mistake of a key that no field has, or that a field had once."""
    for model in models:
        renamed = renamed_fields(model).get(key)
        if renamed is not None:
            return _Mistake(
                path, f"{key!r} is called {renamed!r}", f"write {renamed}", "config.renamed-field"
            )
    return _Mistake(path, message, hint)
