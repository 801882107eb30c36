"""The hooks: what a plugin may do, and when it is asked.

A plugin implements any of these functions, marked with ``@hookimpl``, in a module, a class or an instance that an
entry point of group ``dagcast`` names. An implementation takes the arguments it needs, by name, and leaves out
the others. What a hook receives is not to be changed: it returns what is new.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from dagcast.compile.config.config import PipelineConfig
    from dagcast.compile.config.dag import PipelineDAG
    from dagcast.compile.report import CompileReport
    from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec
    from dagcast.compile.steps.step_type import StepType
    from dagcast.errors import Diagnostic, Location

API_VERSION = 1
"""The version of the hooks. A plugin says which one it is written for in entry-point group ``dagcast.api``."""

PROJECT = "dagcast"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""The marker of a hook's implementation: ``@hookimpl`` before the function or method."""


class HookSpecs:
    """The signature and meaning of each hook."""

    @hookspec
    def options_model(self) -> type[BaseModel]:
        """Give the pydantic model of the plugin's options, asked once.

        The options stand in the config under ``plugins.options.<name>``; the validated model is the argument
        ``options`` of every other hook.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def extract_metadata(
        self, config: PipelineConfig, dag: PipelineDAG, explicit: Mapping[str, Any], options: Any
    ) -> Mapping[str, Any]:
        """Give metadata of the pipeline: JSON data by key, merged in the order of the plugins.

        Of two plugins that give one key the later one wins, and ``explicit``, what the caller gave as arguments, wins
        over all. Raise ``InvalidInputError`` for what the user has to change.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def decorate_template_class(
        self, template_class: type, metadata: Mapping[str, Any], options: Any
    ) -> type:
        """Give the class that takes the place of ``template_class``: a subclass of it, or the class itself.

        Each plugin gets the class that the one before it returned; the first decorates innermost.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def build_template_params(
        self, dag: PipelineDAG, params: Mapping[str, Any], metadata: Mapping[str, Any], options: Any
    ) -> Mapping[str, Any]:
        """Give further arguments for the template's constructor.

        Two plugins that set one argument to different values are an error.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def pipeline_parameters(
        self, config: PipelineConfig, metadata: Mapping[str, Any], options: Any
    ) -> Iterable[ParameterSpec]:
        """Give parameters to add to the pipeline; the config may refer to them.

        A parameter of the same name and type in the config stays as it is there.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def register_step_types(self, options: Any) -> Iterable[StepType[Any]]:
        """Give step types that configs may use; a name that exists already is an error."""
        raise AssertionError("a specification is never called")

    @hookspec
    def transform_spec(self, spec: PipelineSpec, metadata: Mapping[str, Any], options: Any) -> PipelineSpec:
        """Give the pipeline that takes the place of ``spec``; each change is recorded under the plugin's name."""
        raise AssertionError("a specification is never called")

    @hookspec
    def check_spec(
        self,
        spec: PipelineSpec,
        locate: Callable[[str, str], Location | None],
        metadata: Mapping[str, Any],
        options: Any,
    ) -> Iterable[Diagnostic]:
        """Give what is wrong with the pipeline; ``locate(step, path)`` tells where a value was written."""
        raise AssertionError("a specification is never called")

    @hookspec
    def pipeline_compiled(self, pipeline: Any, report: CompileReport, options: Any) -> None:
        """Take note of a compile that succeeded; ``pipeline`` is ``None`` where only the definition was made."""
        raise AssertionError("a specification is never called")

    @hookspec
    def observe_run(
        self, config: PipelineConfig, report: CompileReport, options: Any
    ) -> Callable[[Mapping[str, Any]], None] | None:
        """Give a function that is told of each event of a run on this machine; ``None`` to hear of none.

        Asked once, when ``dagcast run`` has compiled a config and before anything runs. An event is what a line of
        the run's ``events.jsonl`` holds. A function that fails is told nothing more, and the run goes on.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def register_commands(self, cli: click.Group) -> None:
        """Add commands to ``dagcast``'s command line; asked when the command line needs them."""
        raise AssertionError("a specification is never called")


HOOKS: tuple[str, ...] = tuple(name for name in vars(HookSpecs) if not name.startswith("_"))
"""The names of all hooks."""

HOOK_ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {hook: tuple(inspect.signature(getattr(HookSpecs, hook)).parameters)[1:] for hook in HOOKS}
)
"""By hook: the names of the arguments that it gives."""
