"""The execution document: what MODS is told of each step when a run starts, beside the pipeline itself."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from dagcast.plugin import (
    Diagnostic,
    DiagnosticSink,
    Document,
    FieldPath,
    InvalidInputError,
    PipelineConfig,
    StepConfig,
    did_you_mean,
    document_from_data,
    read_document,
    references,
    thaw,
    to_path,
)
from mods_plugin.options import ModsOptions

STEP_CONFIGS = "PIPELINE_STEP_CONFIGS"
ADDITIONAL = "PIPELINE_ADDITIONAL_PARAMS"
STEP_TYPE = "STEP_TYPE"
STEP_CONFIG = "STEP_CONFIG"

StepTypeName = str | tuple[str, str]

SPECIAL = {"Model": "CREATE_MODEL_STEP"}
"""``STEP_TYPE`` of the types that the definition names otherwise than the SDK's ``StepTypeEnum`` does."""


@dataclass(frozen=True)
class InExecution:
    """Says on the config model of a step type, as attribute ``in_execution``, how its steps stand in the document.

    Attributes:
        step_type: The ``STEP_TYPE``: a name, or a name and a subtype.
        required: Whether a run cannot start with an empty ``STEP_CONFIG``.
    """

    step_type: StepTypeName
    required: bool = False


@dataclass(frozen=True, init=False)
class ToStepConfig:
    """Field metadata of a step's config model: the value goes into the step's ``STEP_CONFIG``.

    Attributes:
        path: Path below ``STEP_CONFIG``; a key directly below may be given by itself.

    Raises:
        ValueError: If the path is a text with a dot.
    """

    path: FieldPath

    def __init__(self, path: str | FieldPath) -> None:
        object.__setattr__(self, "path", to_path(path))


@dataclass(frozen=True)
class Entry:
    """What the pipeline's config says of one step's entry.

    Attributes:
        step_type: Its ``STEP_TYPE``; ``None`` for that of the pipeline's step.
        step_config: What goes into its ``STEP_CONFIG``.
        required: Whether a run cannot start without any.
    """

    step_type: StepTypeName | None
    step_config: Mapping[str, Any]
    required: bool = False


def default_execution_document(pipeline: Any) -> dict[str, Any]:
    """The document that lists the steps of a pipeline with their types and empty configs.

    Args:
        pipeline: A compiled pipeline, or any ``Pipeline`` of the SDK.

    Raises:
        TypeError: If it is given something else.
    """
    entries = {
        name: {STEP_TYPE: step_type, STEP_CONFIG: {}}
        for name, step_type in pipeline_step_types(pipeline).items()
    }
    return {STEP_CONFIGS: entries, ADDITIONAL: {}}


def pipeline_step_types(pipeline: Any) -> dict[str, str]:
    """By name of each step, those in branches included: its ``STEP_TYPE``, such as ``TRAINING_STEP``.

    Raises:
        TypeError: If it is given something else than a pipeline.
    """
    if not hasattr(pipeline, "steps"):
        raise TypeError(f"expected a pipeline, such as compile() gives, not {type(pipeline).__name__}")
    return {step.name: _type_name(str(step.step_type.value)) for step in _all_steps(pipeline.steps)}


def declared_entries(config: PipelineConfig, options: ModsOptions) -> dict[str, Entry]:
    """By step: what its config and the plugin's options say of its entry."""
    return {name: _entry(step, options, name) for name, step in config.steps.items()}


def fill(
    document: Mapping[str, Any] | str | os.PathLike[str], pipeline: Any, declared: Mapping[str, Entry]
) -> dict[str, Any]:
    """The document with the step configs that the pipeline's config gives; what it holds already is kept.

    Args:
        document: The document, or a file that holds it.
        pipeline: The pipeline that is to run.
        declared: What the pipeline's config says, by step.

    Raises:
        InvalidInputError: With every step that the pipeline does not have or that is of another type, and every
            entry or step config that is missing.
    """
    if isinstance(document, Mapping):
        source = document_from_data(document, "<execution document>")
    else:
        source = read_document(document)
    filled: dict[str, Any] = deepcopy(source.data)
    sink = DiagnosticSink()
    entries = filled.get(STEP_CONFIGS)
    if not isinstance(entries, dict):
        known = _misspelt(STEP_CONFIGS, filled)
        message = f"the execution document has no mapping {STEP_CONFIGS!r}"
        raise InvalidInputError(
            [Diagnostic(message, source.locate((STEP_CONFIGS,)), code="mods.missing-field", hint=known)]
        )
    if not isinstance(filled.setdefault(ADDITIONAL, {}), dict):
        sink.error(f"{ADDITIONAL!r} is not a mapping", source.locate((ADDITIONAL,)), code="mods.wrong-type")
    types = pipeline_step_types(pipeline)
    for name in entries:
        if name not in types:
            place = source.locate((STEP_CONFIGS, name), key=True)
            hint = did_you_mean(name, types)
            sink.error(f"the pipeline has no step {name!r}", place, code="mods.unknown-step", hint=hint)
    for name, step_type in types.items():
        entry = declared.get(name, Entry(None, {}))
        expected = entry.step_type if entry.step_type is not None else step_type
        _fill_entry(name, expected, entry=entry, entries=entries, source=source, sink=sink)
    sink.raise_errors()
    return filled


def _fill_entry(
    name: str,
    expected: StepTypeName,
    *,
    entry: Entry,
    entries: dict[str, Any],
    source: Document,
    sink: DiagnosticSink,
) -> None:
    path = (STEP_CONFIGS, name)
    if name not in entries:
        hint = f'add "{name}": {{"{STEP_TYPE}": {_json(expected)}, "{STEP_CONFIG}": {{}}}}'
        sink.error(
            f"step {name!r} of the pipeline has no entry",
            source.locate(path),
            code="mods.missing-step",
            hint=hint,
        )
        return
    found = entries[name]
    if not isinstance(found, dict):
        sink.error(
            f"the entry of step {name!r} is not a mapping", source.locate(path), code="mods.wrong-type"
        )
        return
    if STEP_TYPE not in found:
        hint = _misspelt(STEP_TYPE, found) or f"write {_json(expected)}"
        sink.error(
            f"step {name!r} has no {STEP_TYPE}", source.locate(path), code="mods.missing-field", hint=hint
        )
    elif not _is_type(found[STEP_TYPE], expected):
        place = source.locate((*path, STEP_TYPE))
        message = (
            f"step {name!r} is {_json(expected)} in the pipeline, the document has {_json(found[STEP_TYPE])}"
        )
        sink.error(message, place, code="mods.step-type", hint=f"write {_json(expected)}")
    if STEP_CONFIG not in found and not entry.step_config:
        hint = _misspelt(STEP_CONFIG, found) or "write {} where it needs none"
        sink.error(
            f"step {name!r} has no {STEP_CONFIG}", source.locate(path), code="mods.missing-field", hint=hint
        )
        return
    held = found.get(STEP_CONFIG, {})
    if not isinstance(held, dict):
        place = source.locate((*path, STEP_CONFIG))
        sink.error(f"{STEP_CONFIG} of step {name!r} is not a mapping", place, code="mods.wrong-type")
        return
    found[STEP_CONFIG] = _laid_over(entry.step_config, held)
    if entry.required and not found[STEP_CONFIG]:
        hint = (
            f"fill it here, or set plugins.options.mods.execution.{name}.step_config in the pipeline's config"
        )
        place = source.locate((*path, STEP_CONFIG))
        sink.error(
            f"step {name!r} cannot run with an empty {STEP_CONFIG}",
            place,
            code="mods.missing-config",
            hint=hint,
        )


def _entry(step: StepConfig, options: ModsOptions, name: str) -> Entry:
    model = type(step)
    about = getattr(model, "in_execution", None)
    stated = options.execution.get(name)
    given: dict[str, Any] = {}
    for field, info in model.model_fields.items():
        value = getattr(step, field)
        for marker in info.metadata:
            if isinstance(marker, ToStepConfig) and value is not None:
                _put(given, marker.path, _data(value, f"steps.{name}.{field}"))
    step_type = about.step_type if isinstance(about, InExecution) else None
    if stated is not None:
        step_type = stated.step_type if stated.step_type is not None else step_type
        given = _laid_over(given, stated.step_config)
    return Entry(step_type, given, isinstance(about, InExecution) and about.required)


def _data(value: Any, field: str) -> Any:
    """A config value as JSON data. A run's values are not known yet, and the document holds no references."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else thaw(value)
    reference = next(iter(references(plain)), None)
    if reference is not None:
        message = f"{field} holds {reference}, which the execution document cannot refer to"
        raise InvalidInputError(
            [Diagnostic(message, code="mods.unresolved-reference", hint="write the value itself")]
        )
    return plain


def _put(target: Any, path: FieldPath, value: Any) -> None:
    *parents, last = path
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, mapping by mapping."""
    merged = deepcopy(dict(below))
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, Mapping):
            merged[key] = _laid_over(under, value)
        else:
            merged[key] = deepcopy(value)
    return merged


def _all_steps(steps: Any) -> Iterator[Any]:
    for step in steps:
        yield step
        yield from _all_steps(
            [*(getattr(step, "if_steps", None) or ()), *(getattr(step, "else_steps", None) or ())]
        )


def _type_name(definition_type: str) -> str:
    """``QualityCheck`` as the document spells it: ``QUALITY_CHECK_STEP``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", definition_type)
    return SPECIAL.get(definition_type, f"{words.upper()}_STEP")


def _is_type(found: Any, expected: StepTypeName) -> bool:
    """Whether a document's type is the expected one; a subtype is free where none is expected."""
    if isinstance(expected, str):
        return found == expected or (
            isinstance(found, list) and len(found) == 2 and found[0] == expected and isinstance(found[1], str)
        )
    return isinstance(found, list) and found == list(expected)


def _misspelt(key: str, mapping: Mapping[str, Any]) -> str | None:
    """A hint that names the key of a mapping that looks like a misspelling of ``key``."""
    others = [other for other in mapping if other not in (STEP_CONFIGS, ADDITIONAL, STEP_TYPE, STEP_CONFIG)]
    close = get_close_matches(key, others, n=1, cutoff=0.8)
    return f"write {key} in place of {close[0]!r}" if close else None


def _json(step_type: Any) -> str:
    return json.dumps(step_type)
