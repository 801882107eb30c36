"""Convert pydantic models that were passed from Python to the data that a config file would hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dagcast.compile.config.fields import ConfigModel
from dagcast.compile.config.models import BasePipelineConfig
from dagcast.compile.config.reference_syntax import format_references
from dagcast.compile.config.step import StepConfig
from dagcast.compile.document.validate_values import MAX_DEPTH
from dagcast.dag import Edge
from dagcast.definition.references import Reference
from dagcast.paths import FieldPath


def model_data(value: Any, models: dict[FieldPath, type[BaseModel]]) -> Any:
    """Return ``value`` with models as mappings and references as strings.

    What is nested too deep for a config is left as it is, to be refused with other invalid data. A list or mapping that
    is part of many others is converted once.

    Args:
        value: What was passed from Python.
        models: Takes the class of every model, by its place in the config.
    """
    return _Converter(models).convert(value, (), False)


class _Converter:
    def __init__(self, models: dict[FieldPath, type[BaseModel]]) -> None:
        self._models = models
        # Each with the value, which keeps its id in use.
        self._converted: dict[tuple[int, bool], tuple[Any, Any]] = {}

    def convert(self, value: Any, path: FieldPath, read: bool) -> Any:
        """Return a value as data. ``read`` is whether its strings were read for references, as models do."""
        if isinstance(value, BaseModel):
            self._models[path] = type(value)
            read = isinstance(value, (StepConfig, BasePipelineConfig)) or (
                read and isinstance(value, ConfigModel)
            )
            return {key: self.convert(item, (*path, key), read) for key, item in _fields(value).items()}
        if isinstance(value, Reference) or (read and isinstance(value, str) and "${" in value):
            return format_references(value)
        if isinstance(value, Edge):
            return value.as_data()
        if not isinstance(value, (Mapping, list, tuple)) or len(path) > MAX_DEPTH:
            return value
        known = self._converted.get((id(value), read))
        if known is not None:
            return known[1]
        before = len(self._models)
        converted: Any
        if isinstance(value, Mapping):
            converted = {key: self.convert(item, (*path, key), read) for key, item in value.items()}
        else:
            converted = [self.convert(item, (*path, index), read) for index, item in enumerate(value)]
        if len(self._models) == before:  # The place of a model is part of what is recorded.
            self._converted[id(value), read] = value, converted
        return converted


def _fields(model: BaseModel) -> dict[str, Any]:
    """Return the fields that were set and, if the model is not one of dagcast, those with a default."""
    own = isinstance(model, ConfigModel)
    fields: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if name in model.model_fields_set or not (own or value is None):
            fields[info.alias or name] = value
    if isinstance(model, StepConfig):
        fields.setdefault("type", model.type)
    return {**fields, **(model.model_extra or {})}
