"""The compiler: from a DAG and a config to the SDK's ``Pipeline``, by way of a template class."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast.compile.compile_pipeline import Compilation
from dagcast.compile.config.config import ConfigLike, OpenedConfig, PipelineConfig, open_config, read_config
from dagcast.compile.config.dag import PipelineDAG
from dagcast.compile.config.models import BasePipelineConfig
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.steps.catalog import StepCatalog
from dagcast.errors import Diagnostic, DiagnosticSink, InvalidInputError, Location, PluginError, did_you_mean
from dagcast.gc_pause import pause_gc
from dagcast.plugins.call_hooks import (
    build_template_params,
    collect_step_types,
    extract_metadata,
    notify_compiled,
)
from dagcast.plugins.configured import PluginSet
from dagcast.plugins.decorate import CLASS_CACHE, instantiate
from dagcast.plugins.options import configure_plugins
from dagcast.plugins.scan import InstalledPlugins, scan_plugins
from dagcast.plugins.select import PluginRequest, select_plugins
from dagcast.template import DynamicPipelineTemplate, PipelineTemplateBase

if TYPE_CHECKING:
    from dagcast.sagemaker.pipeline_protocol import Pipeline

logger = logging.getLogger(__name__)

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
            variable ``DAGCAST_PLUGINS``, the config, and what is active on installation decide.
        metadata: Metadata of every pipeline that it compiles; it wins over what plugins find.
    """

    template_class: ClassVar[type[DynamicPipelineTemplate]] = DynamicPipelineTemplate
    """The class that plugins decorate."""

    required_plugins: ClassVar[tuple[str, ...]] = ()
    """Plugins that always run, before those that are chosen; for compilers of one plugin."""

    def __init__(
        self,
        config_path: ConfigLike,
        sagemaker_session: Any = None,
        role: str | None = None,
        *,
        env: str | None = None,
        plugins: Iterable[Any] | PluginRequest | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.config_path = config_path
        self.sagemaker_session = sagemaker_session
        self.role = role
        self.env = env
        self.metadata = dict(metadata or {})
        if isinstance(plugins, str):
            raise TypeError(f"plugins is a list of names and plugin objects: write [{plugins!r}]")
        self.plugin_request = (
            plugins
            if isinstance(plugins, PluginRequest)
            else PluginRequest(tuple(plugins) if plugins is not None else None)
        )
        self._once: _Loaded | None = None
        self._lock = threading.RLock()

    def compile(self, dag: DAGLike | None = None, **kwargs: Any) -> Pipeline:
        """The pipeline of ``dag``.

        Args:
            dag: The DAG, or a file or mapping that holds it; the config's own ``edges`` if left out.
            kwargs: ``metadata``, a mapping that wins over what plugins find, and further arguments for the
                template's constructor.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin is missing, broken, or fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        return self.compile_with_report(dag, **kwargs)[0]

    @pause_gc()
    def compile_with_report(
        self, dag: DAGLike | None = None, **kwargs: Any
    ) -> tuple[Pipeline, CompileReport]:
        """The pipeline of ``dag``, and the report of how it came about; see :meth:`compile`."""
        template = self.create_template(dag, **kwargs)
        pipeline, report = template.generate_pipeline(), template.report
        notify_compiled(template.plugins, pipeline, report)
        return pipeline, report

    @pause_gc()
    def compile_definition(self, dag: DAGLike | None = None, **kwargs: Any) -> Compilation:
        """The definition JSON of ``dag`` with its report, made without importing the SDK.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin is missing, broken, or fails.
        """
        template = self.create_template(dag, **kwargs)
        compilation = template.generate_definition()
        notify_compiled(template.plugins, None, compilation.report)
        return compilation

    @pause_gc()
    def validate(self, dag: DAGLike | None = None) -> ValidationResult:
        """Everything that is wrong with ``dag`` and the config; nothing is raised for it.

        Raises:
            PluginError: If a plugin is missing, broken, or fails.
        """
        sink = DiagnosticSink()
        prepared = self._prepare_into(sink, dag, {})
        if prepared is not None and sink.errors:
            self._collect_later_errors(prepared, {}, sink)
        elif prepared is not None:
            with sink.collecting():
                self._template(prepared, {}).compile_into(sink)
        return ValidationResult(sink.errors, sink.warnings)

    @pause_gc()
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

    @pause_gc()
    def create_template_params(self, dag: DAGLike | None = None, **template_kwargs: Any) -> dict[str, Any]:
        """Everything that the template's constructor takes.

        Args:
            dag: The DAG; the config's own ``edges`` if left out.
            template_kwargs: ``metadata``, a mapping that wins over what plugins find, and further arguments, which
                win over what plugins give.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            PluginError: If a plugin fails, or two contradict each other.
        """
        metadata, explicit = _split(template_kwargs)
        return self._params(self._prepare(dag, metadata), explicit)[0]

    @pause_gc()
    def create_template(self, dag: DAGLike | None = None, **template_kwargs: Any) -> DynamicPipelineTemplate:
        """An instance of the template class for ``dag``; see :meth:`create_template_params`."""
        metadata, explicit = _split(template_kwargs)
        return self._template(self._prepare(dag, metadata), explicit)

    @pause_gc()
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
        with self._lock:
            if self._once is None:
                self._once = self._read()
            return self._once

    @pause_gc()
    def _read(self) -> _Loaded:
        sink = DiagnosticSink()
        opened = open_config(self.config_path, sink, env=self.env)
        if opened is None:
            return _Loaded(None, PluginSet(), tuple(sink.diagnostics))
        request = replace(self.plugin_request, required=self.required_plugins)
        none = request.none and not request.required
        installed = InstalledPlugins(()) if none else scan_plugins()
        selection = select_plugins(request, opened.plugins, installed, os.environ)
        options = {} if none else opened.plugins.options
        if not none:
            self._warn_of_disabled(opened, installed, sink)
        plugins = configure_plugins(selection, options, installed, opened.source.locate, sink)
        config = read_config(opened, sink, StepCatalog(collect_step_types(plugins)))
        return _Loaded(config, plugins, tuple(sink.diagnostics))

    def _warn_of_disabled(
        self, opened: OpenedConfig, installed: InstalledPlugins, sink: DiagnosticSink
    ) -> None:
        """A name that is misspelt turns nothing off, and nobody would notice."""
        places: list[tuple[str, Location | None]] = [(name, None) for name in self.plugin_request.disabled]
        for index, name in enumerate(opened.plugins.disable):
            places.append((name, opened.source.locate(("plugins", "disable", index))))
        for name, location in places:
            if name not in installed.names:
                hint = did_you_mean(name, installed.names)
                message = f"there is no plugin {name!r} to leave out"
                sink.warn(message, location, code="plugin.unknown", hint=hint)

    def _prepare(self, dag: DAGLike | None, metadata: Mapping[str, Any]) -> _Prepared:
        sink = DiagnosticSink()
        prepared = self._prepare_into(sink, dag, metadata)
        if prepared is not None and sink.errors:
            self._collect_later_errors(prepared, metadata, sink)
        sink.raise_errors()
        if prepared is None:
            raise AssertionError("a config and a DAG without errors can be read")
        return prepared

    def _prepare_into(
        self, sink: DiagnosticSink, dag: DAGLike | None, metadata: Mapping[str, Any]
    ) -> _Prepared | None:
        loaded = self._load()
        sink.extend(loaded.diagnostics)
        graph = self._dag(dag, loaded.config, sink)
        if loaded.config is None or graph is None:
            return None
        found = Metadata()
        # Plugins are to see what the user meant, not what is wrong with it.
        if not sink.errors:
            with sink.collecting():
                found = extract_metadata(loaded.plugins, loaded.config, graph, self._stated(metadata))
        return _Prepared(graph, loaded.config, loaded.plugins, found)

    def _collect_later_errors(
        self, prepared: _Prepared, metadata: Mapping[str, Any], sink: DiagnosticSink
    ) -> None:
        """One run reports everything: what can be lowered is, for the mistakes in it."""
        plugins = prepared.plugins
        try:
            found = Metadata()
            with sink.collecting():
                found = extract_metadata(plugins, prepared.config, prepared.dag, self._stated(metadata))
            with sink.collecting():
                params, given = self._params(replace(prepared, metadata=found), {})
                instantiate(DynamicPipelineTemplate, params, plugins, given).compile_into(sink)
        except PluginError as error:
            # A plugin may trip over what is wrong already. It is asked again when that is mended.
            logger.debug("mistakes of later stages were not looked for: %s", error)

    def _stated(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The metadata that the caller gives: of one call over those of the compiler."""
        return {**self.metadata, **{key: value for key, value in metadata.items() if value is not None}}

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
        return CLASS_CACHE.get(self.template_class, prepared.plugins, prepared.metadata.values)

    def _template(self, prepared: _Prepared, explicit: Mapping[str, Any]) -> DynamicPipelineTemplate:
        params, given = self._params(prepared, explicit)
        template: DynamicPipelineTemplate = instantiate(
            self._decorated(prepared), params, prepared.plugins, given
        )
        return template

    def _params(
        self, prepared: _Prepared, explicit: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The arguments of the template's constructor, and by name the plugin that gave one."""
        metadata = prepared.metadata
        own = {
            "dag": prepared.dag,
            "config": prepared.config,
            "sagemaker_session": self.sagemaker_session,
            "execution_role": self.role,
            "plugins": prepared.plugins,
            "metadata": metadata,
        }
        params, owners, changes = build_template_params(prepared.plugins, prepared.dag, own, metadata)
        changes = tuple(change for change in changes if change.path[1] not in explicit)
        params["metadata"] = replace(metadata, changes=metadata.changes + changes)
        given = {name: plugin for name, plugin in owners.items() if name not in explicit}
        return {**params, **explicit}, given


def _split(template_kwargs: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Explicit metadata, and the other arguments."""
    rest = dict(template_kwargs)
    metadata = rest.pop("metadata", None)
    if not isinstance(metadata, (Mapping, type(None))):
        raise TypeError(f"metadata is a mapping of keys to JSON data, got {metadata!r}")
    return metadata or {}, rest


def compile_dag_to_pipeline(
    dag: DAGLike | None,
    config_path: ConfigLike,
    sagemaker_session: Any = None,
    role: str | None = None,
    **kwargs: Any,
) -> Pipeline:
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
