"""What a run will do, and everything that is wrong with it, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagcast.definition.durations import parse_duration
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import JsonGet, Reference, S3JsonGet, Scope, known_uri, references
from dagcast.errors import Diagnostic, DiagnosticSink, did_you_mean
from dagcast.runner import stub, unused_inputs
from dagcast.runner.aws_names import JOB_NAME_PREFIX
from dagcast.runner.cache import asks_for_cache
from dagcast.runner.container.check_request import as_list, as_mapping, check_schema
from dagcast.runner.executor import MODULES, executor_for
from dagcast.runner.executors.lambda_ import function_name
from dagcast.runner.files import UnsafeFileError
from dagcast.runner.options import RunOptions
from dagcast.runner.records.run_folder import KeptResult, RunFolder, runs_in
from dagcast.runner.retries import POLICIES
from dagcast.runner.store import local_inputs
from dagcast.runner.store.local_store import Store
from dagcast.runner.store.s3_uri import UnsafeUriError

_READS = frozenset(
    {"InputDataConfig", "ModelDataUrl", "ProcessingInputs", "TransformInput", "sagemaker_submit_directory"}
)
"""Arguments below which an S3 URI is one that the step reads; hyperparameters may have it in quotes."""

_WRITES = frozenset(
    {"CheckpointConfig", "MonitoringOutputConfig", "ProcessingOutputConfig", "TransformOutput"}
)
"""Arguments below which an S3 URI is one that the step writes."""

_JOBS = frozenset({"DebugHookConfig", "OutputDataConfig", "ProfilerConfig", "TensorBoardOutputConfig"})
"""Arguments below which an S3 URI is one that training jobs write below, each at its own name."""

_STAGED_CODE = re.compile(r"/code/[0-9a-f]{64}/[^/]+$")
"""The end of the URI of code that dagcast staged: the digest of its content, and a file. Source:
``dagcast.staging.archive``, which this package does not import."""


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        steps: The steps that are selected, in the order of the definition.
        left_out: The names of the others.
        earlier: By name of a step that is left out: what it came to in an earlier run.
        warnings: What may go wrong.
    """

    steps: tuple[Step, ...]
    left_out: frozenset[str]
    earlier: Mapping[str, KeptResult]
    warnings: tuple[Diagnostic, ...]


def make_plan(definition: Definition, options: RunOptions, scope: Scope, store: Store) -> Plan:
    """Select the steps, and check each of them and the options.

    Args:
        definition: What is run.
        options: The choices of the run.
        scope: Where parameters and execution variables have their values; no step has any yet.
        store: What stands for S3, with the inputs and the earlier runs.

    Raises:
        InvalidInputError: With everything that is wrong.
    """
    sink = DiagnosticSink()
    sink.extend(_check_names(definition, options))
    sink.extend(local_inputs.check_inputs(options.inputs))
    sink.extend(_check_earlier(options.earlier))
    selected = _selected(definition, options)
    left_out = frozenset(definition.by_name.keys() - selected)
    earlier = {
        name: kept for name in left_out if (kept := _earlier_result(name, options.earlier)) is not None
    }
    steps = tuple(step for step in definition.steps if step.name in selected)
    for step in steps:
        sink.extend(_check_step(step, options))
        sink.extend(_check_left_out(step, selected, earlier, options.earlier))
        if step.name not in options.stubs:
            sink.extend(_check_property_files(step, definition))
    if not sink.errors:
        sink.extend(_check_data(definition, steps, options, scope, store))
        sink.extend(unused_inputs.check_inputs_are_read(definition, steps, options, scope))
    sink.raise_errors()
    return Plan(steps, left_out, earlier, sink.warnings)


def _selected(definition: Definition, options: RunOptions) -> frozenset[str]:
    if not options.only and not options.start:
        return frozenset(definition.by_name)
    after: dict[str, list[str]] = {name: [] for name in definition.by_name}
    for name, dependencies in definition.dependencies.items():
        for other in dependencies.steps:
            after[other].append(name)
    started: set[str] = set()
    pending = list(options.start)
    while pending:
        name = pending.pop()
        if name not in started:
            started.add(name)
            pending.extend(after.get(name, ()))
    selected = started.union(options.only)
    return frozenset(selected & definition.by_name.keys())


def _check_names(definition: Definition, options: RunOptions) -> Iterator[Diagnostic]:
    callbacks = [step.name for step in definition.steps if step.definition_type == "Callback"]
    for flag, names, known in (
        ("--only", options.only, definition.by_name),
        ("--from", options.start, definition.by_name),
        ("--stub", options.stubs, definition.by_name),
        ("--callback", options.callbacks, callbacks),
    ):
        what = "Callback step" if flag == "--callback" else "step"
        for name in names:
            if name not in known:
                yield Diagnostic(
                    f"{flag}: there is no {what} {name!r}",
                    code="run.unknown-step",
                    hint=did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}",
                )
    functions = {
        text: function_name(text)
        for step in definition.steps
        if isinstance(text := step.fields.get("FunctionArn"), str)
    }
    named = any(isinstance(step.fields.get("FunctionArn"), Reference) for step in definition.steps)
    for name in options.lambdas:
        if not named and name not in {*functions, *functions.values()}:
            hint = did_you_mean(name, functions.values())
            yield Diagnostic(f"--lambda: no step calls {name!r}", code="run.unknown-function", hint=hint)


def _check_step(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    if step.name in options.stubs:
        yield from stub.check(step, options.stubs[step.name])
        return
    executor = executor_for(step.definition_type)
    if executor is None:
        yield Diagnostic(
            f"step {step.name!r}: a step of type {step.definition_type} does not run here"
            f" (those that do: {', '.join(MODULES)})",
            code="run.unsupported-step",
            hint=f"--stub {step.name}=FILE.json gives its outputs",
        )
        return
    yield from executor.check(step, options)
    yield from check_schema(step.name, step.fields.get("RetryPolicies"), POLICIES, "RetryPolicies")
    if asks_for_cache(step):
        text = step.fields["CacheConfig"].get("ExpireAfter")
        if text is not None and (not isinstance(text, str) or parse_duration(text) is None):
            yield Diagnostic(
                f"step {step.name!r}: CacheConfig.ExpireAfter {text!r} is no duration",
                code="definition.invalid-duration",
                hint="such as P30D",
            )


def _check_left_out(
    step: Step, selected: frozenset[str], earlier: Mapping[str, KeptResult], runs: tuple[Path, ...]
) -> Iterator[Diagnostic]:
    """Say which steps this one reads that neither run nor have a result in one of the earlier runs."""
    where = " or ".join(folder.name for folder in runs if (folder / "run.json").is_file())
    for other in step.reads():
        if other not in selected and other not in earlier:
            lack = f", and run {where} has no result of it" if where else ""
            taken = "--from-run RUN takes its result from an earlier run, " if not where else ""
            yield Diagnostic(
                f"step {step.name!r} reads step {other!r}, which is not selected{lack}",
                code="run.not-selected",
                hint=f"{taken}--only {other} or --from {other} runs it",
            )


def _check_property_files(step: Step, definition: Definition) -> Iterator[Diagnostic]:
    """See that each step whose property file is read declares it."""
    found = (reference for reference in step.references() if isinstance(reference, JsonGet))
    for other, name in dict.fromkeys((reference.step, reference.property_file) for reference in found):
        files = definition.by_name[other].fields.get("PropertyFiles") if other in definition.by_name else None
        names = [as_mapping(item).get("PropertyFileName") for item in as_list(files)]
        known = [text for text in names if isinstance(text, str)]
        if name not in known and len(known) == len(names) and not isinstance(files, Reference):
            yield Diagnostic(
                f"step {step.name!r} reads the property file {name!r} of step {other!r}, which does not declare it",
                code="reference.unknown-property-file",
                hint=did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}",
            )


def _check_earlier(earlier: tuple[Path, ...]) -> Iterator[Diagnostic]:
    for folder in earlier:
        if not (folder / "run.json").is_file():
            yield Diagnostic(
                f"--from-run: there is no run {folder.name!r} in {folder.parent}",
                code="run.unknown-run",
                hint=did_you_mean(folder.name, (run.id for run in runs_in(folder.parent))),
            )


def _earlier_result(step: str, earlier: tuple[Path, ...]) -> KeptResult | None:
    found = (RunFolder(folder).result(step) for folder in earlier)
    return next((kept for kept in found if kept is not None), None)


def _check_data(
    definition: Definition, steps: tuple[Step, ...], options: RunOptions, scope: Scope, store: Store
) -> Iterator[Diagnostic]:
    """See that what is known now to be read is there: not what other steps make, and not what S3 itself may have."""
    if options.real_s3:
        return
    written = {uri.rstrip("/") for step in steps for uri in _written(step, options, scope)}
    jobs = {uri.rstrip("/") for step in steps for uri in _uris(step.arguments, scope, _JOBS)}
    above = {folder for uri in written | jobs for folder in _folders(uri)}
    for step in steps:
        if step.name in options.stubs:
            continue
        for uri in dict.fromkeys(_uris(step.arguments, scope, _READS)):
            place = uri.rstrip("/")
            around = (place, *_folders(place))
            if place in above or place in jobs or not written.isdisjoint(around):
                continue
            if any(place.startswith(f"{folder}/{JOB_NAME_PREFIX}") for folder in jobs.intersection(around)):
                continue
            try:
                missing = not store.exists(uri)
            except (UnsafeUriError, UnsafeFileError) as error:
                code = "run.unsafe-uri" if isinstance(error, UnsafeUriError) else "run.unsafe-file"
                yield Diagnostic(f"step {step.name!r} reads {uri}: {error}", code=code)
                continue
            if missing:
                yield Diagnostic(
                    f"step {step.name!r} reads {uri}, and nothing is there",
                    code="run.missing-data",
                    hint=_how_to_give(uri),
                    # A step in a branch may never run.
                    severity="error" if definition.dependencies[step.name].condition is None else "warning",
                )


def _how_to_give(uri: str) -> str:
    """What supplies an S3 URI that is nowhere."""
    given = f"use --input {uri.rstrip('/')}=PATH to provide a local file or folder"
    if _STAGED_CODE.search(uri):
        return f"it is code that dagcast staged: use dagcast run CONFIG with the config file, or {given}"
    return given


def _written(step: Step, options: RunOptions, scope: Scope) -> Iterator[str]:
    """The S3 URIs at which a step, or its stub, leaves something."""
    yield from _uris(step.arguments, scope, _WRITES)
    if step.name in options.stubs:
        yield from stub.written(options.stubs[step.name])


def _uris(value: Any, scope: Scope, keys: frozenset[str], below: bool = False) -> Iterator[str]:
    """The S3 URIs below some arguments, as far as they are known before any step has run."""
    if isinstance(value, (str, Reference)):
        if not below or any(_reads_result(reference) for reference in references(value)):
            return
        if uri := known_uri(value, scope):
            yield uri
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _uris(inner, scope, keys, below or key in keys)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _uris(inner, scope, keys, below)


def _reads_result(reference: Reference) -> bool:
    """Whether the value of a reference is what a step made, or may be."""
    return bool(reference.steps) or isinstance(reference, S3JsonGet)


def _folders(uri: str) -> Iterator[str]:
    """Every prefix of ``uri`` that ends before a slash, its bucket included."""
    parts = uri.removeprefix("s3://").split("/")
    for count in range(1, len(parts)):
        yield "s3://" + "/".join(parts[:count])
