"""The compiler: from a DAG and a config to the SDK's ``Pipeline``, by way of a template class."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagsmith.dag import PipelineDAG
from dagsmith.errors import Diagnostic, DiagnosticSink, InvalidInputError
from dagsmith.load.config import ConfigLike, PipelineConfig, open_config, read_config
from dagsmith.load.models import BasePipelineConfig
from dagsmith.plugins.active import PluginSet, activate
from dagsmith.plugins.calls import Metadata, added_step_types, build_params, extract_metadata, notify
from dagsmith.plugins.decorate import CLASSES
from dagsmith.plugins.discovery import Scan, scan
from dagsmith.plugins.selection import PluginRequest, select
from dagsmith.report import CompileReport
from dagsmith.steps.catalog import StepCatalog
from dagsmith.template import Compilation, DynamicPipelineTemplate, PipelineTemplateBase

DAGLike = PipelineDAG | str | os.PathLike[str] | Mapping[str, Any]


@dataclass(frozen=True)
class ValidationResult:
    """What is wrong with a DAG and a config.

    Attributes:
        errors: What has to be changed before it compiles.
        warnings: What compiles but may not be meant.
    """

    errors: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether it compiles."""
        return not self.errors


@dataclass(frozen=True)
class _Loaded:
    """A config and its plugins, read once: what every compile of a compiler starts from."""

    config: PipelineConfig | None
    plugins: PluginSet
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class _Prepared:
    """A DAG with the config, plugins and metadata that it is compiled with."""

    dag: PipelineDAG
    config: PipelineConfig
    plugins: PluginSet
    metadata: Metadata


class PipelineDAGCompiler:
    """Compiles DAGs with one config.

    Config and plugins are read when they are first needed, and once.

    Args:
        config_path: A config file (YAML, JSON or TOML), or the same content as a mapping or pydantic model.
        sagemaker_session: The session that pipelines will use; one is made on first use if left out.
        role: ARN of the role that steps run with; wins over the config's.
        env: The environment of the config to lay over it.
        plugins: Names of installed plugins and plugin objects, in order; ``[]`` for none. Left out, the environment
            variable ``DAGSMITH_PLUGINS``, the config, and what is active on installation decide.
    """

    def __init__(
        self,
        config_path: ConfigLike,
        sagemaker_session: Any = None,
        role: str | None = None,
        *,
        env: str | None = None,
        plugins: Iterable[Any] | PluginRequest | None = None,
    ) -> None:
        self.config_path = config_path
        self.sagemaker_session = sagemaker_session
        self.role = role
        self.env = env
        if isinstance(plugins, str):
            raise TypeError(f"plugins is a list of names and plugin objects: write [{plugins!r}]")
        self.plugin_request = (
            plugins
            if isinstance(plugins, PluginRequest)
            else PluginRequest(tuple(plugins) if plugins is not None else None)
        )
        self._once: _Loaded | None = None

    def compile(self, dag: DAGLike | None = None, **kwargs: Any) -> Any:
        """The pipeline of ``dag``.

        Args:
            dag: The DAG, or a file or mapping that holds it; the config's own ``edges`` if left out.
            kwargs: Further arguments for the template's constructor.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin is missing, broken, or fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        return self.compile_with_report(dag, **kwargs)[0]

    def compile_with_report(self, dag: DAGLike | None = None, **kwargs: Any) -> tuple[Any, CompileReport]:
        """The pipeline of ``dag``, and the report of how it came about; see :meth:`compile`."""
        template = self.create_template(dag, **kwargs)
        pipeline, report = template.generate_pipeline(), template.report
        notify(template.plugins, pipeline, report)
        return pipeline, report

    def compile_definition(self, dag: DAGLike | None = None, **kwargs: Any) -> Compilation:
        """The definition JSON of ``dag`` with its report, made without importing the SDK.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin is missing, broken, or fails.
        """
        template = self.create_template(dag, **kwargs)
        compilation = template.generate_definition()
        notify(template.plugins, None, compilation.report)
        return compilation

    def validate(self, dag: DAGLike | None = None) -> ValidationResult:
        """Everything that is wrong with ``dag`` and the config; nothing is raised for it.

        Raises:
            PluginError: If a plugin is missing, broken, or fails.
        """
        sink = DiagnosticSink()
        template = self._template_for_checks(dag, sink)
        if template is not None:
            template.compile_into(sink)
        return ValidationResult(sink.errors, sink.warnings)

    def create_decorated_class(
        self, dag: DAGLike | None = None, **metadata: Any
    ) -> type[DynamicPipelineTemplate]:
        """The template class that makes the pipeline, as the plugins decorate it.

        Args:
            dag: The DAG; the config's own ``edges`` if left out.
            metadata: Metadata that wins over what plugins find.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin cannot decorate the class.
        """
        return self._decorated(self._prepare(dag, metadata))

    def create_template_params(self, dag: DAGLike | None = None, **template_kwargs: Any) -> dict[str, Any]:
        """Everything that the template's constructor takes.

        Args:
            dag: The DAG; the config's own ``edges`` if left out.
            template_kwargs: Further arguments; they win over what plugins give.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin fails, or two contradict each other.
        """
        return self._params(self._prepare(dag, {}), template_kwargs)

    def create_template(self, dag: DAGLike | None = None, **template_kwargs: Any) -> DynamicPipelineTemplate:
        """An instance of the template class for ``dag``; see :meth:`create_template_params`."""
        prepared = self._prepare(dag, {})
        return self._decorated(prepared)(**self._params(prepared, template_kwargs))

    def load(self) -> PipelineConfig:
        """The typed config.

        Raises:
            InvalidInputError: With every mistake in it.
            PluginError: If a plugin is missing or broken.
        """
        loaded = self._load()
        DiagnosticSink(list(loaded.diagnostics)).raise_errors()
        if loaded.config is None:
            raise AssertionError("a config without errors can be read")
        return loaded.config

    @property
    def plugins(self) -> PluginSet:
        """The plugins that run.

        Raises:
            PluginError: If a plugin is missing or broken.
        """
        return self._load().plugins

    def _get_base_config(self) -> BasePipelineConfig:
        return self.load().pipeline

    def _load(self) -> _Loaded:
        if self._once is None:
            sink = DiagnosticSink()
            opened = open_config(self.config_path, sink, env=self.env)
            if opened is None:
                self._once = _Loaded(None, PluginSet(), tuple(sink.diagnostics))
            else:
                installed = Scan(()) if self.plugin_request.none else scan()
                selection = select(self.plugin_request, opened.plugins, installed, os.environ)
                plugins = activate(selection, opened.plugins.options, installed, opened.source.locate, sink)
                config = read_config(opened, sink, StepCatalog(added_step_types(plugins)))
                self._once = _Loaded(config, plugins, tuple(sink.diagnostics))
        return self._once

    def _prepare(self, dag: DAGLike | None, metadata: Mapping[str, Any]) -> _Prepared:
        loaded = self._load()
        sink = DiagnosticSink(list(loaded.diagnostics))
        graph = self._dag(dag, loaded.config, sink)
        if sink.errors and loaded.config is not None and graph is not None:
            # One run reports everything: what can be lowered is, for the mistakes in it.
            self._instantiate(_Prepared(graph, loaded.config, loaded.plugins, Metadata())).compile_into(sink)
        sink.raise_errors()
        if loaded.config is None or graph is None:
            raise AssertionError("a config and a DAG without errors can be read")
        found = extract_metadata(loaded.plugins, loaded.config, graph, metadata)
        return _Prepared(graph, loaded.config, loaded.plugins, found)

    def _template_for_checks(self, dag: DAGLike | None, sink: DiagnosticSink) -> DynamicPipelineTemplate | None:
        loaded = self._load()
        sink.extend(loaded.diagnostics)
        graph = self._dag(dag, loaded.config, sink)
        if loaded.config is None or graph is None:
            return None
        metadata = Metadata()
        if not sink.errors:
            metadata = extract_metadata(loaded.plugins, loaded.config, graph, {})
        return self._instantiate(_Prepared(graph, loaded.config, loaded.plugins, metadata))

    def _dag(
        self, dag: DAGLike | None, config: PipelineConfig | None, sink: DiagnosticSink
    ) -> PipelineDAG | None:
        if dag is None:
            return config.dag if config is not None else None
        if isinstance(dag, PipelineDAG):
            return dag
        try:
            return PipelineDAG.from_dict(dag) if isinstance(dag, Mapping) else PipelineDAG.load(dag)
        except InvalidInputError as error:
            sink.extend(error.diagnostics)
            return None

    def _decorated(self, prepared: _Prepared) -> type[DynamicPipelineTemplate]:
        return CLASSES.get(DynamicPipelineTemplate, prepared.plugins, prepared.metadata.values)

    def _params(self, prepared: _Prepared, explicit: Mapping[str, Any]) -> dict[str, Any]:
        params = build_params(prepared.plugins, prepared.dag, self._own_params(prepared), prepared.metadata)
        return {**params, **explicit}

    def _own_params(self, prepared: _Prepared) -> dict[str, Any]:
        return {
            "dag": prepared.dag,
            "config": prepared.config,
            "sagemaker_session": self.sagemaker_session,
            "execution_role": self.role,
            "plugins": prepared.plugins,
            "metadata": prepared.metadata,
        }

    def _instantiate(self, prepared: _Prepared) -> DynamicPipelineTemplate:
        return DynamicPipelineTemplate(**self._own_params(prepared))


def compile_dag_to_pipeline(
    dag: DAGLike | None,
    config_path: ConfigLike,
    sagemaker_session: Any = None,
    role: str | None = None,
    **kwargs: Any,
) -> Any:
    """Compile one DAG; see :class:`PipelineDAGCompiler`.

    Args:
        dag: The DAG, or a file or mapping that holds it; the config's own ``edges`` for ``None``.
        config_path: The config.
        sagemaker_session: The session that the pipeline will use.
        role: ARN of the role that steps run with.
        kwargs: ``env``, ``plugins``, and further arguments of :class:`PipelineDAGCompiler`.

    Returns:
        The SageMaker SDK's ``Pipeline``.

    Raises:
        InvalidInputError: With every mistake in the DAG and the config.
        SDKError: If the installed SDK cannot emit a step, or none is installed.
    """
    return PipelineDAGCompiler(config_path, sagemaker_session, role, **kwargs).compile(dag)


__all__ = ["PipelineDAGCompiler", "PipelineTemplateBase", "ValidationResult", "compile_dag_to_pipeline"]
