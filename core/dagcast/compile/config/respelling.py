"""Reads misspelt fields as those that they seem to be, so that one wrong letter is one error.

Defaults with ``image_url`` would leave every step without an image, and a step with ``output`` would leave the steps
after it without inputs. :mod:`dagcast.compile.config.validate_config` reports each misspelt key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import BaseModel

from dagcast.compile.config.config import StepTypes
from dagcast.compile.config.environments import ConfigSource
from dagcast.compile.config.fields import renamed_fields
from dagcast.compile.config.validation_errors import writable_fields
from dagcast.errors import nearest
from dagcast.paths import FieldPath
from dagcast.suggestions import is_likely

_MAX_KEYS = 100
"""Most unknown keys of one mapping that are read as others."""

ModelOf = Callable[[FieldPath, str], type[BaseModel]]
"""Returns the model of the step at a path, by its type."""


def respell_fields(
    source: ConfigSource, catalog: StepTypes, base: type[BaseModel], model_of: ModelOf
) -> ConfigSource:
    """Return a config in which misspelt fields of the base config, of defaults and of steps have their correct names.

    A key is renamed if no field has it, and the one that it is close to is not given beside it.

    Args:
        source: The config.
        catalog: The step types.
        base: The model of the base config.
        model_of: Returns the model of a step.
    """
    respeller = _Respeller(source, catalog, model_of)
    respeller.section("pipeline", _Fields.of(base))
    respeller.steps()
    respeller.defaults()
    return (
        replace(source, merged=respeller.merged, respelt=respeller.respelt) if respeller.respelt else source
    )


class _Fields:
    """The keys that a mapping may have.

    Args:
        known: All of them.
        written: Those to suggest.
        renamed: The new names of fields that had others.
    """

    def __init__(self, known: frozenset[str], written: tuple[str, ...], renamed: Mapping[str, str]) -> None:
        self.known = known
        self.written = written
        self.renamed = renamed

    @staticmethod
    @cache
    def of(model: type[BaseModel]) -> _Fields | None:
        """Return the fields of a model; ``None`` if it takes any."""
        if model.model_config.get("extra") != "forbid":
            return None
        written = tuple(writable_fields(model))
        return _Fields(frozenset((*written, *model.model_fields)), written, renamed_fields(model))

    def meant(self, section: Mapping[str, Any]) -> dict[str, str]:
        """Return the misspelt keys of a mapping, each with the field that it seems to be."""
        found: dict[str, str] = {}
        taken = set(section)
        for key in [key for key in section if key not in self.known][:_MAX_KEYS]:
            field = self.renamed.get(key)
            if field is None:
                close = nearest(key, self.written)
                field = close if close is not None and is_likely(key, close) else None
            if field is not None and field not in taken:
                taken.add(field)
                found[key] = field
        return found


_TYPE = _Fields(frozenset({"type"}), ("type",), {})


class _Respeller:
    def __init__(self, source: ConfigSource, catalog: StepTypes, model_of: ModelOf) -> None:
        self.catalog = catalog
        self.model_of = model_of
        self.merged = dict(source.merged)
        self.respelt: dict[FieldPath, str] = {}
        self.types: dict[str, None] = {}

    def section(self, name: str, fields: _Fields | None) -> None:
        """Rename the keys of a section."""
        if name in self.merged:
            self.merged[name] = self._respell((name,), self.merged[name], fields)

    def steps(self) -> None:
        """Rename the fields of each step whose type is known."""
        steps = self.merged.get("steps")
        if not isinstance(steps, dict):
            return
        respelt = {name: self._step(("steps", name), step) for name, step in steps.items()}
        if any(respelt[name] is not step for name, step in steps.items()):
            self.merged["steps"] = respelt

    def defaults(self) -> None:
        """Rename the defaults, and those of each type."""
        defaults = self.merged.get("defaults")
        if not isinstance(defaults, dict):
            return
        if not all(key in self.catalog or self._is_field(key, self.types) for key in defaults):
            every = {key for name in self.catalog.names for key in self.catalog[name].config.model_fields}
            used = [_Fields.of(self.catalog[name].config) for name in self.types]
            written = {key for fields in used if fields is not None for key in fields.written} - {"type"}
            renamed = {
                old: new for fields in used if fields is not None for old, new in fields.renamed.items()
            }
            fields = _Fields(
                frozenset({*every, *self.catalog.names}),
                tuple(sorted({*written, *self.catalog.names})),
                renamed,
            )
            defaults = self._respell(("defaults",), defaults, fields)
        sections = {
            name: self._respell(("defaults", name), defaults[name], _Fields.of(self.catalog[name].config))
            for name in defaults
            if name in self.catalog
        }
        self.merged["defaults"] = {**defaults, **sections}

    def _is_field(self, key: str, types: Mapping[str, None]) -> bool:
        return any(key in self.catalog[name].config.model_fields for name in types)

    def _step(self, path: FieldPath, step: Any) -> Any:
        if not isinstance(step, dict):
            return step
        if "type" not in step:
            step = self._respell(path, step, _TYPE)
        type_name = step.get("type")
        if not isinstance(type_name, str) or type_name not in self.catalog:
            return step
        self.types[type_name] = None
        return self._respell(path, step, _Fields.of(self.model_of(path, type_name)))

    def _respell(self, path: FieldPath, section: Any, fields: _Fields | None) -> Any:
        if not isinstance(section, dict) or fields is None or fields.known.issuperset(section):
            return section
        found = fields.meant(section)
        if not found:
            return section
        self.respelt.update({(*path, field): key for key, field in found.items()})
        return {found.get(key, key): value for key, value in section.items()}
