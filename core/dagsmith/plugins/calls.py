"""Calling the hooks that merge what plugins give: metadata, constructor arguments, parameters, step types, specs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dagsmith.dag import PipelineDAG
from dagsmith.errors import Diagnostic, DiagnosticSink, Location
from dagsmith.load.config import PipelineConfig
from dagsmith.plugins.active import ActivePlugin, PluginSet
from dagsmith.plugins.provenance import ABSENT, Change, attribute
from dagsmith.spec.pipeline import ParameterSpec, PipelineSpec
from dagsmith.spec.values import FrozenDict, freeze
from dagsmith.steps.base import StepType
from dagsmith.steps.catalog import MODULES


@dataclass(frozen=True)
class Metadata:
    """What is known of the pipeline beside the config.

    Attributes:
        values: By key.
        changes: Which plugin gave which key, in order.
    """

    values: Mapping[str, Any] = field(default_factory=FrozenDict)
    changes: tuple[Change, ...] = ()


def extract_metadata(
    plugins: PluginSet, config: PipelineConfig, dag: PipelineDAG, explicit: Mapping[str, Any]
) -> Metadata:
    """Ask each plugin for metadata; later plugins win over earlier ones, and explicit arguments over all.

    Raises:
        PluginError: If a plugin fails, or gives something else than a mapping of JSON data.
    """
    hook = "extract_metadata"
    values: dict[str, Any] = {}
    changes: list[Change] = []
    for active in plugins.implementing(hook):
        given = _with_dag(active, hook, dag, config=config)
        for key, value in _json_mapping(active, hook, given).items():
            changes.append(Change(active.name, hook, f"metadata.{key}", values.get(key, ABSENT), value))
            values[key] = value
    values.update({key: freeze(value) for key, value in explicit.items() if value is not None})
    return Metadata(FrozenDict(values), tuple(changes))


def build_params(
    plugins: PluginSet, dag: PipelineDAG, params: Mapping[str, Any], metadata: Metadata
) -> dict[str, Any]:
    """Ask each plugin for constructor arguments, and lay them over ``params``.

    Raises:
        PluginError: If a plugin fails, or two set one argument to different values.
    """
    hook = "build_template_params"
    merged = dict(params)
    owners: dict[str, ActivePlugin] = {}
    for active in plugins.implementing(hook):
        given = _with_dag(active, hook, dag, params=MappingProxyType(dict(merged)), metadata=metadata.values)
        for key, value in _mapping(active, hook, given).items():
            owner = owners.get(key)
            if owner is not None and merged[key] != value:
                problem = f"it sets {key!r} to {value!r}, and plugin {owner.name!r} sets it to {merged[key]!r}"
                raise active.error(problem, "select one of the two, or let their options agree", hook)
            merged[key] = value
            owners[key] = active
    return merged


def added_parameters(
    plugins: PluginSet, config: PipelineConfig, metadata: Metadata
) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
    """Ask each plugin for parameters.

    Returns:
        The parameters that the config does not declare itself, and who added them.

    Raises:
        PluginError: If a plugin fails, two differ about one parameter, or a plugin's type is not the config's.
    """
    hook = "pipeline_parameters"
    added: dict[str, ParameterSpec] = {}
    owners: dict[str, ActivePlugin] = {}
    changes: list[Change] = []
    for active in plugins.implementing(hook):
        given = active.call(hook, config=config, metadata=metadata.values)
        for parameter in _items(active, hook, given, ParameterSpec):
            name = parameter.name
            declared = config.parameters.get(name)
            if declared is not None:
                if declared.type != parameter.type:
                    problem = f"it adds parameter {name!r} as {parameter.type}, the config has it as {declared.type}"
                    raise active.error(problem, f"declare {name!r} as {parameter.type}, or rename it", hook)
                continue
            if name in added and added[name] != parameter:
                problem = f"it adds parameter {name!r} as {parameter}, plugin {owners[name].name!r} as {added[name]}"
                raise active.error(problem, "select one of the two, or let their options agree", hook)
            if name not in added:
                changes.append(Change(active.name, hook, f"Parameters.{name}", ABSENT, parameter))
            added[name] = parameter
            owners[name] = active
    return tuple(added.values()), tuple(changes)


def added_step_types(plugins: PluginSet) -> dict[str, StepType[Any]]:
    """Ask each plugin for step types.

    Raises:
        PluginError: If a plugin fails, or a name exists already.
    """
    hook = "register_step_types"
    types: dict[str, StepType[Any]] = {}
    owners: dict[str, str] = dict.fromkeys(MODULES, "dagsmith")
    for active in plugins.implementing(hook):
        for step_type in _items(active, hook, active.call(hook), StepType):
            if step_type.name in owners:
                problem = f"step type {step_type.name!r} exists already, from {owners[step_type.name]}"
                raise active.error(problem, "rename it", hook)
            types[step_type.name] = step_type
            owners[step_type.name] = f"plugin {active.name!r}"
    return types


def transform(plugins: PluginSet, spec: PipelineSpec, metadata: Metadata) -> tuple[PipelineSpec, tuple[Change, ...]]:
    """Let each plugin change the pipeline that the one before it returned; each change is attributed.

    Raises:
        PluginError: If a plugin fails, or returns something else than a pipeline.
    """
    hook = "transform_spec"
    changes: list[Change] = []
    for active in plugins.implementing(hook):
        result = active.call(hook, spec=spec, metadata=metadata.values)
        if not isinstance(result, PipelineSpec):
            problem = "it returned nothing" if result is None else f"it returned {result!r}, expected a PipelineSpec"
            raise active.error(problem, "return the spec, changed or not", hook)
        names = [step.name for step in result.steps]
        if len(set(names)) < len(names):
            raise active.error("its pipeline has two steps of one name", "give each step a name of its own", hook)
        spec, found = attribute(active.name, spec, result)
        changes += found
    return spec, tuple(changes)


def check(
    plugins: PluginSet, spec: PipelineSpec, locate: Callable[[str, str], Location | None], sink: DiagnosticSink
) -> None:
    """Ask each plugin what is wrong with the pipeline.

    Raises:
        PluginError: If a plugin fails, or gives something else than diagnostics.
    """
    hook = "check_spec"
    for active in plugins.implementing(hook):
        sink.extend(_items(active, hook, active.call(hook, spec=spec, locate=locate), Diagnostic))


def notify(plugins: PluginSet, pipeline: Any, report: Any) -> None:
    """Tell each plugin that a compile succeeded.

    Raises:
        PluginError: If a plugin fails.
    """
    for active in plugins.implementing("pipeline_compiled"):
        active.call("pipeline_compiled", pipeline=pipeline, report=report)


def _with_dag(active: ActivePlugin, hook: str, dag: PipelineDAG, **arguments: Any) -> Any:
    """Call a hook with a copy of the DAG; changing even that is refused, since it would be without effect."""
    before = dag.to_dict()
    copy = PipelineDAG(before["nodes"], before["edges"]) if "dag" in active.plugin.hooks[hook] else dag
    result = active.call(hook, dag=copy, **arguments)
    if copy is not dag and copy.to_dict() != before:
        problem = "it changes what it was given: the DAG"
        raise active.error(problem, "return what is new and leave the input alone", hook)
    return result


def _mapping(active: ActivePlugin, hook: str, given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
        return given
    problem = "it returned nothing" if given is None else f"it returned {given!r}, expected a mapping with string keys"
    raise active.error(problem, "return a mapping, empty if there is nothing to add", hook)


def _json_mapping(active: ActivePlugin, hook: str, given: Any) -> Mapping[str, Any]:
    mapping = _mapping(active, hook, given)
    try:
        json.dumps(mapping, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise active.error(f"its metadata is not JSON data: {error}", "return plain data", hook) from error
    frozen: Mapping[str, Any] = freeze(dict(mapping))
    return frozen


def _items(active: ActivePlugin, hook: str, given: Any, kind: type[Any]) -> list[Any]:
    if isinstance(given, Iterable) and not isinstance(given, (str, Mapping)):
        items = list(given)
        wrong = [item for item in items if not isinstance(item, kind)]
        if not wrong:
            return items
        problem = f"it returned {wrong[0]!r}, expected only {kind.__name__}"
    else:
        problem = "it returned nothing" if given is None else f"it returned {given!r}, expected a list of {kind.__name__}"
    raise active.error(problem, f"return a list of {kind.__name__}, empty if there is nothing to say", hook)
