"""Compare what a decorated template class emits with what its compile recorded.

A decorated class may override any method, and a plugin receives the emitted pipeline. The report, ``explain`` and the
plugin lock describe only the result of the compile, so a difference is an error that names the plugins.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from types import CodeType, FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from dagcast.compile.compile_pipeline import Compilation
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.definition.write import write_definition
from dagcast.errors import DagcastError, PluginError
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import format_path
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.safe_inspect import ancestors, format_exception, is_instance, safe_repr

if TYPE_CHECKING:
    from dagcast.plugins.configured import ConfiguredPlugin

Result = TypeVar("Result", bound=Compilation | None)

DECORATE_HOOK = "decorate_template_class"
COMPARED = ("dag", "config", "plugins", "sagemaker_session", "execution_role", "metadata")
"""Arguments of the template's constructor that define what is compiled, deployed and explained."""
_REMEDIES = MappingProxyType(
    {
        "dag": "change the pipeline with transform_spec",
        "config": "change the pipeline with transform_spec",
        "plugins": "the selection of plugins decides which run",
        "sagemaker_session": "set it with build_template_params",
        "execution_role": "set it with build_template_params",
        "metadata": "set metadata with extract_metadata",
    }
)
CHANGE_REMEDY = "change the pipeline with transform_spec, whose changes are recorded"
_TEMPLATE_MODULE = "dagcast.template"
_SHOWN = 3
"""The maximum number of changed fields in a message."""


@dataclass(frozen=True)
class Given:
    """What the compiler gave to a template.

    Attributes:
        params: The arguments of its constructor.
        plugins: The selected plugins.
        dag: A copy of the DAG among the arguments, which can be changed in place.
    """

    params: Mapping[str, Any]
    plugins: PluginSet
    dag: PipelineDAG

    @classmethod
    def of(cls, params: Mapping[str, Any], plugins: PluginSet) -> Given:
        """Return what the compiler gives, before the template is created."""
        return cls(params, plugins, copy.copy(params["dag"]))


def decoration_error(decorating: Sequence[ConfiguredPlugin], problem: str, remedy: str) -> PluginError:
    """Return an error that names all plugins that decorated the class, the outermost first."""
    *others, outermost = decorating
    if others:
        problem += f"; it is also decorated by {' and '.join(str(plugin) for plugin in reversed(others))}"
    return outermost.error(problem, remedy, DECORATE_HOOK)


def verify_instance(template: Any, given: Given) -> None:
    """Compare what an instance of a decorated class holds with the arguments of its constructor.

    Raises:
        PluginError: If they differ.
    """
    held = {}
    for name in COMPARED:
        try:
            held[name] = getattr(template, name)
        # A property of the decorated class is third-party code.
        except Exception as error:
            held[name] = error
    verify_held(type(template), held, given)


def verify_held(template_class: Any, held: Mapping[str, Any], given: Given) -> None:
    """Compare what an instance of a decorated class holds now with what the compiler gave to it.

    Args:
        template_class: The class.
        held: The values of its attributes, by name.
        given: What the compiler gave.

    Raises:
        PluginError: If they differ.
    """
    decorating = tuple(given.plugins.implementing(DECORATE_HOOK))
    if not decorating:
        return
    params = given.params
    expected = {name: params[name] for name in COMPARED if name in params}
    known = template_class.decorated_metadata
    if known is not None and known != params["metadata"].values:
        expected["metadata"] = params["metadata"].with_values(known)
    for name, value in expected.items():
        found = held[name]
        # The arguments are new for each compile: an instance that holds other ones belongs to another compile.
        is_same = found is value or (
            value is not params.get(name) and type(found) is type(value) and found == value
        )
        if is_same and not (name == "dag" and found != given.dag):
            continue
        problem = (
            f"an instance of the decorated class does not hold its constructor arguments: {name} is another"
        )
        if is_same:
            problem = "its template class changes the DAG that the compiler gave to it"
        if is_instance(value, str, type(None)) and is_instance(found, str, type(None)):
            problem += f": {found!r}, expected {value!r}"
        remedy = (
            f"call super().__init__(**kwargs), and do not cache instances in a metaclass; {_REMEDIES[name]}"
        )
        raise decoration_error(decorating, problem, _REMEDIES[name] if is_same else remedy)


@overload
def compile_verified(template: Any) -> Compilation: ...


@overload
def compile_verified(template: Any, compile_template: Callable[[], Result]) -> Result: ...


def compile_verified(template: Any, compile_template: Callable[[], Any] | None = None) -> Any:
    """Compile with a template, and compare the result with what the compile recorded. No plugin is notified.

    Args:
        template: A template that a compiler created.
        compile_template: A method of the template that compiles it. Default: its ``compilation``.

    Returns:
        The :class:`~dagcast.artifacts.Compilation`; ``None`` if ``compile_template`` returns ``None`` for errors.

    Raises:
        InvalidInputError: With every error in the DAG and the config.
        PluginError: If a plugin fails, or its template class changes the result.

    Example:
        >>> from dagcast import PipelineDAGCompiler
        >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "not ready"}}}
        >>> compile_verified(PipelineDAGCompiler(config, plugins=[]).create_template()).report.pipeline
        'hello'
    """
    with template_errors(template):
        compilation = template.compilation if compile_template is None else compile_template()
    given: Given | None = template._given
    compiled: Compilation | None = template._compiled
    if given is None or not given.plugins or (compilation is None and compiled is None):
        return compilation
    for problem in _compilation_problems(compilation, compiled, given):
        # Without a decorated class, only a plugin that changes frozen data is left.
        decorating = tuple(given.plugins.implementing(DECORATE_HOOK)) or given.plugins.plugins
        raise decoration_error(decorating, problem, CHANGE_REMEDY)
    return compilation


def missing_result(template: Any) -> Exception:
    """Return the error for a compile without errors that has no result."""
    given: Given | None = template._given
    decorating = tuple(given.plugins.implementing(DECORATE_HOOK)) if given is not None else ()
    if not decorating:
        return AssertionError("a compile without errors has a result")
    problem = "compiling with its template class gave None, expected a Compilation"
    return decoration_error(decorating, problem, "return the result of super().compile_into(sink)")


@contextmanager
def template_errors(template: Any) -> Iterator[None]:
    """Name the plugins in exceptions that methods of a decorated class raise.

    Exceptions that a method of the template class itself raised propagate, also through an overriding method.

    Raises:
        PluginError: If a method of a decorated class raises another exception than dagcast's.
    """
    try:
        yield
    except (DagcastError, KeyboardInterrupt):
        raise
    # Methods of the decorated class are third-party code: an exit of one must not look like success.
    except BaseException as error:
        from traceback import walk_tb

        given: Given | None = template._given
        decorating = tuple(given.plugins.implementing(DECORATE_HOOK)) if given is not None else ()
        codes = {code for cls in _decorated_classes(type(template)) for code in _method_codes(cls)}
        owner = None
        for frame, _ in walk_tb(error.__traceback__):
            if frame.f_code in codes:
                owner = DECORATE_HOOK
            elif frame.f_globals.get("__name__") == _TEMPLATE_MODULE:
                owner = None
        if owner is None or not decorating:
            raise
        problem = f"a method of its template class raised {format_exception(error)}"
        remedy = "report it to the authors of the plugin, or leave the plugin out"
        raise decoration_error(decorating, problem, remedy) from error


def _decorated_classes(template_class: type) -> Iterator[type]:
    """Iterate over the classes that decorators and their mixins added."""
    for cls in ancestors(template_class):
        if cls.__module__ == _TEMPLATE_MODULE and "compile_into" in vars(cls) and "_given" in vars(cls):
            return
        yield cls


def _method_codes(cls: type) -> Iterator[CodeType]:
    for value in vars(cls).values():
        for function in (value, *(getattr(value, name, None) for name in ("fget", "__func__"))):
            if is_instance(function, FunctionType):
                yield function.__code__


def verify_pipeline(template: Any, pipeline: Any) -> None:
    """Compare the SDK's pipeline with the compiled one.

    Args:
        template: The template that generated it.
        pipeline: The result of its ``generate_pipeline``.

    Raises:
        PluginError: If they differ.
    """
    given: Given | None = template._given
    compiled: Compilation | None = template._compiled
    decorating = tuple(given.plugins.implementing(DECORATE_HOOK)) if given is not None else ()
    if given is None or compiled is None or not decorating:
        return
    from dagcast.compile.emit.pipeline import emitted_state, expected_state

    role, session = given.params.get("execution_role"), given.params.get("sagemaker_session")
    expected = expected_state(compiled.spec, compiled.definition, role=role, sagemaker_session=session)
    found = state_differences(expected, emitted_state(pipeline))
    if found:
        problem = f"generate_pipeline of its template class changes the compiled pipeline: {_listed(found)}"
        raise decoration_error(decorating, problem, CHANGE_REMEDY)


def report_state(report: CompileReport) -> Mapping[str, Any]:
    """Return what a report says, to compare it after a plugin received it."""
    state = {field.name: getattr(report, field.name) for field in fields(report) if field.compare}
    return {**state, "spec": write_definition(report.spec), "metadata": repr(report.metadata)}


def state_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two states of a pipeline or a report."""
    found = []
    for name, value in before.items():
        other = after.get(name)
        if value is other or (
            type(value) is type(other) and is_instance(value, str, tuple, list) and value == other
        ):
            continue
        if name == "definition" and is_instance(value, str) and is_instance(other, str):
            from dagcast.compile.emit.pipeline import definition_differences

            found += definition_differences(value, other)
        else:
            found.append(name)
    return found


def _compilation_problems(compilation: Any, compiled: Compilation | None, given: Given) -> Iterable[str]:
    if type(compilation) is not Compilation:
        yield f"compiling with its template class gave {safe_repr(compilation)}, expected a Compilation"
    elif compiled is None:
        yield "its template class does not compile what it was given: compile_into does not call super()"
    elif type(compilation.spec) is not PipelineSpec or type(compilation.report) is not CompileReport:
        yield "its template class replaces the spec or the report of the compile"
    else:
        from dagcast.plugins.attribute_changes import attribute_changes

        changes = attribute_changes("", compiled.spec, compilation.spec)[1]
        if changes:
            yield (
                "its template class changes the compiled pipeline: "
                f"{_listed([format_path(change.path) for change in changes])}"
            )
        digest = hashlib.sha256(str(compilation.definition).encode()).hexdigest()
        is_text = type(compilation.definition) is str
        if not (
            is_text and compilation.definition == compiled.definition == write_definition(compilation.spec)
        ):
            yield "its template class writes another definition than that of the compiled pipeline"
        if compilation.report.digest != digest:
            yield "its template class writes a definition whose digest is not that of the report"
        names = [field.name for field in fields(CompileReport) if field.compare and field.name != "spec"]
        changed = [
            name for name in names if getattr(compilation.report, name) != getattr(compiled.report, name)
        ]
        if changed or compilation.report.spec is not compilation.spec:
            yield f"its template class changes the report of the compile: {_listed(changed or ['spec'])}"
        if [entry["name"] for entry in compiled.report.plugins] != [
            item.name for item in given.plugins.plugins
        ]:
            yield "its template class compiles without plugins that are selected"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
