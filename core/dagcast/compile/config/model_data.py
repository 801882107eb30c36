"""Convert pydantic models that were passed from Python to the data that a config file would hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from dagcast.compile.config.fields import ConfigModel
from dagcast.compile.config.models import BasePipelineConfig
from dagcast.compile.config.reference_syntax import format_references
from dagcast.compile.config.step import StepConfig
from dagcast.dag import Edge
from dagcast.definition.references import Reference
from dagcast.paths import FieldPath


def model_data(
    value: Any, path: FieldPath, models: dict[FieldPath, type[BaseModel]], read: bool = False
) -> Any:
    """Return ``value`` with models as mappings and references as strings.

    Args:
        value: What was passed from Python.
        path: Its place in the config.
        models: Takes the class of every model.
        read: Whether the strings of ``value`` were read for references already, as those of a step's model are.
    """
    if isinstance(value, BaseModel):
        models[path] = type(value)
        read = isinstance(value, (StepConfig, BasePipelineConfig)) or (
            read and isinstance(value, ConfigModel)
        )
        return {key: model_data(item, (*path, key), models, read) for key, item in _fields(value).items()}
    if isinstance(value, Reference) or (read and isinstance(value, str) and "${" in value):
        return format_references(value)
    if isinstance(value, Edge):
        return value.as_data()
    if isinstance(value, Mapping):
        return {key: model_data(item, (*path, key), models, read) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [model_data(item, (*path, index), models, read) for index, item in enumerate(value)]
    return value


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
