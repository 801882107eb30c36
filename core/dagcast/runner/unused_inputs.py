"""Warns of inputs that no step reads, which usually have a mistyped URI."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.definition.model import Definition, Step
from dagcast.definition.references import JsonGet, Reference, S3JsonGet, references, render
from dagcast.definition.resolve_references import Scope, known_uri
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.runner.executors.catalog import executor_for
from dagcast.runner.options import RunOptions

_ELSEWHERE = ("ManifestFile", "ModelPackageName", "Std:JsonGet")
"""What a step's arguments hold if files say which URIs it reads."""


def check_inputs_are_read(
    definition: Definition, steps: tuple[Step, ...], options: RunOptions, scope: Scope
) -> Iterator[Diagnostic]:
    """Warn of each input that no step reads; of none if a step may read URIs that are only known during the run.

    Every S3 URI in a step of the definition counts as read.

    Args:
        definition: The definition.
        steps: The selected steps.
        options: The options of the run.
        scope: The values of parameters and execution variables.
    """
    makers = {step.name for step in steps if _names_what_it_reads(step)}
    # A stub, too, may name what it likes.
    if not options.inputs or options.stubs or not all(_reads_what_is_known(step, makers) for step in steps):
        return
    named = {
        uri.rstrip("/") for step in definition.steps for uri in _uris((step.arguments, step.fields), scope)
    }
    constant = [uri for uri in named if str(scope.execution["PipelineExecutionId"]) not in uri]
    for given in options.inputs:
        if not any(_gives(given.rstrip("/"), uri) for uri in named):
            hint = did_you_mean(given, constant)
            yield Diagnostic(
                f"--input {given}: no step reads it", code="run.unread-input", hint=hint, severity="warning"
            )


def _reads_what_is_known(step: Step, makers: set[str]) -> bool:
    """Whether all S3 URIs that a step reads are in the definition, or are outputs of a job of this run."""
    if not _names_what_it_reads(step):
        return True
    read = {name for reference in references(step.arguments) for name in reference.steps}
    text = json.dumps(render(step.arguments))
    return read <= makers and not any(name in text for name in _ELSEWHERE)


def _names_what_it_reads(step: Step) -> bool:
    executor = executor_for(step.definition_type)
    return executor is not None and executor.reads_named_uris


def _gives(given: str, uri: str) -> bool:
    """Whether an input is at a URI, above it or below it, or has a key with that prefix."""
    return given.startswith(uri) or uri.startswith(f"{given}/")


def _uris(value: Any, scope: Scope) -> Iterator[str]:
    """Every S3 URI in a part of a definition that is known before any step has run."""
    if isinstance(value, S3JsonGet):
        yield from _uris(value.uri, scope)
    elif isinstance(value, (str, Reference)) and not isinstance(value, JsonGet):
        if uri := known_uri(value, scope):
            yield uri
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _uris(inner, scope)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _uris(inner, scope)
