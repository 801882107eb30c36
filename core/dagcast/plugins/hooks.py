"""The specifications of the hooks.

A plugin implements any of these functions, marked with ``@hookimpl``, in a module, a class or an instance that an
entry point of group ``dagcast`` names. An implementation declares the arguments that it needs, by name. It must not
mutate its arguments: it returns new values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pluggy

from dagcast.paths import FieldPath

if TYPE_CHECKING:
    import click
    from pydantic import BaseModel

    from dagcast.check.rules.rule import Rule
    from dagcast.compile.config.config import PipelineConfig
    from dagcast.compile.config.pipeline_dag import PipelineDAG
    from dagcast.compile.report import CompileReport
    from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec
    from dagcast.compile.steps.step_type import StepType
    from dagcast.errors import Diagnostic, Location

PROJECT = "dagcast"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Mark a function or method as the implementation of the hook of its name: ``@hookimpl``."""


class HookSpecs:
    """The signature and contract of each hook."""

    @hookspec
    def options_model(self) -> type[BaseModel]:
        """Return the pydantic model of the plugin's options.

        The config holds the options under ``plugins.options.<name>``. The validated model is the argument ``options``
        of all other hooks.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def extract_metadata(
        self, config: PipelineConfig, dag: PipelineDAG, explicit: Mapping[str, Any], options: Any
    ) -> Mapping[str, Any]:
        """Return metadata of the pipeline: JSON data by key, merged in the order of the plugins.

        A later plugin overrides an earlier one, and ``explicit``, the arguments of the caller, overrides all. Raise
        ``InvalidInputError`` to report mistakes of the user.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def decorate_template_class(
        self, template_class: type, metadata: Mapping[str, Any], options: Any
    ) -> type:
        """Return the class that replaces ``template_class``: a subclass of it, or the class itself.

        Each plugin receives the class that the previous one returned. The first decorates innermost.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def build_template_params(
        self, dag: PipelineDAG, params: Mapping[str, Any], metadata: Mapping[str, Any], options: Any
    ) -> Mapping[str, Any]:
        """Return additional arguments for the template's constructor.

        It is an error if two plugins set an argument to different values.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def pipeline_parameters(
        self, config: PipelineConfig, metadata: Mapping[str, Any], options: Any
    ) -> Iterable[ParameterSpec]:
        """Return parameters to add to the pipeline. The config may refer to them.

        A parameter of the same name and type in the config overrides the added one.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def local_parameters(
        self, config: PipelineConfig, metadata: Mapping[str, Any], options: Any
    ) -> Mapping[str, Any]:
        """Return values, for a run on this machine, of parameters that the plugin adds without a default.

        Called by ``dagcast run``. A value of the user, given with ``--param``, overrides that of the plugin.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def register_step_types(self, options: Any) -> Iterable[StepType[Any]]:
        """Return step types that configs may use. A name that already exists is an error."""
        raise AssertionError("a specification is never called")

    @hookspec
    def register_rules(self, options: Any) -> Iterable[Rule]:
        """Return rules about requests of steps, to check in addition to those of the service.

        The id of a rule begins with an area of the plugin's own. ``dagcast rules`` lists it, and ``ignore_rules`` in a
        config may name it. An id that already exists is an error.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def transform_spec(self, spec: PipelineSpec, metadata: Mapping[str, Any], options: Any) -> PipelineSpec:
        """Return the pipeline that replaces ``spec``. Each change is attributed to the plugin."""
        raise AssertionError("a specification is never called")

    @hookspec
    def check_spec(
        self,
        spec: PipelineSpec,
        locate: Callable[[str, FieldPath], Location | None],
        metadata: Mapping[str, Any],
        options: Any,
    ) -> Iterable[Diagnostic]:
        """Return diagnostics of the pipeline. ``locate(step, path)`` returns where a value was written.

        The path begins at the step's definition: ``locate("train", ("Arguments", "RoleArn"))``.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def pipeline_compiled(self, pipeline: Any, report: CompileReport, options: Any) -> None:
        """Receive the result of a successful compile. ``pipeline`` is ``None`` if only the definition was compiled."""
        raise AssertionError("a specification is never called")

    @hookspec
    def observe_run(
        self, config: PipelineConfig, report: CompileReport, options: Any
    ) -> Callable[[Mapping[str, Any]], None] | None:
        """Return a function that receives each event of a local run; ``None`` to receive no events.

        Called once by ``dagcast run``, after the compile and before the first step. An event is the object of a line
        in ``events.jsonl``. A function that raises receives no further events, and the run continues.
        """
        raise AssertionError("a specification is never called")

    @hookspec
    def register_commands(self, cli: click.Group) -> None:
        """Add commands to the group ``cli`` of ``dagcast``. Called for a command that dagcast does not have."""
        raise AssertionError("a specification is never called")


HOOKS: tuple[str, ...] = tuple(name for name in vars(HookSpecs) if not name.startswith("_"))
"""The names of all hooks."""

HOOK_ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {hook: tuple(inspect.signature(getattr(HookSpecs, hook)).parameters)[1:] for hook in HOOKS}
)
"""By hook: the names of its arguments."""
