"""Find what the config of a step reads: references to other steps, and free text that may name an output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from dagcast.compile.bind.free_text import named_part
from dagcast.compile.bind.ports import InputPort
from dagcast.compile.config.step import InputConfig, StepConfig
from dagcast.definition.references import Reference, references
from dagcast.definition.values import SCALARS
from dagcast.paths import FieldPath

_OWN_FIELDS = frozenset(
    {
        "type",
        "display_name",
        "description",
        "depends_on",
        "request",
        "entry_point",
        "source_dir",
        "if_steps",
        "else_steps",
        "outputs",
        "property_files",
    }
)
"""Fields that are no free text: names, files and labels of the pipeline's own. The request sends any text."""


def find_free_texts(step: StepConfig, inputs: tuple[InputPort, ...]) -> Iterator[tuple[FieldPath, str]]:
    """Yield the free text of a step that has the form ``step.port``, with its path.

    Args:
        step: The config of the step.
        inputs: Its input ports. What they read is no free text.
    """
    given = {port.given for port in inputs if isinstance(port.given, str)}
    for name in step.model_fields_set:
        value = getattr(step, name)
        if name in _OWN_FIELDS or (type(value) in SCALARS and not isinstance(value, str)):
            continue
        for path, text in _find_texts(value, (name,)):
            if text not in given or path[0] not in ("inputs", "containers", "model_name"):
                yield path, text


def _find_texts(value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    if isinstance(value, str):
        step, dot, port = named_part(value).partition(".")
        if step and dot and port and "/" not in port:
            yield path, value
    elif isinstance(value, InputConfig):
        return
    elif isinstance(value, BaseModel):
        for name in value.model_fields_set:
            alias = type(value).model_fields[name].alias or name
            yield from _find_texts(getattr(value, name), (*path, alias))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _find_texts(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _find_texts(item, (*path, index))


def find_steps_read(step: StepConfig) -> Iterator[str]:
    """Yield the steps that the references in a config read from."""
    for name in step.model_fields_set:
        value = getattr(step, name)
        if type(value) not in SCALARS:
            for reference in _references(value):
                yield from reference.steps


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, BaseModel):
        for name in value.model_fields_set:
            item = getattr(value, name)
            if type(item) not in SCALARS:
                yield from _references(item)
    elif isinstance(value, dict):
        for item in value.values():
            if type(item) not in SCALARS:
                yield from _references(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if type(item) not in SCALARS:
                yield from _references(item)
    else:
        yield from references(value)
