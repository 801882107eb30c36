"""Importable template classes, with the constructor that MODS' launcher calls."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast import DynamicPipelineTemplate
from dagcast.plugin import ConfigLike, DAGLike, notify_compiled
from mods_plugin.compiler import MODSPipelineDAGCompiler
from mods_plugin.metadata import MODULE, NAME, find_problem
from mods_plugin.regional_aliases import DEFAULT_ALIAS, find_environment

if TYPE_CHECKING:
    from dagcast import Pipeline


def build_mods_template_class(
    dag: DAGLike | None,
    config_path: ConfigLike,
    *,
    name: str | None = None,
    module: str | None = None,
    author: str | None = None,
    version: str | None = None,
    description: str | None = None,
    plugins: Iterable[Any] | None = None,
) -> type[DynamicPipelineTemplate]:
    """Return a template class that MODS' launcher can import and instantiate.

    Its constructor is ``(sagemaker_session=None, execution_role=None, regional_alias="NA")``. The regional alias
    selects an environment of the config: the one in ``plugins.options.mods.regional_aliases``, or one with the
    alias as its name, ignoring case. ``NA`` without an environment is the config itself. The metadata of the class
    are those of ``NA``.

    Args:
        dag: The DAG, or a file or mapping that contains it; ``None`` for the config's own ``edges``.
        config_path: The config. A relative path starts from the launcher's working directory: write
            ``Path(__file__).with_name("pipeline.yaml")``.
        name: The variable that the class is assigned to; the default is made from the pipeline's name.
        module: The module of that variable; the default is the caller's.
        author: Overrides the author from other sources.
        version: Overrides the version from other sources.
        description: Overrides the description from other sources.
        plugins: Names of plugins and plugin objects, in order; the ``mods`` plugin always runs.

    Raises:
        InvalidInputError: With every mistake in the DAG, the config and the metadata.
        PluginError: If a plugin is missing, broken, or cannot decorate the class.
        ValueError: If name or module is not a valid Python name.

    Example:
        >>> config = {
        ...     "pipeline": {"name": "churn", "author": "risk", "version": "1.4.0", "description": "Churn."},
        ...     "steps": {"stop": {"type": "Fail", "error_message": "not ready"}},
        ... }
        >>> ChurnTemplate = build_mods_template_class(None, config, name="ChurnTemplate", module="team.churn")
        >>> ChurnTemplate.extract_module(), ChurnTemplate.extract_version()
        ('team.churn', '1.4.0')
        >>> ChurnTemplate(regional_alias="NA").generate_pipeline().name
        'churn'
    """
    given = None if plugins is None else tuple(plugins)
    home = module if module is not None else str(sys._getframe(1).f_globals.get("__name__", "__main__"))
    env = find_environment(config_path, DEFAULT_ALIAS)
    first = MODSPipelineDAGCompiler(config_path, env=env, plugins=given)
    title = name if name is not None else _class_name(first.load().pipeline.name)
    for field, value in ((NAME, title), (MODULE, home)):
        problem = find_problem(field, value)
        if problem is not None:
            raise ValueError(f"{field} {problem}")
    metadata = {MODULE: home, NAME: title}
    importable = _importable(dag, config_path, name=title, module=home, plugins=given, metadata=metadata)

    class Compiler(MODSPipelineDAGCompiler):
        template_class: ClassVar[type[DynamicPipelineTemplate]] = importable

    compiler = Compiler(config_path, env=env, plugins=given, metadata=metadata)
    return compiler.create_decorated_class(dag, author, version, description)


def _importable(
    dag: DAGLike | None,
    config_path: ConfigLike,
    *,
    name: str,
    module: str,
    plugins: tuple[Any, ...] | None,
    metadata: dict[str, str],
) -> type[DynamicPipelineTemplate]:
    class Importable(DynamicPipelineTemplate):
        def __init__(
            self,
            sagemaker_session: Any = None,
            execution_role: str | None = None,
            regional_alias: str = DEFAULT_ALIAS,
        ) -> None:
            env = find_environment(config_path, regional_alias)
            compiler = MODSPipelineDAGCompiler(
                config_path, sagemaker_session, execution_role, env=env, plugins=plugins, metadata=metadata
            )
            self.regional_alias = regional_alias
            super().__init__(**compiler.create_template_params(dag))

        def generate_pipeline(self) -> Pipeline:
            pipeline = super().generate_pipeline()
            notify_compiled(self.plugins, pipeline, self.report)
            return pipeline

    Importable.__name__ = Importable.__qualname__ = name
    Importable.__module__ = module
    Importable.__doc__ = f"The pipeline template {name}, for MODS."
    return Importable


def _class_name(pipeline: str) -> str:
    words = [word for word in re.split(r"\W+", pipeline) if word]
    name = "".join(word[:1].upper() + word[1:] for word in words) + "Template"
    return name if name.isidentifier() else f"Template{name}"
