"""The execution document: the type and config of each step, which MODS receives when a run starts."""

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
"""``STEP_TYPE`` of types whose name in the definition differs from that in the SDK's ``StepTypeEnum``."""


@dataclass(frozen=True)
class InExecution:
    """The attribute ``in_execution`` of a step type's config model: the entry of its steps in the document.

    Attributes:
        step_type: The ``STEP_TYPE``: a name, or a name and a subtype.
        required: Whether an empty ``STEP_CONFIG`` is an error.
    """

    step_type: StepTypeName
    required: bool = False


@dataclass(frozen=True, init=False)
class ToStepConfig:
    """Field metadata of a step's config model: the value goes into the step's ``STEP_CONFIG``.

    Attributes:
        path: Path below ``STEP_CONFIG``; a string stands for a path of one key.

    Raises:
        ValueError: If the path is a string with a dot.
    """

    path: FieldPath

    def __init__(self, path: str | FieldPath) -> None:
        object.__setattr__(self, "path", to_path(path))


@dataclass(frozen=True)
class DeclaredEntry:
    """The entry of one step, as the pipeline's config declares it.

    Attributes:
        step_type: Its ``STEP_TYPE``; ``None`` for that of the pipeline's step.
        step_config: Values of its ``STEP_CONFIG``.
        required: Whether an empty ``STEP_CONFIG`` is an error.
    """

    step_type: StepTypeName | None
    step_config: Mapping[str, Any]
    required: bool = False


def default_execution_document(pipeline: Any) -> dict[str, Any]:
    """Return an execution document with the type and an empty config of each step of a pipeline.

    Args:
        pipeline: A compiled pipeline, or any ``Pipeline`` of the SDK.

    Returns:
        The document as a new mapping.

    Raises:
        TypeError: If ``pipeline`` is not a pipeline.

    Example:
        >>> from dagcast import compile_dag_to_pipeline
        >>> config = {
        ...     "pipeline": {"name": "churn"},
        ...     "steps": {"stop": {"type": "Fail", "error_message": "not ready"}},
        ... }
        >>> document = default_execution_document(compile_dag_to_pipeline(None, config))
        >>> document["PIPELINE_STEP_CONFIGS"]
        {'stop': {'STEP_TYPE': 'FAIL_STEP', 'STEP_CONFIG': {}}}
    """
    entries = {
        name: {STEP_TYPE: step_type, STEP_CONFIG: {}}
        for name, step_type in pipeline_step_types(pipeline).items()
    }
    return {STEP_CONFIGS: entries, ADDITIONAL: {}}


def pipeline_step_types(pipeline: Any) -> dict[str, str]:
    """Return the ``STEP_TYPE``, such as ``TRAINING_STEP``, of each step by name, steps in branches included.

    Raises:
        TypeError: If ``pipeline`` is not a pipeline.
    """
    if not hasattr(pipeline, "steps"):
        raise TypeError(
            f"expected a pipeline, such as the result of compile(), not {type(pipeline).__name__}"
        )
    return {step.name: _type_name(str(step.step_type.value)) for step in _all_steps(pipeline.steps)}


def declared_entries(config: PipelineConfig, options: ModsOptions) -> dict[str, DeclaredEntry]:
    """Return the entry of each step, as its config and the plugin's options declare it."""
    return {name: _declared_entry(step, options, name) for name, step in config.steps.items()}


def fill_execution_document(
    document: Mapping[str, Any] | str | os.PathLike[str], pipeline: Any, declared: Mapping[str, DeclaredEntry]
) -> dict[str, Any]:
    """Return the document with the step configs of the pipeline's config; existing values are kept.

    Args:
        document: The document, or a file that contains it.
        pipeline: The pipeline to run.
        declared: The entry of each step in the pipeline's config.

    Raises:
        InvalidInputError: With every unknown step, every step of another type, and every missing entry or config.
    """
    if isinstance(document, Mapping):
        source = document_from_data(document, "<execution document>")
    else:
        source = read_document(document)
    filled: dict[str, Any] = deepcopy(source.data)
    sink = DiagnosticSink()
    entries = filled.get(STEP_CONFIGS)
    if not isinstance(entries, dict):
        hint = _misspelling_hint(STEP_CONFIGS, filled)
        message = f"missing mapping {STEP_CONFIGS!r} in the execution document"
        raise InvalidInputError(
            [Diagnostic(message, source.locate((STEP_CONFIGS,)), code="mods.missing-field", hint=hint)]
        )
    if not isinstance(filled.setdefault(ADDITIONAL, {}), dict):
        sink.error(
            f"{ADDITIONAL!r} is invalid, expected a mapping",
            source.locate((ADDITIONAL,)),
            code="mods.wrong-type",
        )
    types = pipeline_step_types(pipeline)
    for name in entries:
        if name not in types:
            place = source.locate((STEP_CONFIGS, name), key=True)
            hint = did_you_mean(name, types)
            sink.error(f"unknown step {name!r}", place, code="mods.unknown-step", hint=hint)
    for name, step_type in types.items():
        entry = declared.get(name, DeclaredEntry(None, {}))
        expected = entry.step_type if entry.step_type is not None else step_type
        _fill_entry(name, expected, entry=entry, entries=entries, source=source, sink=sink)
    sink.raise_errors()
    return filled


def _fill_entry(
    name: str,
    expected: StepTypeName,
    *,
    entry: DeclaredEntry,
    entries: dict[str, Any],
    source: Document,
    sink: DiagnosticSink,
) -> None:
    path = (STEP_CONFIGS, name)
    if name not in entries:
        hint = f'add "{name}": {{"{STEP_TYPE}": {_json(expected)}, "{STEP_CONFIG}": {{}}}}'
        sink.error(
            f"missing entry of step {name!r}",
            source.locate(path),
            code="mods.missing-step",
            hint=hint,
        )
        return
    found = entries[name]
    if not isinstance(found, dict):
        sink.error(
            f"the entry of step {name!r} is invalid, expected a mapping",
            source.locate(path),
            code="mods.wrong-type",
        )
        return
    if STEP_TYPE not in found:
        hint = _misspelling_hint(STEP_TYPE, found) or f"write {_json(expected)}"
        sink.error(
            f"missing {STEP_TYPE} of step {name!r}", source.locate(path), code="mods.missing-field", hint=hint
        )
    elif not _is_type(found[STEP_TYPE], expected):
        place = source.locate((*path, STEP_TYPE))
        message = (
            f"{STEP_TYPE} of step {name!r} is {_json(found[STEP_TYPE])}, the pipeline has {_json(expected)}"
        )
        sink.error(message, place, code="mods.step-type", hint=f"write {_json(expected)}")
    if STEP_CONFIG not in found and not entry.step_config:
        hint = _misspelling_hint(STEP_CONFIG, found) or "write {} if it needs none"
        sink.error(
            f"missing {STEP_CONFIG} of step {name!r}",
            source.locate(path),
            code="mods.missing-field",
            hint=hint,
        )
        return
    held = found.get(STEP_CONFIG, {})
    if not isinstance(held, dict):
        place = source.locate((*path, STEP_CONFIG))
        sink.error(
            f"{STEP_CONFIG} of step {name!r} is invalid, expected a mapping", place, code="mods.wrong-type"
        )
        return
    found[STEP_CONFIG] = _merge(entry.step_config, held)
    if entry.required and not found[STEP_CONFIG]:
        hint = (
            f"fill it here, or set plugins.options.mods.execution.{name}.step_config in the pipeline's config"
        )
        place = source.locate((*path, STEP_CONFIG))
        sink.error(
            f"empty {STEP_CONFIG} of step {name!r}, which requires one",
            place,
            code="mods.missing-config",
            hint=hint,
        )


def _declared_entry(step: StepConfig, options: ModsOptions, name: str) -> DeclaredEntry:
    model = type(step)
    type_entry = getattr(model, "in_execution", None)
    stated = options.execution.get(name)
    given: dict[str, Any] = {}
    for field, info in model.model_fields.items():
        value = getattr(step, field)
        for marker in info.metadata:
            if isinstance(marker, ToStepConfig) and value is not None:
                _put(given, marker.path, _json_data(value, f"steps.{name}.{field}"))
    step_type = type_entry.step_type if isinstance(type_entry, InExecution) else None
    if stated is not None:
        step_type = stated.step_type if stated.step_type is not None else step_type
        given = _merge(given, stated.step_config)
    return DeclaredEntry(step_type, given, isinstance(type_entry, InExecution) and type_entry.required)


def _json_data(value: Any, field: str) -> Any:
    """Return a config value as JSON data. References are errors: the document cannot contain any."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else thaw(value)
    reference = next(iter(references(plain)), None)
    if reference is not None:
        message = f"{field} contains {reference}, but an execution document cannot contain references"
        raise InvalidInputError(
            [Diagnostic(message, code="mods.unresolved-reference", hint="write the value itself")]
        )
    return plain


def _put(target: Any, path: FieldPath, value: Any) -> None:
    *parents, last = path
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` updated with ``above``, recursively for mappings."""
    merged = deepcopy(dict(below))
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(value, Mapping):
            merged[key] = _merge(under, value)
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
    """Convert a type of the definition, such as ``QualityCheck``, to a ``STEP_TYPE``: ``QUALITY_CHECK_STEP``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", definition_type)
    return SPECIAL.get(definition_type, f"{words.upper()}_STEP")


def _is_type(found: Any, expected: StepTypeName) -> bool:
    """Return whether a document's type is the expected one; any subtype fits if none is expected."""
    if isinstance(expected, str):
        return found == expected or (
            isinstance(found, list) and len(found) == 2 and found[0] == expected and isinstance(found[1], str)
        )
    return isinstance(found, list) and found == list(expected)


def _misspelling_hint(key: str, mapping: Mapping[str, Any]) -> str | None:
    """Return a hint that names a misspelling of ``key`` in a mapping, if there is one."""
    others = [other for other in mapping if other not in (STEP_CONFIGS, ADDITIONAL, STEP_TYPE, STEP_CONFIG)]
    close = get_close_matches(key, others, n=1, cutoff=0.8)
    return f"write {key} instead of {close[0]!r}" if close else None


def _json(step_type: Any) -> str:
    return json.dumps(step_type)
