"""Find what the config of a step reads: references to other steps, and free text that may name an output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from dagcast.compile.bind.free_text import FREE_TEXT_FIELDS, find_texts
from dagcast.compile.config.step import StepConfig
from dagcast.definition.references import Reference, references
from dagcast.definition.values import SCALARS
from dagcast.paths import FieldPath


def find_free_texts(step: StepConfig) -> Iterator[tuple[FieldPath, str]]:
    """Yield the free-text values of a config that may name an output, each with its path."""
    for field in FREE_TEXT_FIELDS:
        if field in step.model_fields_set:
            yield from find_texts(getattr(step, field), (field,))
    parts = vars(step).get("containers")
    for index, part in enumerate(parts if isinstance(parts, tuple) else ()):
        yield from find_texts(getattr(part, "environment", None), ("containers", index, "environment"))


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
