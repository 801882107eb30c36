"""Compile a typed config and a DAG: lower them, call the plugins, check the result, write the definition."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from dagcast.check.ignored_rules import group_ignored, unknown_rule
from dagcast.check.rules.rule import Rule
from dagcast.compile.check_spec import SpecChecker
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.origins import NOTHING, find_origin, value_in
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.config.stand_ins import describe_stand_ins, without_sdk
from dagcast.compile.config.step import StepConfig, To
from dagcast.compile.lower.adapt_defaults import adapt_pipeline
from dagcast.compile.lower.pipeline import lower_pipeline
from dagcast.compile.report import CODE_REMEDY, CompileReport, summarize_steps
from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.spec.pipeline import Origin, ParameterSpec, PipelineSpec
from dagcast.compile.steps.request_builder import mapped_fields
from dagcast.debug_log import log_debug
from dagcast.errors import DiagnosticSink, Location
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.staging.code_stager import CodeUse


@dataclass(frozen=True)
class Compilation:
    """A pipeline as data, without errors.

    Attributes:
        spec: The pipeline.
        definition: The definition JSON.
        report: The compile report.
        code: The code in the config, with the objects in S3 that it is staged as.
    """

    spec: PipelineSpec
    definition: str
    report: CompileReport
    code: tuple[CodeUse, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<Compilation {self.spec.name}: {len(self.spec.steps)} steps, {len(self.definition)} characters>"
        )


class CompileHooks(Protocol):
    """The calls of plugins in a compile.

    :class:`dagcast.plugins.call_compile_hooks.PluginCompileHooks` implements it. The room of plugins is above this one,
    which must not import it.
    """

    def lock(self) -> tuple[Mapping[str, Any], ...]:
        """Return the entry of each plugin in the plugin lock."""

    def policies(self) -> tuple[Mapping[str, Any], ...]:
        """Return the files of the site policy that holds, as JSON data."""

    def collect_parameters(
        self, config: PipelineConfig, /
    ) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
        """Return parameters to add to the config's, and the changes that they are."""

    def transform_spec(self, spec: PipelineSpec, /) -> tuple[PipelineSpec, tuple[Change, ...]]:
        """Return the pipeline that replaces ``spec``, and the changes."""

    def collect_rules(self) -> tuple[Rule, ...]:
        """Return rules about requests, to check in addition to those of the service."""

    def check_spec(
        self, spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], sink: DiagnosticSink, /
    ) -> None:
        """Add the plugins' diagnostics of the pipeline to ``sink``."""


class NoHooks:
    """The hooks of a compile without plugins."""

    def lock(self) -> tuple[Mapping[str, Any], ...]:
        """Return no entries."""
        return ()

    def policies(self) -> tuple[Mapping[str, Any], ...]:
        """Return no files."""
        return ()

    def collect_parameters(
        self, config: PipelineConfig, /
    ) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
        """Return no parameters."""
        return (), ()

    def transform_spec(self, spec: PipelineSpec, /) -> tuple[PipelineSpec, tuple[Change, ...]]:
        """Return ``spec`` itself."""
        return spec, ()

    def collect_rules(self) -> tuple[Rule, ...]:
        """Return no rule."""
        return ()

    def check_spec(
        self, spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], sink: DiagnosticSink, /
    ) -> None:
        """Add no diagnostics."""


def compile_pipeline(
    config: PipelineConfig,
    dag: PipelineDAG,
    sink: DiagnosticSink,
    *,
    plugins: CompileHooks | None = None,
    metadata: Metadata | None = None,
    role: str | None = None,
    region: str | None = None,
) -> Compilation | None:
    """Compile a config and a DAG, without importing the SDK and without network.

    The result depends only on the arguments and on the files of code in the config.

    Args:
        config: The typed config.
        dag: The steps and their edges.
        sink: Collects the diagnostics.
        plugins: The calls of plugins; ``None`` for no plugins.
        metadata: The pipeline's metadata.
        role: The ARN of the execution role; overrides the config's.
        region: The AWS region if the config has none.

    Returns:
        The pipeline as data, or ``None`` if ``sink`` has errors.

    Raises:
        PluginError: If a plugin fails.
    """
    from dagcast.sagemaker.images import image_uri

    hooks = NoHooks() if plugins is None else plugins
    known = Metadata() if metadata is None else metadata
    sink.extend(config.warnings)
    timings: dict[str, float] = {}
    changes = known.changes
    with _timed("lower", timings):
        added: tuple[ParameterSpec, ...] = ()
        with sink.collecting():
            added, found = hooks.collect_parameters(config)
            changes += found
        images = without_sdk(image_uri) if config.local else image_uri
        lowered = lower_pipeline(config, dag, sink, images=images, role=role, region=region, added=added)
    spec = lowered.spec
    # Plugins receive only pipelines without errors. An invalid one is only checked for further errors.
    if not sink.errors:
        with _timed("plugins", timings), sink.collecting():
            spec, found = hooks.transform_spec(spec)
            changes += found
            if spec is not lowered.spec:
                spec = adapt_pipeline(spec, sink, config.source.locate)
    with _timed("check", timings):
        rules: tuple[Rule, ...] = ()
        with sink.collecting():
            rules = hooks.collect_rules()
        _check_ignored_rules(config, rules, sink)
        checker = _checker(config, spec, lowered.incomplete, rules, sink)
        checker.check()
        if not sink.errors:
            with sink.collecting():
                hooks.check_spec(spec, checker.locate_field, sink)
    if sink.errors:
        return None
    with _timed("definition", timings):
        definition = checker.check_definition()
    if sink.errors:
        return None
    locked = hooks.lock()
    for plugin in locked:
        for problem in plugin.get("code_problems", ()):
            sink.warn(f"plugin {plugin['name']!r}: {problem}", code="plugin.lock", hint=CODE_REMEDY)
    report = CompileReport(
        pipeline=spec.name,
        version=spec.version,
        steps=summarize_steps(spec),
        bindings=tuple(lowered.wiring.bindings),
        warnings=sink.warnings,
        ignored=group_ignored(config.ignore_rules, sink.ignored),
        quotas=checker.quotas(definition),
        staged=spec.staged,
        digest=hashlib.sha256(definition.encode()).hexdigest(),
        timings=timings,
        spec=spec,
        plugins=locked,
        policies=hooks.policies(),
        metadata=known.values,
        changes=changes,
        metadata_sources=known.sources,
        stand_ins=tuple(describe_stand_ins(spec, config.stand_ins)) if config.local else (),
    )
    return Compilation(spec, definition, report, lowered.code)


def locate_origin(config: PipelineConfig, origin: Origin) -> Location | None:
    """Return the place in the config of a value of the pipeline, or the argument that it comes from."""
    if origin.kind == "argument":
        return Location(f"<{origin.detail}>")
    return config.source.locate(origin.path) if origin.kind == "config" else None


def locate_value(config: PipelineConfig, spec: PipelineSpec, step: str, path: FieldPath) -> Location | None:
    """Return the place in the config of a value of a step, or of the step if the value has none.

    Args:
        config: The config.
        spec: The pipeline.
        step: The name of the step.
        path: The path of the value in the step's entry of the definition.
    """
    found = next((item for item in spec.steps if item.name == step), None)
    if found is None:
        return None
    value = value_in({"Arguments": found.arguments, **found.fields}, path)
    origins = [find_origin(found.origins, path, each, config.source.data) for each in _spellings(value)]
    written = (
        origin
        for origin in origins
        if origin is not None and value_in(config.source.data, origin.path) is not NOTHING
    )
    origin = next(written, origins[0])
    place = None if origin is None else locate_origin(config, origin)
    return place or locate_origin(config, Origin("config", ("steps", step)))


def _spellings(value: Any) -> list[Any]:
    """Return a value as a config may write it: many members of requests are texts of numbers."""
    found = [value]
    for kind in (int, float):
        with suppress(ValueError, TypeError, OverflowError):
            found += [kind(value)] if isinstance(value, str) else []
    return found


def _check_ignored_rules(config: PipelineConfig, rules: Iterable[Rule], sink: DiagnosticSink) -> None:
    """Report each id under ``ignore_rules`` that is not one of a rule."""
    for index, rule in enumerate(config.ignore_rules):
        hint = unknown_rule(rule, (known.id for known in rules))
        if hint is not None:
            listed = isinstance(config.source.data.get("ignore_rules"), (list, tuple))
            sink.error(
                f"ignore_rules: {rule!r} is not the id of a rule",
                config.source.locate(("ignore_rules", index if listed else rule)),
                code="config.unknown-rule",
                hint=hint,
            )


def _checker(
    config: PipelineConfig,
    spec: PipelineSpec,
    incomplete: frozenset[str],
    rules: tuple[Rule, ...],
    sink: DiagnosticSink,
) -> SpecChecker:
    catalog = config.catalog

    def fields(step_type: str) -> tuple[tuple[str, To], ...]:
        if step_type not in catalog:
            return ()
        model: type[StepConfig] = catalog[step_type].config
        return mapped_fields(model)

    return SpecChecker(
        spec,
        locate=lambda origin: locate_origin(config, origin),
        forbidden=lambda name: catalog[name].forbidden if name in catalog else {},
        fields=fields,
        step_limit=config.pipeline.limits.steps,
        sink=sink,
        incomplete=incomplete,
        inherited=lambda origin: origin.kind == "config" and config.source.inherited(origin.path),
        config=config.source.merged,
        ignored=frozenset(config.ignore_rules),
        rules=rules,
    )


@contextmanager
def _timed(stage: str, timings: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = time.perf_counter() - start
        log_debug(__name__, "%s took %.1f ms", stage, timings[stage] * 1000)
