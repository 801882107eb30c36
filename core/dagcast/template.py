"""Template classes, whose instances generate pipelines.

Plugins decorate the template class, and launchers instantiate it. Its only abstract method is
:meth:`PipelineTemplateBase.generate_pipeline`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast.check.ignored_rules import group_ignored
from dagcast.compile.compile_pipeline import Compilation, compile_pipeline, locate_origin
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.spec.pipeline import Origin
from dagcast.errors import DiagnosticSink, Location
from dagcast.gc_pause import pause_gc
from dagcast.plugins.call_compile_hooks import PluginCompileHooks
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.verify_compiled import COMPARED, Given, missing_result, verify_held

if TYPE_CHECKING:
    from dagcast.sagemaker.pipeline_protocol import Pipeline

__all__ = ["Compilation", "DynamicPipelineTemplate", "PipelineTemplateBase"]

NO_PLUGINS = PluginSet()
NO_METADATA = Metadata()


class PipelineTemplateBase(ABC):
    """Base of all template classes.

    Example:
        >>> class Fixed(PipelineTemplateBase):
        ...     def __init__(self, pipeline):
        ...         self.pipeline = pipeline
        ...
        ...     def generate_pipeline(self):
        ...         return self.pipeline
        >>> Fixed("a pipeline").generate_pipeline()
        'a pipeline'
    """

    @abstractmethod
    def generate_pipeline(self) -> Pipeline:
        """Generate the pipeline.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: If the DAG or the config is invalid.
            SDKError: If no SDK is installed, or the installed one is unusable.
        """


class DynamicPipelineTemplate(PipelineTemplateBase):
    """A template that generates the pipeline of a DAG and a config.

    Args:
        dag: The steps and their edges.
        config: The typed config.
        sagemaker_session: The session of the pipeline. Default: one that is created when it is first needed.
        execution_role: ARN of the role that steps run with; overrides the config's.
        plugins: The plugins that add to the pipeline, change it and check it.
        metadata: The pipeline's metadata. The metadata of a decorated class overrides it.

    Example:
        >>> from dagcast import PipelineDAGCompiler
        >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
        >>> compiler = PipelineDAGCompiler(config, plugins=[])
        >>> template = DynamicPipelineTemplate(compiler.load().dag, compiler.load())
        >>> template.generate_pipeline().name
        'hello'
    """

    decorated_metadata: ClassVar[Mapping[str, Any] | None] = None
    """The metadata that plugins decorated the class with; ``None`` if no plugin did."""

    _compiled: Compilation | None = None
    """The result of the last compile, before methods of a decorated class change it."""

    _given: Given | None = None
    """What the compiler gave to the constructor."""

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
        self.metadata = metadata if known in (None, metadata.values) else metadata.with_values(known)
        self._compilation: Compilation | None = None

    @property
    def report(self) -> CompileReport:
        """The compile report; compiles when it is first read."""
        return self.compilation.report

    @property
    @pause_gc()
    def compilation(self) -> Compilation:
        """The pipeline as data; compiles when it is first read, without importing the SDK."""
        if self._compilation is None:
            sink = DiagnosticSink()
            compilation = self.compile_into(sink)
            sink.raise_errors(group_ignored(self.config.ignore_rules, sink.ignored))
            if compilation is None:
                raise missing_result(self)
            self._compilation = compilation
        return self._compilation

    def generate_definition(self) -> Compilation:
        """Generate the pipeline's definition, without importing the SDK.

        Returns:
            The definition JSON with its spec and its report.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin fails.
        """
        return self.compilation

    @pause_gc()
    def generate_pipeline(self) -> Pipeline:
        """Generate the pipeline: compile the definition, then emit it as the SDK's objects.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        from dagcast.compile.emit.pipeline import emit_pipeline

        return emit_pipeline(self.compilation.spec, self.sagemaker_session, self.execution_role)

    @pause_gc()
    def compile_into(self, sink: DiagnosticSink) -> Compilation | None:
        """Compile, and collect errors and warnings.

        Args:
            sink: Collects the diagnostics.

        Returns:
            The pipeline as data, or ``None`` if ``sink`` has errors.

        Raises:
            PluginError: If a plugin fails, or changed what the compiler gave to the template.
        """
        # Read once: an attribute may be a property of a decorated class.
        held = {name: getattr(self, name) for name in COMPARED}
        if self._given is not None:
            verify_held(type(self), held, self._given)
        compiled = compile_pipeline(
            held["config"],
            held["dag"],
            sink,
            plugins=PluginCompileHooks(held["plugins"], held["metadata"]),
            metadata=held["metadata"],
            role=held["execution_role"],
            region=getattr(held["sagemaker_session"], "boto_region_name", None),
        )
        # A decorated class may restrict attributes of its instances.
        self.__dict__["_compiled"] = compiled
        return compiled

    def locate(self, origin: Origin) -> Location | None:
        """Return the place in the config of a value of the pipeline, or the argument that it comes from."""
        return locate_origin(self.config, origin)
