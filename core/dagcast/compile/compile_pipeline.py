"""Compile a typed config and a DAG: lower, let plugins change and check, write the definition."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dagcast.compile.check_spec import SpecChecker
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.dag import PipelineDAG
from dagcast.compile.config.step import StepConfig, To
from dagcast.compile.lower.adapt import adapt_steps
from dagcast.compile.lower.pipeline import lower_pipeline
from dagcast.compile.report import CompileReport, summarize_steps
from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.spec.pipeline import Origin, ParameterSpec, PipelineSpec
from dagcast.compile.steps.lowering import mapped_fields
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath
from dagcast.staging.code_stage import CodeUse

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compilation:
    """A pipeline as data, checked.

    Attributes:
        spec: The pipeline.
        definition: The definition JSON.
        report: What was done.
        code: The code that the config names, and the objects that it became.
    """

    spec: PipelineSpec
    definition: str
    report: CompileReport
    code: tuple[CodeUse, ...] = ()


class CompileHooks(Protocol):
    """What plugins do to a pipeline while it compiles.

    The compiler is below the room of plugins and imports none of it: :class:`dagcast.plugins.spec_hooks.SpecHooks`
    implements this.
    """

    def lock(self) -> tuple[Mapping[str, Any], ...]:
        """Return the entry of each plugin in the plugin lock."""

    def collect_parameters(
        self, config: PipelineConfig, /
    ) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
        """Return parameters to add to the config's, and who added them."""

    def transform_spec(self, spec: PipelineSpec, /) -> tuple[PipelineSpec, tuple[Change, ...]]:
        """Return the pipeline that takes the place of ``spec``, and what was changed."""

    def check_spec(
        self, spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], sink: DiagnosticSink, /
    ) -> None:
        """Collect in ``sink`` what is wrong with the pipeline."""


class NoHooks:
    """The hooks of a compile without plugins."""

    def lock(self) -> tuple[Mapping[str, Any], ...]:
        """Return no entry."""
        return ()

    def collect_parameters(
        self, config: PipelineConfig, /
    ) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
        """Return no parameter."""
        return (), ()

    def transform_spec(self, spec: PipelineSpec, /) -> tuple[PipelineSpec, tuple[Change, ...]]:
        """Return ``spec`` itself."""
        return spec, ()

    def check_spec(
        self, spec: PipelineSpec, locate: Callable[[str, FieldPath], Location | None], sink: DiagnosticSink, /
    ) -> None:
        """Find nothing wrong."""


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
    """Compile a config and a DAG, without importing the SDK and without any network.

    The result depends on the arguments and on the files of code that the config names, and on nothing else.

    Args:
        config: The typed config.
        dag: Which steps there are, and how they depend on each other.
        sink: Collects every mistake.
        plugins: What plugins do to the pipeline; ``None`` for no plugins.
        metadata: What is known of the pipeline beside the config.
        role: The ARN of the execution role; wins over the config's.
        region: The AWS region where the config names none.

    Returns:
        The pipeline as data, or ``None`` if ``sink`` holds errors.

    Raises:
        PluginError: If a plugin fails.
    """
    from dagcast.sagemaker.images import image_uri

    hooks = NoHooks() if plugins is None else plugins
    known = Metadata() if metadata is None else metadata
    timings: dict[str, float] = {}
    changes = known.changes
    with _timed("lower", timings):
        added: tuple[ParameterSpec, ...] = ()
        with sink.collecting():
            added, found = hooks.collect_parameters(config)
            changes += found
        lowered = lower_pipeline(config, dag, sink, images=image_uri, role=role, region=region, added=added)
    spec = lowered.spec
    # A pipeline with mistakes in it is only searched for more of them, and not shown to plugins.
    if not sink.errors:
        with _timed("plugins", timings), sink.collecting():
            spec, found = hooks.transform_spec(spec)
            changes += found
            if spec is not lowered.spec:
                steps = adapt_steps(
                    spec.steps, sink, lambda step, path: config.source.locate(("steps", step, *path))
                )
                spec = replace(spec, steps=steps)
    with _timed("check", timings):
        checker = _checker(config, spec, lowered.incomplete, sink)
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
    report = CompileReport(
        pipeline=spec.name,
        version=spec.version,
        steps=summarize_steps(spec),
        bindings=tuple(lowered.wiring.bindings),
        warnings=sink.warnings,
        quotas=checker.quotas(definition),
        staged=spec.staged,
        digest=hashlib.sha256(definition.encode()).hexdigest(),
        timings=timings,
        spec=spec,
        plugins=hooks.lock(),
        metadata=known.values,
        changes=changes,
        metadata_sources=known.sources,
    )
    return Compilation(spec, definition, report, lowered.code)


def locate_origin(config: PipelineConfig, origin: Origin) -> Location | None:
    """Return where in the config a value of the pipeline was written, or the argument that gave it."""
    if origin.kind == "argument":
        return Location(f"<{origin.detail}>")
    return config.source.locate(origin.path) if origin.kind == "config" else None


def _checker(
    config: PipelineConfig, spec: PipelineSpec, incomplete: frozenset[str], sink: DiagnosticSink
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
    )


@contextmanager
def _timed(stage: str, timings: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = time.perf_counter() - start
        logger.debug("%s took %.1f ms", stage, timings[stage] * 1000)
