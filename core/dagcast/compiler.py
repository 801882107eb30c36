"""The compiler class: compiles a DAG and a config to the SDK's ``Pipeline``, through a template class."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast.check.ignored_rules import group_ignored
from dagcast.compile.compile_pipeline import Compilation
from dagcast.compile.config.config import ConfigLike, PipelineConfig
from dagcast.compile.config.models import BasePipelineConfig
from dagcast.compile.config.pipeline_dag import DAGLike, read_dag
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.metadata import Metadata
from dagcast.debug_log import log_debug
from dagcast.errors import Diagnostic, DiagnosticSink, IgnoredRule, PluginError
from dagcast.frozen_dataclass import dataclass
from dagcast.gc_pause import pause_gc
from dagcast.plugins.call_hooks import extract_metadata, notify_compiled
from dagcast.plugins.decorate import CLASS_CACHE, instantiate
from dagcast.plugins.foreign_output import foreign_output
from dagcast.plugins.load_config import LoadedConfig, load_config
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.verify_compiled import compile_verified, template_errors, verify_pipeline
from dagcast.staging.code_limit import CodeLimit
from dagcast.template import DynamicPipelineTemplate, PipelineTemplateBase
from dagcast.template_call import (
    PreparedDAG,
    TemplateCall,
    build_params,
    current_call,
    sharing,
    split_metadata,
)

if TYPE_CHECKING:
    from dagcast.sagemaker.pipeline_protocol import Pipeline


@dataclass(frozen=True)
class ValidationResult:
    """The diagnostics of a DAG and a config.

    Attributes:
        errors: The errors, which prevent a compile.
        warnings: The warnings.
        policies: The files of the site policy that holds, as in the compile report.
        ignored: The rules that the config ignores, and what they would report.
    """

    errors: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    policies: tuple[Mapping[str, Any], ...] = ()
    ignored: tuple[IgnoredRule, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether there are no errors."""
        return not self.errors


class PipelineDAGCompiler:
    """Compiles DAGs with one config.

    Config and plugins are read once, when they are first needed.

    Args:
        config_path: A config file (YAML, JSON or TOML), or the same content as a mapping or pydantic model.
        sagemaker_session: The session of the pipelines. Default: one that is created when it is first needed.
        role: ARN of the role that steps run with; overrides the config's.
        env: The environment of the config to merge over it.
        plugins: Names of installed plugins and plugin objects, in order; ``[]`` for no plugins. Default: the plugins
            that the environment variable ``DAGCAST_PLUGINS`` or the config selects, or those that are active on
            installation.
        metadata: Metadata of every pipeline; overrides the metadata of plugins.

    Example:
        >>> config = {
        ...     "pipeline": {"name": "demo", "role": "arn:aws:iam::123456789012:role/Role", "bucket": "my-bucket"},
        ...     "steps": {"stop": {"type": "Fail", "error_message": "no data"}},
        ... }
        >>> compiler = PipelineDAGCompiler(config, plugins=[])
        >>> compiler.validate().is_valid
        True
        >>> [step.name for step in compiler.compile_definition().spec.steps]
        ['stop']
    """

    template_class: ClassVar[type[DynamicPipelineTemplate]] = DynamicPipelineTemplate
    """The class that plugins decorate."""

    required_plugins: ClassVar[tuple[str, ...]] = ()
    """Plugins that always run, before the selected ones; for compilers of one plugin."""

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
        self.code_limit: CodeLimit | None = None
        """The only code that may be staged, for a config that is not trusted. Set it before the first compile."""
        self.local = False
        """Whether the pipeline is compiled to run on this machine alone: stand-ins replace a role, a bucket and images
        that the config lacks. Set it before the first compile."""
        self._loaded_config: LoadedConfig | None = None
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        config = self.config_path
        shown = f" {os.fspath(config)}" if isinstance(config, str | os.PathLike) else ""
        env = f" env={self.env!r}" if self.env is not None else ""
        return f"<{type(self).__name__}{shown}{env}>"

    def compile(self, dag: DAGLike | None = None, **kwargs: Any) -> Pipeline:
        """Compile a DAG to a pipeline.

        Args:
            dag: The DAG, or a file or mapping that contains it. Default: the ``edges`` of the config.
            kwargs: ``metadata``, a mapping that overrides the metadata of plugins, and further arguments for the
                template's constructor.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin is missing, broken, or fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.

        Example:
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
            >>> [step.name for step in PipelineDAGCompiler(config, plugins=[]).compile().steps]
            ['stop']
        """
        return self.compile_with_report(dag, **kwargs)[0]

    @pause_gc()
    @foreign_output()
    def compile_with_report(
        self, dag: DAGLike | None = None, **kwargs: Any
    ) -> tuple[Pipeline, CompileReport]:
        """Compile a DAG, and return the pipeline and the compile report; see :meth:`compile`.

        Example:
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
            >>> pipeline, report = PipelineDAGCompiler(config, plugins=[]).compile_with_report()
            >>> report.pipeline, len(report.digest)
            ('hello', 64)
        """
        template = self.create_template(dag, **kwargs)
        with template_errors(template):
            pipeline = template.generate_pipeline()
        report = compile_verified(template).report
        verify_pipeline(template, pipeline)
        notify_compiled(template.plugins, pipeline, report)
        return pipeline, report

    @pause_gc()
    @foreign_output()
    def compile_definition(self, dag: DAGLike | None = None, **kwargs: Any) -> Compilation:
        """Compile a DAG to its definition JSON, without importing the SDK; see :meth:`compile`.

        Returns:
            The definition with its spec and its report.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin is missing, broken, or fails.

        Example:
            >>> import json
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
            >>> compilation = PipelineDAGCompiler(config, plugins=[]).compile_definition()
            >>> json.loads(compilation.definition)["Steps"]
            [{'Name': 'stop', 'Type': 'Fail', 'Arguments': {'ErrorMessage': 'no'}}]
        """
        template = self.create_template(dag, **kwargs)
        compilation = compile_verified(template, template.generate_definition)
        notify_compiled(template.plugins, None, compilation.report)
        if any(template.plugins.implementing("pipeline_compiled")):
            # A plugin may have kept the compilation since the template class returned it.
            compile_verified(template, lambda: compilation)
        return compilation

    @pause_gc()
    @foreign_output()
    def validate(self, dag: DAGLike | None = None) -> ValidationResult:
        """Return every error and warning of a DAG and the config, without raising InvalidInputError.

        Unless the compiler was made with an environment, all environments of the config are checked. A mistake that
        only one of them has names it.

        Args:
            dag: As for :meth:`compile`.

        Raises:
            PluginError: If a plugin is missing, broken, or fails.

        Example:
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_mesage": "no"}}}
            >>> [item.code for item in PipelineDAGCompiler(config, plugins=[]).validate().errors]
            ['config.unknown-field']
        """
        sink = DiagnosticSink()
        self._validate_into(sink, dag)
        config = self._load().config
        if self.env is None and config is not None:
            known, ignored = set(sink.diagnostics), set(sink.ignored)
            for name in config.source.environments:
                with_env = copy.copy(self)
                with_env.env, with_env._loaded_config, with_env._lock = name, None, threading.RLock()
                found = DiagnosticSink()
                with_env._validate_into(found, dag)
                for item in found.diagnostics:
                    if item not in known:
                        sink.extend([replace(item, message=f"environment {name!r}: {item.message}")])
                for item in found.ignored:
                    if item not in ignored:
                        sink.ignore(replace(item, message=f"environment {name!r}: {item.message}"))
        rules = group_ignored(config.ignore_rules if config is not None else {}, sink.ignored)
        return ValidationResult(sink.errors, sink.warnings, self._load().plugins.policy.as_data(), rules)

    def _validate_into(self, sink: DiagnosticSink, dag: DAGLike | None) -> None:
        """Collect every error and warning with the compiler's own environment."""
        prepared = self._prepare_into(sink, dag, {})
        if prepared is not None and sink.errors:
            self._collect_later_errors(prepared, {}, sink)
        elif prepared is not None:
            with sink.collecting(), sharing(TemplateCall(self, dag, {}, prepared)):
                template = self.create_template(dag)
                compile_verified(template, lambda: template.compile_into(sink))

    @pause_gc()
    @foreign_output()
    def create_decorated_class(
        self, dag: DAGLike | None = None, **metadata: Any
    ) -> type[DynamicPipelineTemplate]:
        """Return the template class, decorated by the plugins.

        Args:
            dag: As for :meth:`compile`.
            metadata: Metadata that overrides the metadata of plugins.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin cannot decorate the class.

        Example:
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
            >>> compiler = PipelineDAGCompiler(config, plugins=[])
            >>> template_class = compiler.create_decorated_class()
            >>> template_class(**compiler.create_template_params()).generate_pipeline().name
            'hello'
        """
        call = current_call(self, dag)
        if call is None:
            return self._decorate_class(self._prepare(dag, metadata))
        stated = {key: value for key, value in metadata.items() if value is not None}
        if stated:
            call.prepared = self._prepare(dag, {**call.metadata, **stated})
        return self._decorate_class(call.prepared)

    @pause_gc()
    @foreign_output()
    def create_template_params(self, dag: DAGLike | None = None, **template_kwargs: Any) -> dict[str, Any]:
        """Return the arguments for the template's constructor.

        Args:
            dag: As for :meth:`compile`.
            template_kwargs: ``metadata``, a mapping that overrides the metadata of plugins, and further arguments,
                which override the arguments of plugins.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin fails, or two contradict each other.

        Example:
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
            >>> sorted(PipelineDAGCompiler(config, plugins=[]).create_template_params())
            ['config', 'dag', 'execution_role', 'metadata', 'plugins', 'sagemaker_session']
        """
        metadata, explicit = split_metadata(template_kwargs)
        call = current_call(self, dag)
        if call is None or metadata != call.metadata:
            return self._build_params(self._prepare(dag, metadata), explicit)[0]
        params, call.owners = self._build_params(call.prepared, explicit)
        return params

    @pause_gc()
    @foreign_output()
    def create_template(self, dag: DAGLike | None = None, **template_kwargs: Any) -> DynamicPipelineTemplate:
        """Return an instance of the template class for a DAG.

        The class is that of :meth:`create_decorated_class`, and the arguments are those of
        :meth:`create_template_params`. Subclasses may override both.

        Args:
            dag: As for :meth:`compile`.
            template_kwargs: As for :meth:`create_template_params`.

        Raises:
            InvalidInputError: With every error in the DAG and the config.
            PluginError: If a plugin fails, or its template class does not hold what it was given.
            TypeError: If the template's constructor does not accept an argument of ``template_kwargs``.

        Example:
            >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
            >>> PipelineDAGCompiler(config, plugins=[]).create_template().dag.nodes
            ['stop']
        """
        metadata, explicit = split_metadata(template_kwargs)
        call = current_call(self, dag)
        if call is None or metadata != call.metadata:
            call = TemplateCall(self, dag, metadata, self._prepare(dag, metadata))
        with sharing(call):
            template_class = self.create_decorated_class(dag)
            params = self.create_template_params(dag, **template_kwargs)
        if params.get("plugins") is not call.prepared.plugins:
            raise TypeError("the arguments of the template hold other plugins than the selected ones")
        template: DynamicPipelineTemplate = instantiate(
            template_class, params, call.prepared.plugins, call.owners, explicit=tuple(explicit)
        )
        return template

    @pause_gc()
    @foreign_output()
    def load(self) -> PipelineConfig:
        """Return the typed config.

        Raises:
            InvalidInputError: With every error in the config.
            PluginError: If a plugin is missing or broken.

        Example:
            >>> PipelineDAGCompiler({"pipeline": {"name": "hello"}}, plugins=[]).load().pipeline.name
            'hello'
        """
        loaded = self._load()
        DiagnosticSink(list(loaded.diagnostics)).raise_errors()
        if loaded.config is None:
            raise AssertionError("no config, and no errors")
        return loaded.config

    @property
    def plugins(self) -> PluginSet:
        """The plugins that run, in order.

        Raises:
            InvalidInputError: If the config or a site policy cannot be read, or the selection contradicts the policy.
            PluginError: If a plugin is missing or broken.
        """
        loaded = self._load()
        if loaded.config is None:
            DiagnosticSink(list(loaded.diagnostics)).raise_errors()
        return loaded.plugins

    def _get_base_config(self) -> BasePipelineConfig:
        """Return the ``pipeline`` section of the config. Subclasses may override it: each compile uses the result."""
        return self.load().pipeline

    def _load(self) -> LoadedConfig:
        with self._lock:
            if self._loaded_config is None:
                request = replace(self.plugin_request, required=self.required_plugins)
                self._loaded_config = load_config(
                    self.config_path, request, env=self.env, code_limit=self.code_limit, local=self.local
                )
            return self._loaded_config

    def _prepare(self, dag: DAGLike | None, metadata: Mapping[str, Any]) -> PreparedDAG:
        sink = DiagnosticSink()
        prepared = self._prepare_into(sink, dag, metadata)
        if prepared is not None and sink.errors:
            self._collect_later_errors(prepared, metadata, sink)
        config = self._load().config
        sink.raise_errors(group_ignored(config.ignore_rules, sink.ignored) if config is not None else ())
        if prepared is None:
            raise AssertionError("no config or DAG, and no errors")
        return prepared

    def _prepare_into(
        self, sink: DiagnosticSink, dag: DAGLike | None, metadata: Mapping[str, Any]
    ) -> PreparedDAG | None:
        loaded = self._load()
        sink.extend(loaded.diagnostics)
        config = loaded.config
        graph = None
        if dag is not None:
            graph = read_dag(dag, sink)
        elif config is not None:
            graph = config.dag
        if config is None or graph is None:
            return None
        found = Metadata()
        # Plugins receive valid input only.
        if not sink.errors:
            base = self._get_base_config()
            if not isinstance(base, BasePipelineConfig):
                raise TypeError(f"_get_base_config() returned {base!r}, expected a BasePipelineConfig")
            if base is not config.pipeline:
                config = replace(config, pipeline=base)
            with sink.collecting():
                found = extract_metadata(loaded.plugins, config, graph, self._explicit_metadata(metadata))
        return PreparedDAG(graph, config, loaded.plugins, found)

    def _collect_later_errors(
        self, prepared: PreparedDAG, metadata: Mapping[str, Any], sink: DiagnosticSink
    ) -> None:
        """Lower whatever can be lowered, so that one compile also reports the errors of later stages."""
        plugins = prepared.plugins
        try:
            found = Metadata()
            with sink.collecting():
                found = extract_metadata(
                    plugins, prepared.config, prepared.dag, self._explicit_metadata(metadata)
                )
            with sink.collecting():
                params, given = self._build_params(replace(prepared, metadata=found), {})
                instantiate(DynamicPipelineTemplate, params, plugins, given).compile_into(sink)
        except PluginError as error:
            # A plugin may fail because the input is invalid. It is called again when the input is valid.
            log_debug(__name__, "errors of later stages are not collected: %s", error)

    def _explicit_metadata(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return the compiler's metadata, overridden by the metadata of one call."""
        return {**self.metadata, **{key: value for key, value in metadata.items() if value is not None}}

    def _decorate_class(self, prepared: PreparedDAG) -> type[DynamicPipelineTemplate]:
        return CLASS_CACHE.get(self.template_class, prepared.plugins, prepared.metadata.values)

    def _build_params(
        self, prepared: PreparedDAG, explicit: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Mapping[str, str]]:
        return build_params(prepared, explicit, session=self.sagemaker_session, role=self.role)


def compile_dag_to_pipeline(
    dag: DAGLike | None,
    config_path: ConfigLike,
    sagemaker_session: Any = None,
    role: str | None = None,
    **kwargs: Any,
) -> Pipeline:
    """Compile one DAG; see :class:`PipelineDAGCompiler`.

    Args:
        dag: The DAG, or a file or mapping that contains it; ``None`` for the ``edges`` of the config.
        config_path: The config.
        sagemaker_session: The session of the pipeline.
        role: ARN of the role that steps run with.
        kwargs: ``env``, ``plugins``, and further arguments of :class:`PipelineDAGCompiler`.

    Returns:
        The SageMaker SDK's ``Pipeline``.

    Raises:
        InvalidInputError: With every error in the DAG and the config.
        SDKError: If the installed SDK cannot emit a step, or none is installed.

    Example:
        >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "no"}}}
        >>> compile_dag_to_pipeline(None, config, plugins=[]).name
        'hello'
    """
    return PipelineDAGCompiler(config_path, sagemaker_session, role, **kwargs).compile(dag)


__all__ = ["PipelineDAGCompiler", "PipelineTemplateBase", "ValidationResult", "compile_dag_to_pipeline"]
