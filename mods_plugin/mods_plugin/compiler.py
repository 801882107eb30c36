"""The compiler of MODS: dagcast's compiler with the ``mods`` plugin selected and MODS' names for metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast import DynamicPipelineTemplate, PipelineDAGCompiler
from dagcast.plugin import ConfigLike, DAGLike
from mods_plugin.errors import PLUGIN_NAME
from mods_plugin.metadata import FIELDS
from mods_plugin.options import ModsOptions

if TYPE_CHECKING:
    from dagcast import Pipeline


class MODSPipelineDAGCompiler(PipelineDAGCompiler):
    """Compiles DAGs with one config for MODS.

    Args:
        config_path: A config file (YAML, JSON or TOML), or its content as a mapping or pydantic model.
        sagemaker_session: The session of pipelines; the default is created on first use.
        role: ARN of the role of steps; overrides the config's.
        kwargs: ``env``, ``plugins`` and ``metadata`` of the standard compiler, and metadata by name (``author``,
            ``version``, ``description``, ``module``, ``name``, ``package_name``, ``commit_id``), which override other
            sources. The ``mods`` plugin always runs, before all others.

    Example:
        >>> config = {
        ...     "pipeline": {"name": "churn", "author": "risk", "version": "1.4.0", "description": "Churn."},
        ...     "steps": {"stop": {"type": "Fail", "error_message": "not ready"}},
        ... }
        >>> compiler = MODSPipelineDAGCompiler(config, version="2.0.0")
        >>> compiler.create_decorated_class().extract_version()
        '2.0.0'
        >>> compiler.compile().name
        'churn'
    """

    required_plugins: ClassVar[tuple[str, ...]] = (PLUGIN_NAME,)

    def __init__(
        self, config_path: ConfigLike, sagemaker_session: Any = None, role: str | None = None, **kwargs: Any
    ) -> None:
        stated = {field: kwargs.pop(field) for field in FIELDS if field in kwargs}
        metadata = {**(kwargs.pop("metadata", None) or {}), **stated}
        super().__init__(config_path, sagemaker_session, role, metadata=metadata, **kwargs)

    # MODS has three parameters for metadata; the standard compiler accepts any keyword.
    def create_decorated_class(  # type: ignore[override]
        self,
        dag: DAGLike | None = None,
        author: str | None = None,
        version: str | None = None,
        description: str | None = None,
    ) -> type[DynamicPipelineTemplate]:
        """Return the template class of the pipeline, decorated for MODS; the caller instantiates it.

        Args:
            dag: The DAG; the default is the config's own ``edges``.
            author: Overrides the author from other sources.
            version: Overrides the version from other sources.
            description: Overrides the description from other sources.

        Returns:
            A subclass of the compiler's template class with the static methods of :class:`MODSTemplateInner`.

        Raises:
            InvalidInputError: With every mistake in the DAG, the config and the metadata.
            PluginError: If a plugin cannot decorate the class.
        """
        return super().create_decorated_class(dag, author=author, version=version, description=description)

    def compile_and_fill_execution_doc(
        self, dag: DAGLike | None, execution_doc: Mapping[str, Any] | str | os.PathLike[str], **kwargs: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Compile ``dag`` and fill the execution document with the step configs of the config.

        Args:
            dag: The DAG; ``None`` for the config's own ``edges``.
            execution_doc: The document, or a JSON, YAML or TOML file that contains it. Existing values are kept.
            kwargs: Further arguments for the template's constructor.

        Returns:
            The SageMaker SDK's ``Pipeline``, and the filled document as a new mapping.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config, or every mistake in the document: unknown
                steps, steps of another type, and missing step configs.
            PluginError: If a plugin is missing, broken, or fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        from mods_plugin.execution_document import declared_entries, fill_execution_document

        pipeline = self.compile(dag, **kwargs)
        options = next(active.options for active in self.plugins.plugins if active.name == PLUGIN_NAME)
        if not isinstance(options, ModsOptions):
            raise AssertionError("a config that compiles has valid options")
        return pipeline, fill_execution_document(
            execution_doc, pipeline, declared_entries(self.load(), options)
        )


def compile_mods_dag_to_pipeline(
    dag: DAGLike | None,
    config_path: ConfigLike,
    sagemaker_session: Any = None,
    role: str | None = None,
    **kwargs: Any,
) -> Pipeline:
    """Compile one DAG for MODS; see :class:`MODSPipelineDAGCompiler`.

    Args:
        dag: The DAG, or a file or mapping that contains it; ``None`` for the config's own ``edges``.
        config_path: The config.
        sagemaker_session: The session of the pipeline.
        role: ARN of the role of steps.
        kwargs: Further arguments of :class:`MODSPipelineDAGCompiler`.

    Returns:
        The SageMaker SDK's ``Pipeline``.

    Raises:
        InvalidInputError: With every mistake in the DAG, the config and the metadata.
        PluginError: If a plugin is missing, broken, or fails.
        SDKError: If the installed SDK cannot emit a step, or none is installed.

    Example:
        >>> config = {
        ...     "pipeline": {"name": "churn", "author": "risk", "version": "1.4.0", "description": "Churn."},
        ...     "steps": {"stop": {"type": "Fail", "error_message": "not ready"}},
        ... }
        >>> compile_mods_dag_to_pipeline(None, config).name
        'churn'
    """
    return MODSPipelineDAGCompiler(config_path, sagemaker_session, role, **kwargs).compile(dag)
