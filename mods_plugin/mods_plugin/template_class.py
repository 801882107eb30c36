"""Importable template classes: what a team hands to MODS, with the constructor that its launcher calls."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from dagcast import DynamicPipelineTemplate
from dagcast.plugin import ConfigLike, notify_compiled
from mods_plugin.compiler import DAGLike, MODSPipelineDAGCompiler
from mods_plugin.metadata import MODULE, NAME, problem_of
from mods_plugin.regions import DEFAULT_ALIAS, environment_of

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
    """A template class that MODS' launcher can import, and instantiate with what it gives.

    Its constructor is ``(sagemaker_session=None, execution_role=None, regional_alias="NA")``. The regional alias
    selects an environment of the config: the one that ``plugins.options.mods.regional_aliases`` names, else one that
    has the alias as its name, in any case; ``NA`` is the config itself where there is none. Metadata are those of
    ``NA``.

    Args:
        dag: The DAG, or a file or mapping that holds it; the config's own ``edges`` for ``None``.
        config_path: The config. A relative path starts from the working directory, which is the launcher's: write
            ``Path(__file__).with_name("pipeline.yaml")``.
        name: The name of the variable that the class is assigned to; made from the pipeline's name if left out.
        module: The module that holds it; the caller's if left out.
        author: Wins over what is found.
        version: Wins over what is found.
        description: Wins over what is found.
        plugins: Names of plugins and plugin objects, in order; the ``mods`` plugin runs in any case.

    Raises:
        InvalidInputError: With every mistake in the DAG, the config and the metadata.
        PluginError: If a plugin is missing, broken, or cannot decorate the class.
        ValueError: If name or module are none.
    """
    given = None if plugins is None else tuple(plugins)
    home = module if module is not None else str(sys._getframe(1).f_globals.get("__name__", "__main__"))
    env = environment_of(config_path, DEFAULT_ALIAS)
    first = MODSPipelineDAGCompiler(config_path, env=env, plugins=given)
    title = name if name is not None else _class_name(first.load().pipeline.name)
    for field, value in ((NAME, title), (MODULE, home)):
        problem = problem_of(field, value)
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
            env = environment_of(config_path, regional_alias)
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
