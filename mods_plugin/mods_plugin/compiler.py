"""The compiler of MODS: dagcast's, with the ``mods`` plugin always selected and MODS' names for metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast import DynamicPipelineTemplate, PipelineDAGCompiler
from dagcast.plugin import ConfigLike, PipelineDAG
from mods_plugin.failure import PLUGIN
from mods_plugin.metadata import FIELDS
from mods_plugin.options import ModsOptions

if TYPE_CHECKING:
    from dagcast import Pipeline

DAGLike = PipelineDAG | str | os.PathLike[str] | Mapping[str, Any]


class MODSPipelineDAGCompiler(PipelineDAGCompiler):
    """Compiles DAGs with one config for MODS.

    Args:
        config_path: A config file (YAML, JSON or TOML), or the same content as a mapping or pydantic model.
        sagemaker_session: The session that pipelines will use; one is made on first use if left out.
        role: ARN of the role that steps run with; wins over the config's.
        kwargs: ``env``, ``plugins`` and ``metadata`` of the standard compiler, and metadata by name (``author``,
            ``version``, ``description``, ``module``, ``name``, ``package_name``, ``commit_id``), which win over what
            is found. The ``mods`` plugin runs whatever ``plugins`` says, before the others.
    """

    required_plugins: ClassVar[tuple[str, ...]] = (PLUGIN,)

    def __init__(
        self, config_path: ConfigLike, sagemaker_session: Any = None, role: str | None = None, **kwargs: Any
    ) -> None:
        stated = {field: kwargs.pop(field) for field in FIELDS if field in kwargs}
        metadata = {**(kwargs.pop("metadata", None) or {}), **stated}
        super().__init__(config_path, sagemaker_session, role, metadata=metadata, **kwargs)

    # MODS names three fields; the standard compiler takes any.
    def create_decorated_class(  # type: ignore[override]
        self,
        dag: DAGLike | None = None,
        author: str | None = None,
        version: str | None = None,
        description: str | None = None,
    ) -> type[DynamicPipelineTemplate]:
        """The template class that makes the pipeline, decorated for MODS, for those who instantiate it themselves.

        Args:
            dag: The DAG; the config's own ``edges`` if left out.
            author: Wins over what is found.
            version: Wins over what is found.
            description: Wins over what is found.

        Raises:
            InvalidInputError: With every mistake in the DAG, the config and the metadata.
            PluginError: If a plugin cannot decorate the class.
        """
        return super().create_decorated_class(dag, author=author, version=version, description=description)

    def compile_and_fill_execution_doc(
        self, dag: DAGLike | None, execution_doc: Mapping[str, Any] | str | os.PathLike[str], **kwargs: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The pipeline of ``dag``, and the execution document with the step configs of the config filled in.

        Args:
            dag: The DAG; the config's own ``edges`` for ``None``.
            execution_doc: The document, or a JSON, YAML or TOML file that holds it. What it holds is kept.
            kwargs: Further arguments for the template's constructor.

        Returns:
            The SageMaker SDK's ``Pipeline``, and the filled document, a new one.

        Raises:
            InvalidInputError: With every mistake in the DAG and the config, or every one in the document: steps that
                the pipeline does not have, steps of another type, and step configs that are missing.
            PluginError: If a plugin is missing, broken, or fails.
            SDKError: If the installed SDK cannot emit a step, or none is installed.
        """
        from mods_plugin.execution_document import declared_entries, fill

        pipeline = self.compile(dag, **kwargs)
        options = next(active.options for active in self.plugins.plugins if active.name == PLUGIN)
        if not isinstance(options, ModsOptions):
            raise AssertionError("a config that compiles has options that are right")
        return pipeline, fill(execution_doc, pipeline, declared_entries(self.load(), options))


def compile_mods_dag_to_pipeline(
    dag: DAGLike | None,
    config_path: ConfigLike,
    sagemaker_session: Any = None,
    role: str | None = None,
    **kwargs: Any,
) -> Pipeline:
    """Compile one DAG for MODS; see :class:`MODSPipelineDAGCompiler`.

    Args:
        dag: The DAG, or a file or mapping that holds it; the config's own ``edges`` for ``None``.
        config_path: The config.
        sagemaker_session: The session that the pipeline will use.
        role: ARN of the role that steps run with.
        kwargs: Further arguments of :class:`MODSPipelineDAGCompiler`.

    Returns:
        The SageMaker SDK's ``Pipeline``.

    Raises:
        InvalidInputError: With every mistake in the DAG, the config and the metadata.
        PluginError: If a plugin is missing, broken, or fails.
        SDKError: If the installed SDK cannot emit a step, or none is installed.
    """
    return MODSPipelineDAGCompiler(config_path, sagemaker_session, role, **kwargs).compile(dag)
