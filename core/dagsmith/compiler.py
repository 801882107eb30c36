"""The compiler: from a DAG and a config to the SDK's ``Pipeline``, by way of a template class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagsmith.dag import PipelineDAG
from dagsmith.errors import Diagnostic, DiagnosticSink, InvalidInputError
from dagsmith.load.config import ConfigLike, PipelineConfig, load_config
from dagsmith.load.models import BasePipelineConfig
from dagsmith.report import CompileReport
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


class PipelineDAGCompiler:
    """Compiles DAGs with one config.

    The config is read when it is first needed, and once.

    Args:
        config_path: A config file (YAML, JSON or TOML), or the same content as a mapping or pydantic model.
        sagemaker_session: The session that pipelines will use; one is made on first use if left out.
        role: ARN of the role that steps run with; wins over the config's.
        env: The environment of the config to lay over it.
    """

    def __init__(
        self,
        config_path: ConfigLike,
        sagemaker_session: Any = None,
        role: str | None = None,
        *,
        env: str | None = None,
    ) -> None:
        self.config_path = config_path
        self.sagemaker_session = sagemaker_session
        self.role = role
        self.env = env
        self._config: tuple[PipelineConfig | None, DiagnosticSink] | None = None

    def compile(self, dag: DAGLike | None = None, **kwargs: Any) -> Any:
        """The pipeline of ``dag``.

        Args:
            dag: The DAG, or a file or mapping that holds it; the config's own ``edges`` if left out.
            kwargs: Further arguments for the template's constructor.

        Returns:
            The SageMaker SDK's ``Pipeline``.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        return self.create_template(dag, **kwargs).generate_pipeline()

    def compile_with_report(self, dag: DAGLike | None = None, **kwargs: Any) -> tuple[Any, CompileReport]:
        """The pipeline of ``dag``, and the report of how it came about; see :meth:`compile`."""
        template = self.create_template(dag, **kwargs)
        return template.generate_pipeline(), template.report

    def compile_definition(self, dag: DAGLike | None = None, **kwargs: Any) -> Compilation:
        """The definition JSON of ``dag`` with its report, made without importing the SDK.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config.
        """
        return self.create_template(dag, **kwargs).compilation

    def validate(self, dag: DAGLike | None = None) -> ValidationResult:
        """Everything that is wrong with ``dag`` and the config; nothing is raised for it."""
        config, loaded = self._loaded()
        sink = DiagnosticSink(list(loaded.diagnostics))
        graph = None
        try:
            graph = self._dag(dag, config)
        except InvalidInputError as error:
            sink.extend(error.diagnostics)
        if config is not None and graph is not None:
            template = self._instantiate(graph, config)
            template.compile_into(sink)
        return ValidationResult(sink.errors, sink.warnings)

    def create_decorated_class(self, dag: DAGLike | None = None, **metadata: Any) -> type[DynamicPipelineTemplate]:
        """The template class that makes the pipeline."""
        return DynamicPipelineTemplate

    def create_template_params(self, dag: DAGLike | None = None, **template_kwargs: Any) -> dict[str, Any]:
        """Everything that the template's constructor takes.

        Raises:
            InvalidInputError: With every mistake in the config itself.
        """
        config, loaded = self._loaded()
        sink = DiagnosticSink(list(loaded.diagnostics))
        graph = None
        try:
            graph = self._dag(dag, config)
        except InvalidInputError as error:
            sink.extend(error.diagnostics)
        if sink.errors:
            # One run reports everything: what can be lowered is, for the mistakes in it.
            if config is not None and graph is not None:
                self._instantiate(graph, config).compile_into(sink)
            sink.raise_errors()
        return {**self._params(graph, config), **template_kwargs}

    def create_template(self, dag: DAGLike | None = None, **template_kwargs: Any) -> DynamicPipelineTemplate:
        """An instance of the template class for ``dag``."""
        template_class = self.create_decorated_class(dag)
        return template_class(**self.create_template_params(dag, **template_kwargs))

    def load(self) -> PipelineConfig:
        """The typed config.

        Raises:
            InvalidInputError: With every mistake in it.
        """
        config, sink = self._loaded()
        sink.raise_errors()
        if config is None:
            raise AssertionError("a config without errors can be read")
        return config

    def _get_base_config(self) -> BasePipelineConfig:
        return self.load().pipeline

    def _loaded(self) -> tuple[PipelineConfig | None, DiagnosticSink]:
        if self._config is None:
            sink = DiagnosticSink()
            self._config = load_config(self.config_path, sink, env=self.env), sink
        return self._config

    def _dag(self, dag: DAGLike | None, config: PipelineConfig | None) -> PipelineDAG | None:
        if dag is None:
            return config.dag if config is not None else None
        if isinstance(dag, PipelineDAG):
            return dag
        return PipelineDAG.from_dict(dag) if isinstance(dag, Mapping) else PipelineDAG.load(dag)

    def _params(self, dag: PipelineDAG | None, config: PipelineConfig | None) -> dict[str, Any]:
        return {
            "dag": dag,
            "config": config,
            "sagemaker_session": self.sagemaker_session,
            "execution_role": self.role,
        }

    def _instantiate(self, dag: PipelineDAG, config: PipelineConfig) -> DynamicPipelineTemplate:
        return DynamicPipelineTemplate(**self._params(dag, config))


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
        kwargs: ``env``, and further arguments of :class:`PipelineDAGCompiler`.

    Returns:
        The SageMaker SDK's ``Pipeline``.

    Raises:
        InvalidInputError: With every mistake in the DAG and the config.
        SDKError: If the installed SDK cannot emit a step, or none is installed.
    """
    return PipelineDAGCompiler(config_path, sagemaker_session, role, **kwargs).compile(dag)


__all__ = ["PipelineDAGCompiler", "PipelineTemplateBase", "ValidationResult", "compile_dag_to_pipeline"]
