"""Templates: the classes that make a pipeline.

A template class is what plugins decorate and what launchers instantiate. Its one duty is
:meth:`PipelineTemplateBase.generate_pipeline`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast.compile.compile_pipeline import Compilation, compile_pipeline, locate_origin
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.dag import PipelineDAG
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.spec.pipeline import Origin
from dagcast.errors import DiagnosticSink, Location
from dagcast.gc_pause import pause_gc
from dagcast.plugins.configured import PluginSet
from dagcast.plugins.spec_hooks import SpecHooks

if TYPE_CHECKING:
    from dagcast.sagemaker.pipeline_protocol import Pipeline

__all__ = ["Compilation", "DynamicPipelineTemplate", "PipelineTemplateBase"]

NO_PLUGINS = PluginSet()
NO_METADATA = Metadata()


class PipelineTemplateBase(ABC):
    """Base of all template classes."""

    @abstractmethod
    def generate_pipeline(self) -> Pipeline:
        """Make the pipeline.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: If what the user wrote cannot be compiled.
            SDKError: If the installed SDK cannot do what is asked of it.
        """


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
        *,
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
    def generate_pipeline(self) -> Pipeline:
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
        return compile_pipeline(
            self.config,
            self.dag,
            sink,
            plugins=SpecHooks(self.plugins, self.metadata),
            metadata=self.metadata,
            role=self.execution_role,
            region=getattr(self.sagemaker_session, "boto_region_name", None),
        )

    def locate(self, origin: Origin) -> Location | None:
        """Where in the config a value of the pipeline was written, or the argument that gave it."""
        return locate_origin(self.config, origin)
