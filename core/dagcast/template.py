"""Templates: the classes that make a pipeline.

A template class is what plugins decorate and what launchers instantiate. Its one duty is
:meth:`PipelineTemplateBase.generate_pipeline`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from dagcast.check.spec import SpecChecker
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.dag import PipelineDAG
from dagcast.compile.config.step import StepConfig, To
from dagcast.compile.lower.pipeline import Lowered, lower_pipeline
from dagcast.compile.report import CompileReport, summarize_steps
from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.pipeline import Origin, ParameterSpec, PipelineSpec
from dagcast.compile.steps.lowering import mapped_fields
from dagcast.errors import DiagnosticSink, Location
from dagcast.gc_pause import pause_gc
from dagcast.plugins.call_hooks import Metadata, collect_parameters
from dagcast.plugins.configured import PluginSet
from dagcast.plugins.spec_hooks import check_spec, transform_spec
from dagcast.staging.code_stage import CodeUse

logger = logging.getLogger(__name__)

NO_PLUGINS = PluginSet()
NO_METADATA = Metadata()


class PipelineTemplateBase(ABC):
    """Base of all template classes."""

    @abstractmethod
    def generate_pipeline(self) -> Any:
        """Make the pipeline.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: If what the user wrote cannot be compiled.
            SDKError: If the installed SDK cannot do what is asked of it.
        """


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


class DynamicPipelineTemplate(PipelineTemplateBase):
    """A template that makes the pipeline of a DAG and a config.

    Args:
        dag: Which steps there are, and how they hang together.
        config: The typed config.
        sagemaker_session: The session that the pipeline will use; one is made on first use if left out.
        execution_role: ARN of the role that steps run with; wins over the config's.
        plugins: The plugins that add to the pipeline, change it and check it.
        metadata: What is known of the pipeline beside the config; what the class was decorated with wins.
    """

    decorated_metadata: ClassVar[Mapping[str, Any] | None] = None
    """The metadata that plugins decorated the class with; ``None`` where none did."""

    def __init__(
        self,
        dag: PipelineDAG,
        config: PipelineConfig,
        sagemaker_session: Any = None,
        execution_role: str | None = None,
        plugins: PluginSet = NO_PLUGINS,
        metadata: Metadata = NO_METADATA,
    ) -> None:
        self.dag = dag
        self.config = config
        self.sagemaker_session = sagemaker_session
        self.execution_role = execution_role
        self.plugins = plugins
        known = self.decorated_metadata
        self.metadata = metadata if known in (None, metadata.values) else replace(metadata, values=known)
        self._compilation: Compilation | None = None

    @property
    def report(self) -> CompileReport:
        """What was done; compiles if that has not happened yet."""
        return self.compilation.report

    @property
    @pause_gc()
    def compilation(self) -> Compilation:
        """The pipeline as data; made on first use, without importing the SDK."""
        if self._compilation is None:
            sink = DiagnosticSink()
            compilation = self.compile_into(sink)
            sink.raise_errors()
            if compilation is None:
                raise AssertionError("a compile without errors has a result")
            self._compilation = compilation
        return self._compilation

    def generate_definition(self) -> Compilation:
        """Make the pipeline's definition, without importing the SDK.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin fails.
        """
        return self.compilation

    @pause_gc()
    def generate_pipeline(self) -> Any:
        """Make the pipeline: lower, let plugins change and check it, emit.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        from dagcast.compile.emit.pipeline import emit_pipeline

        return emit_pipeline(self.compilation.spec, self.sagemaker_session, self.execution_role)

    @pause_gc()
    def compile_into(self, sink: DiagnosticSink) -> Compilation | None:
        """Lower and check, collecting what is wrong.

        Returns:
            The pipeline as data, or ``None`` if anything is wrong.
        """
        from dagcast.sagemaker.images import image_uri

        timings: dict[str, float] = {}
        changes = self.metadata.changes
        with _timed("lower", timings):
            region = getattr(self.sagemaker_session, "boto_region_name", None)
            added: tuple[ParameterSpec, ...] = ()
            with sink.collecting():
                added, found = collect_parameters(self.plugins, self.config, self.metadata)
                changes += found
            lowered = lower_pipeline(
                self.config,
                self.dag,
                sink,
                images=image_uri,
                role=self.execution_role,
                region=region,
                added=added,
            )
        spec = lowered.spec
        # A pipeline with mistakes in it is only looked through for more of them, and not shown to plugins.
        if not sink.errors:
            with _timed("plugins", timings), sink.collecting():
                spec, found = transform_spec(self.plugins, spec, self.metadata)
                changes += found
        with _timed("check", timings):
            checker = self._checker(spec, lowered.incomplete, sink)
            checker.check()
            if not sink.errors:
                with sink.collecting():
                    check_spec(self.plugins, spec, self.metadata, checker.locate_field, sink)
        if sink.errors:
            return None
        with _timed("definition", timings):
            definition = checker.check_definition()
        if sink.errors:
            return None
        report = self._report(spec, lowered, checker, definition, timings, changes, sink)
        return Compilation(spec, definition, report, lowered.code)

    def _checker(self, spec: PipelineSpec, incomplete: frozenset[str], sink: DiagnosticSink) -> SpecChecker:
        catalog = self.config.catalog
        return SpecChecker(
            spec,
            self.locate,
            lambda name: catalog[name].forbidden if name in catalog else {},
            self._mapped_fields,
            self.config.pipeline.limits.steps,
            sink,
            incomplete,
            lambda origin: origin.kind == "config" and self.config.source.inherited(origin.path),
        )

    def _report(
        self,
        spec: PipelineSpec,
        lowered: Lowered,
        checker: SpecChecker,
        definition: str,
        timings: dict[str, float],
        changes: tuple[Change, ...],
        sink: DiagnosticSink,
    ) -> CompileReport:
        return CompileReport(
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
            plugins=tuple(self.plugins.lock()),
            metadata=self.metadata.values,
            changes=changes,
            metadata_sources=self.metadata.sources,
        )

    def _mapped_fields(self, step_type: str) -> tuple[tuple[str, To], ...]:
        if step_type not in self.config.catalog:
            return ()
        model: type[StepConfig] = self.config.catalog[step_type].config
        return mapped_fields(model)

    def locate(self, origin: Origin) -> Location | None:
        """Where in the config a value of the pipeline was written, or the argument that gave it."""
        if origin.kind == "argument":
            return Location(f"<{origin.detail}>")
        return self.config.source.locate(origin.path) if origin.kind == "config" else None


@contextmanager
def _timed(stage: str, timings: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = time.perf_counter() - start
        logger.debug("%s took %.1f ms", stage, timings[stage] * 1000)
