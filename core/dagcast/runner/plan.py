"""Selects the steps of a run, and checks them and the options before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from dagcast.definition.durations import parse_duration
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Reference, S3JsonGet, StepProperty, references
from dagcast.definition.resolve_references import Scope, known_uri
from dagcast.definition.staged_code_uri import is_staged_code_uri
from dagcast.errors import Diagnostic, DiagnosticSink, did_you_mean
from dagcast.frozen_dataclass import dataclass
from dagcast.runner import check_code, check_local_images, stub, unused_inputs
from dagcast.runner.aws_names import JOB_NAME_PREFIX
from dagcast.runner.cache import is_cache_enabled
from dagcast.runner.check_debug import check_debug
from dagcast.runner.check_local_images import LocateField
from dagcast.runner.check_models import check_model
from dagcast.runner.container.check_request import as_list, as_mapping, check_schema
from dagcast.runner.executors.catalog import MODULES, executor_for
from dagcast.runner.executors.lambda_ import function_name
from dagcast.runner.files import UnsafeFileError
from dagcast.runner.local_images import StandIn
from dagcast.runner.options import RunOptions
from dagcast.runner.records.find_runs import runs_in
from dagcast.runner.records.run_folder import RunFolder, SavedResult
from dagcast.runner.retries import RETRY_POLICIES
from dagcast.runner.store import local_inputs
from dagcast.runner.store.local_store import Store
from dagcast.runner.store.s3_uri import UnsafeUriError
from dagcast.sagemaker.data_fields import data_fields
from dagcast.sagemaker.path_patterns import FieldPattern, find_values

_ARCHIVE = ".tar.gz"

_CODE_INPUTS = frozenset(
    {"code", "entrypoint", "sm_code", "sm_drivers", "sagemaker_remote_function_bootstrap"}
)
"""Inputs and channels in which the SDKs put code.

Sources: ``sagemaker.processing`` and ``sagemaker.remote_function.job`` of the SDK 2, ``sagemaker.core.processing`` and
``sagemaker.train.constants`` of the SDK 3.
"""

_CHECKED_BEFORE = frozenset(
    {
        "condition.wrong-type",
        "reference.unknown-output",
        "request.missing-field",
        "request.unsafe-path",
        "request.wrong-type",
    }
)
"""Codes of problems that the check of a definition reports, too.

An executor checks a request in the definition, and again when its references have values. The second check needs them.
"""


@dataclass(frozen=True)
class Plan:
    """The steps of a run.

    Attributes:
        steps: The selected steps, in the order of the definition.
        unselected: The names of the other steps.
        earlier: Results of unselected steps in earlier runs, by name of the step.
        warnings: Problems that do not prevent the run.
        stand_ins: By name of a step: the local images that stand for its images.
    """

    steps: tuple[Step, ...]
    unselected: frozenset[str]
    earlier: Mapping[str, SavedResult]
    warnings: tuple[Diagnostic, ...]
    stand_ins: Mapping[str, Sequence[StandIn]] = field(default_factory=dict)


def make_plan(
    definition: Definition,
    options: RunOptions,
    scope: Scope,
    store: Store,
    *,
    invalid: frozenset[str] = frozenset(),
    locate: LocateField = lambda step, path: None,
) -> Plan:
    """Select the steps, and check each of them and the options.

    Args:
        definition: The pipeline.
        options: The options of the run.
        scope: The values of parameters and execution variables; no step has a result yet.
        store: The folder that replaces S3, with the inputs and the earlier runs.
        invalid: Steps whose requests are already reported. Only what cannot run here is added.
        locate: Returns the place of a value of a step.

    Raises:
        InvalidInputError: With all mistakes.
    """
    sink = DiagnosticSink()
    sink.extend(_check_names(definition, options))
    sink.extend(local_inputs.check_inputs(options.inputs))
    sink.extend(_check_earlier(options.earlier))
    selected = _select_steps(definition, options)
    unselected = frozenset(definition.by_name.keys() - selected)
    earlier = {
        name: result for name in unselected if (result := _earlier_result(name, options.earlier)) is not None
    }
    steps = tuple(step for step in definition.steps if step.name in selected)
    sink.extend(check_debug(definition, options, selected))
    for step in steps:
        sink.extend(
            item
            for item in _check_step(step, options)
            if step.name not in invalid or item.code not in _CHECKED_BEFORE
        )
        if step.name not in options.stubs:
            sink.extend(_check_unselected(step, selected, earlier, options.earlier))
            sink.extend(check_model(step, definition, options))
        sink.extend(check_local_images.check_step(step, definition, options, scope, locate))
    if not sink.errors and not invalid:
        sink.extend(_check_code(definition, steps, options, scope, store))
        sink.extend(_check_data(definition, steps, options, scope, store))
        sink.extend(unused_inputs.check_inputs_are_read(definition, steps, options, scope))
    sink.raise_errors()
    stand_ins = {
        step.name: check_local_images.find_stand_ins(step, definition, options, scope) for step in steps
    }
    return Plan(steps, unselected, earlier, sink.warnings, stand_ins)


def _select_steps(definition: Definition, options: RunOptions) -> frozenset[str]:
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
    # Stubs replace what selected steps read, as properties or as files, and need no other step themselves.
    selected = started.union(options.only, options.stubs)
    return frozenset(selected & definition.by_name.keys())


def _check_names(definition: Definition, options: RunOptions) -> Iterator[Diagnostic]:
    callbacks = [step.name for step in definition.steps if step.definition_type == "Callback"]
    for flag, names, known in (
        ("--only", options.only, definition.by_name),
        ("--from", options.start, definition.by_name),
        ("--stub", options.stubs, definition.by_name),
        ("--callback", options.callbacks, callbacks),
        ("--debug", () if options.debug is None else (options.debug,), definition.by_name),
    ):
        what = "Callback step" if flag == "--callback" else "step"
        for name in names:
            if name not in known:
                yield Diagnostic(
                    f"{flag}: unknown {what} {name!r}",
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
            f"step {step.name!r}: steps of type {step.definition_type} do not run locally",
            code="run.unsupported-step",
            hint=f"use --stub {step.name}=FILE.json to provide its outputs; supported types: {', '.join(MODULES)}",
        )
        return
    yield from executor.check(step, options)
    yield from check_schema(step.name, step.fields.get("RetryPolicies"), RETRY_POLICIES, "RetryPolicies")
    if is_cache_enabled(step):
        text = step.fields["CacheConfig"].get("ExpireAfter")
        if text is not None and (not isinstance(text, str) or parse_duration(text) is None):
            yield Diagnostic(
                f"step {step.name!r}: CacheConfig.ExpireAfter: invalid duration {text!r}",
                code="definition.invalid-duration",
                hint="expected an ISO 8601 duration, such as P30D",
            )


def _check_unselected(
    step: Step, selected: frozenset[str], earlier: Mapping[str, SavedResult], runs: tuple[Path, ...]
) -> Iterator[Diagnostic]:
    """Yield each step that this one reads, and that is unselected and has no result in an earlier run."""
    where = " or ".join(folder.name for folder in runs if (folder / "run.json").is_file())
    for other in step.reads():
        if other not in selected and other not in earlier:
            missing = f", and has no result in run {where}" if where else ""
            remedy = "use --from-run RUN to take its result from an earlier run, or " if not where else "use "
            yield Diagnostic(
                f"step {step.name!r} reads step {other!r}, which is not selected{missing}",
                code="run.not-selected",
                hint=f"{remedy}--only {other} or --from {other} to run it, or --stub {other}=FILE.json to replace it",
            )


def _check_code(
    definition: Definition, steps: tuple[Step, ...], options: RunOptions, scope: Scope, store: Store
) -> Iterator[Diagnostic]:
    """Yield scripts that are missing from code and models which exist already. An image looks for its code itself."""
    if options.isolation == "docker":
        return
    for step in steps:
        if step.name in options.stubs:
            continue
        yield from check_code.check_training_code(step, scope, store)
        name = step.arguments.get("ModelName")
        model = definition.by_name.get(name.step) if isinstance(name, StepProperty) else None
        if (
            step.definition_type == "Transform"
            and model is not None
            and model.definition_type == "Model"
            and model.name not in options.stubs
            and not check_local_images.find_stand_ins(step, definition, options, scope)
        ):
            yield from check_code.check_served_model(step, model, definition, scope, store)


def _check_earlier(earlier: tuple[Path, ...]) -> Iterator[Diagnostic]:
    for folder in earlier:
        if not (folder / "run.json").is_file():
            yield Diagnostic(
                f"--from-run: unknown run {folder.name!r} in {folder.parent}",
                code="run.unknown-run",
                hint=did_you_mean(folder.name, (run.id for run in runs_in(folder.parent))),
            )


def _earlier_result(step: str, earlier: tuple[Path, ...]) -> SavedResult | None:
    found = (RunFolder(folder).result(step) for folder in earlier)
    return next((result for result in found if result is not None), None)


def _check_data(
    definition: Definition, steps: tuple[Step, ...], options: RunOptions, scope: Scope, store: Store
) -> Iterator[Diagnostic]:
    """Yield each S3 URI that a step reads and that does not exist.

    URIs that other steps write, or that depend on the result of a step, are not checked. With ``--real-s3``, none is.
    """
    if options.real_s3:
        return
    written = {uri.rstrip("/") for step in steps for uri in _written_uris(step, options, scope)}
    jobs = {uri.rstrip("/") for step in steps for uri in _job_uris(step, scope)}
    parents = {folder for uri in written | jobs for folder in _parent_folders(uri)}
    for step in steps:
        if step.name in options.stubs:
            continue
        for uri in dict.fromkeys(_read_uris(step, scope)):
            read = uri.rstrip("/")
            read_and_parents = (read, *_parent_folders(read))
            if read in parents or read in jobs or not written.isdisjoint(read_and_parents):
                continue
            outputs_of_jobs = jobs.intersection(read_and_parents)
            if any(read.startswith(f"{folder}/{JOB_NAME_PREFIX}") for folder in outputs_of_jobs):
                continue
            try:
                missing = not store.exists(uri)
            except (UnsafeUriError, UnsafeFileError) as error:
                code = "run.unsafe-uri" if isinstance(error, UnsafeUriError) else "run.unsafe-file"
                yield Diagnostic(f"step {step.name!r} reads {uri}: {error}", code=code)
                continue
            if missing:
                yield Diagnostic(
                    f"step {step.name!r} reads {uri}, which does not exist",
                    code="run.missing-data",
                    hint=_hint_missing_data(uri, is_code=_is_code(step, uri, scope)),
                    # A step in a branch may never run.
                    severity="error" if definition.dependencies[step.name].condition is None else "warning",
                )


def _hint_missing_data(uri: str, *, is_code: bool) -> str:
    """Return how to provide an S3 URI that does not exist."""
    remedy = f"use --input {uri.rstrip('/')}=PATH to provide a local file or folder"
    if is_staged_code_uri(uri):
        return f"it is code that dagcast staged: use dagcast run CONFIG with the config file, or {remedy}"
    if is_code:
        packed = ", which is packed" if uri.endswith(_ARCHIVE) else ""
        return f"it is code that an SDK staged in S3: {remedy}{packed}, or --s3 to read it from there"
    return remedy


def _is_code(step: Step, uri: str, scope: Scope) -> bool:
    """Whether a URI is code that a tool staged: a field of code has it, or an input that the SDKs name so."""
    if uri in _find_uris(step, scope, data_fields(step.definition_type).code):
        return True
    for item in as_list(step.arguments.get("ProcessingInputs")):
        named = as_mapping(item)
        source = as_mapping(named.get("S3Input"))
        if known_uri(source.get("S3Uri"), scope) == uri:
            return named.get("InputName") in _CODE_INPUTS
    for channel in as_list(step.arguments.get("InputDataConfig")):
        named = as_mapping(channel)
        source = as_mapping(as_mapping(named.get("DataSource")).get("S3DataSource"))
        if known_uri(source.get("S3Uri"), scope) == uri:
            return named.get("ChannelName") in _CODE_INPUTS
    return False


def _written_uris(step: Step, options: RunOptions, scope: Scope) -> Iterator[str]:
    """Yield the S3 URIs that a step, or its stub, writes to."""
    data = data_fields(step.definition_type)
    yield from _find_uris(step, scope, data.writes + data.checkpoints)
    if step.name in options.stubs:
        yield from stub.written_uris(options.stubs[step.name])


def _read_uris(step: Step, scope: Scope) -> Iterator[str]:
    data = data_fields(step.definition_type)
    return _find_uris(step, scope, data.reads + data.code)


def _job_uris(step: Step, scope: Scope) -> Iterator[str]:
    """Yield the prefixes below which each job of a step writes under its own name."""
    data = data_fields(step.definition_type)
    return _find_uris(step, scope, data.job_outputs + data.debug_outputs)


def _find_uris(step: Step, scope: Scope, patterns: Iterable[FieldPattern]) -> Iterator[str]:
    """Yield the S3 URIs at the patterns, if they do not depend on the result of a step."""
    entry: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for pattern in patterns:
        for _, value in find_values(entry, pattern):
            if any(_reads_result(reference) for reference in references(value)):
                continue
            if uri := known_uri(value, scope):
                yield uri


def _reads_result(reference: Reference) -> bool:
    """Whether the value of a reference is, or may be, the result of a step."""
    return bool(reference.steps) or isinstance(reference, S3JsonGet)


def _parent_folders(uri: str) -> Iterator[str]:
    """Yield every prefix of ``uri`` that ends before a slash, including its bucket."""
    parts = uri.removeprefix("s3://").split("/")
    for count in range(1, len(parts)):
        yield "s3://" + "/".join(parts[:count])
