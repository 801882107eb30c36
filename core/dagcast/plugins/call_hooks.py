"""Call the hooks whose results are merged: metadata, constructor arguments, parameters, step types and rules.

:mod:`dagcast.plugins.call_compile_hooks` calls those that a compile needs, in its order.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import Check, PipelineFacts, Rule
from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.spec.changes import ABSENT, Change
from dagcast.compile.spec.metadata import Metadata
from dagcast.compile.spec.pipeline import ParameterSpec
from dagcast.compile.steps.catalog import MODULES
from dagcast.compile.steps.step_type import StepType
from dagcast.definition.values import FrozenDict, freeze
from dagcast.diagnostic_codes import CODES, RULE_IDS, validate_code
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.safe_inspect import format_exception_text, is_instance, safe_repr
from dagcast.plugins.verify_compiled import CHANGE_REMEDY, report_state, state_differences

if TYPE_CHECKING:
    from dagcast.plugins.configured import ConfiguredPlugin

RESERVED_ARGUMENTS = ("dag", "config", "plugins", "metadata")
"""Constructor arguments of the template that define what is compiled. Plugins change it with other hooks."""


ROLE_ARGUMENT = "execution_role"
"""The constructor argument of the template that requests contain."""


def extract_metadata(
    plugins: PluginSet, config: PipelineConfig, dag: PipelineDAG, explicit: Mapping[str, Any]
) -> Metadata:
    """Merge the metadata of all plugins. A later plugin overrides an earlier one; ``explicit`` overrides all.

    Explicit values of ``None`` are ignored.

    Raises:
        PluginError: If a plugin fails, or does not return a mapping of JSON data.
    """
    hook = "extract_metadata"
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    changes: list[Change] = []
    passed = FrozenDict({key: freeze(value) for key, value in explicit.items() if value is not None})
    for plugin in plugins.implementing(hook):
        given = call_with_copies(plugin, hook, config=config, dag=dag, explicit=passed)
        for key, value in _json_mapping(plugin, hook, given).items():
            plugin.refuse_secrets((key, value), "its metadata", hook)
            changes.append(Change(plugin.name, hook, ("metadata", key), values.get(key, ABSENT), value))
            values[key] = value
            sources[key] = plugin.name
    values.update(passed)
    sources.update(dict.fromkeys(passed, "argument"))
    return Metadata(FrozenDict(values), tuple(changes), FrozenDict(sources))


def build_template_params(
    plugins: PluginSet, dag: PipelineDAG, params: Mapping[str, Any], metadata: Metadata
) -> tuple[dict[str, Any], dict[str, str], tuple[Change, ...]]:
    """Merge the constructor arguments of all plugins into ``params``.

    Returns:
        The arguments, the name of the plugin that set each argument, and the changes.

    Raises:
        PluginError: If a plugin fails or sets a reserved argument, or two plugins set an argument to different values.
    """
    hook = "build_template_params"
    merged = dict(params)
    owners: dict[str, ConfiguredPlugin] = {}
    changes: list[Change] = []
    for plugin in plugins.implementing(hook):
        graph = copy.copy(dag)
        given_params = {**merged, **({"dag": graph} if "dag" in merged else {})}
        if "config" in merged:
            given_params["config"] = _copy_config(merged["config"])
        given = call_with_copies(
            plugin, hook, dag=graph, params=MappingProxyType(given_params), metadata=metadata.values
        )
        for key, value in _mapping(plugin, hook, given).items():
            # An argument that is returned unchanged is not set.
            if key in given_params and _equal(plugin, hook, value, given_params[key]):
                continue
            if key in RESERVED_ARGUMENTS:
                problem = f"it sets {key!r}, which defines what is compiled"
                raise plugin.error(problem, "change the pipeline with transform_spec", hook)
            if key == ROLE_ARGUMENT and value is not None and not is_instance(value, str):
                problem = f"it sets {key!r} to {safe_repr(value)}, which is not a role ARN"
                raise plugin.error(problem, "give a string", hook)
            owner = owners.get(key)
            if owner is not None:
                other = f"plugin {owner} sets it to {safe_repr(merged[key])}"
                problem = f"it sets {key!r} to {safe_repr(value)}, and {other}"
                raise plugin.error(problem, "select one of the two, or let their options agree", hook)
            plugin.refuse_secrets(value, "the report", hook)
            changes.append(Change(plugin.name, hook, ("arguments", key), merged.get(key, ABSENT), value))
            merged[key] = value
            owners[key] = plugin
    return merged, {key: plugin.name for key, plugin in owners.items()}, tuple(changes)


def collect_parameters(
    plugins: PluginSet, config: PipelineConfig, metadata: Metadata
) -> tuple[tuple[ParameterSpec, ...], tuple[Change, ...]]:
    """Collect the parameters that plugins add.

    Returns:
        The parameters that the config does not declare, and the changes.

    Raises:
        PluginError: If a plugin fails, a parameter is invalid, two plugins disagree about a parameter, or its type
            differs from the config's.
    """
    hook = "pipeline_parameters"
    added: dict[str, ParameterSpec] = {}
    owners: dict[str, ConfiguredPlugin] = {}
    changes: list[Change] = []
    for plugin in plugins.implementing(hook):
        from dagcast.plugins.validate import validate_parameter

        given = call_with_copies(plugin, hook, config=config, metadata=metadata.values)
        for item in validate_items(plugin, hook, given, ParameterSpec):
            parameter = validate_parameter(plugin, hook, item)
            name = parameter.name
            plugin.refuse_secrets((name, parameter.default, parameter.enum), "the pipeline", hook)
            declared = config.parameters.get(name)
            if declared is not None:
                if declared.type != parameter.type:
                    problem = f"it adds parameter {name!r} as {parameter.type}, the config has it as {declared.type}"
                    raise plugin.error(problem, f"declare {name!r} as {parameter.type}, or rename it", hook)
                continue
            if name in added and added[name] != parameter:
                other = f"plugin {owners[name]} as {safe_repr(added[name])}"
                problem = f"it adds parameter {name!r} as {safe_repr(parameter)}, and {other}"
                raise plugin.error(problem, "select one of the two, or let their options agree", hook)
            if name not in added:
                changes.append(Change(plugin.name, hook, ("Parameters", name), ABSENT, parameter))
                owners[name] = plugin
            added[name] = parameter
    return tuple(added.values()), tuple(changes)


def collect_step_types(plugins: PluginSet) -> dict[str, StepType[Any]]:
    """Collect the step types that plugins register, by name.

    Raises:
        PluginError: If a plugin fails, a step type is invalid, or its name already exists.
    """
    hook = "register_step_types"
    types: dict[str, StepType[Any]] = {}
    owners: dict[str, str] = dict.fromkeys(MODULES, "dagcast")
    for plugin in plugins.implementing(hook):
        from dagcast.plugins.validate import validate_step_type

        for given in validate_items(plugin, hook, plugin.call(hook), StepType):
            step_type = validate_step_type(plugin, given)
            if step_type.name in owners:
                problem = f"step type {step_type.name!r} already exists, from {owners[step_type.name]}"
                raise plugin.error(problem, "rename it", hook)
            types[step_type.name] = step_type
            owners[step_type.name] = f"plugin {plugin}"
    return types


def collect_rules(plugins: PluginSet) -> tuple[Rule, ...]:
    """Collect the rules that plugins register. An error that one of them raises names the plugin.

    Raises:
        PluginError: If a plugin fails, or an id is malformed, is in an area of dagcast's own or already exists.
    """
    hook = "register_rules"
    rules: list[Rule] = []
    owners: dict[str, str] = {}
    for plugin in plugins.implementing(hook):
        for rule in validate_items(plugin, hook, plugin.call(hook), Rule):
            with plugin.guard(hook):
                validate_code(rule.id)
            if rule.id in owners or rule.id in RULE_IDS or rule.id in CODES:
                owner = owners.get(rule.id, "dagcast")
                raise plugin.error(f"rule {rule.id!r} already exists, from {owner}", "rename it", hook)
            owners[rule.id] = f"plugin {plugin}"
            rules.append(replace(rule, check=_guarded(plugin, hook, rule.check)))
    return tuple(rules)


def _guarded(plugin: ConfiguredPlugin, hook: str, check: Check) -> Check:
    def guarded(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        with plugin.guard(hook):
            found = list(check(body, facts))
        return iter(validate_items(plugin, hook, found, Finding))

    return guarded


def notify_compiled(plugins: PluginSet, pipeline: Any, report: Any) -> None:
    """Call ``pipeline_compiled`` of each plugin after a successful compile.

    Raises:
        PluginError: If a plugin fails, does not return ``None``, or changes the pipeline or the report.

    Example:
        >>> from dagcast import PipelineDAGCompiler
        >>> config = {"pipeline": {"name": "hello"}, "steps": {"stop": {"type": "Fail", "error_message": "not ready"}}}
        >>> template = PipelineDAGCompiler(config, plugins=[]).create_template()
        >>> notify_compiled(template.plugins, None, template.report)
    """
    hook = "pipeline_compiled"
    for plugin in plugins.implementing(hook):
        before = _emitted(pipeline, report)
        result = plugin.call(hook, pipeline=pipeline, report=report)
        if result is not None:
            raise plugin.error(f"it returned {safe_repr(result)}, expected nothing", "return nothing", hook)
        found = state_differences(before, _emitted(pipeline, report))
        if found:
            problem = f"it changes the compiled pipeline: {', '.join(found)}"
            raise plugin.error(problem, CHANGE_REMEDY, hook)


def _emitted(pipeline: Any, report: Any) -> Mapping[str, Any]:
    """Return the state of what ``pipeline_compiled`` receives."""
    state = {f"report.{name}": value for name, value in report_state(report).items()}
    if pipeline is None:
        return state
    from dagcast.compile.emit.pipeline import emitted_state

    return {**state, **emitted_state(pipeline)}


def validate_items(plugin: ConfiguredPlugin, hook: str, given: Any, kind: type[Any]) -> list[Any]:
    """Return the result of a hook as a list whose items are of one type.

    Raises:
        PluginError: If the result is not iterable or an item is of another type.
    """
    if is_instance(given, Iterable) and not is_instance(given, str, Mapping):
        with plugin.guard(hook):
            found = list(given)
        wrong = [item for item in found if not is_instance(item, kind)]
        if not wrong:
            return found
        problem = f"it returned {safe_repr(wrong[0])}, expected only {kind.__name__}"
    else:
        what = "nothing" if given is None else f"{safe_repr(given)}, expected a list of {kind.__name__}"
        problem = f"it returned {what}"
    raise plugin.error(problem, f"return a list of {kind.__name__}, or an empty one", hook)


def call_with_copies(plugin: ConfiguredPlugin, hook: str, **arguments: Any) -> Any:
    """Call a hook with copies of its mutable arguments. Mutating a copy is an error too, since it has no effect.

    Raises:
        PluginError: If the plugin fails or mutates an argument.
    """
    declared = plugin.loaded.hooks[hook]
    if "config" in declared:
        arguments["config"] = _copy_config(arguments["config"])
    if "dag" in declared and hook != "build_template_params":
        arguments["dag"] = copy.copy(arguments["dag"])
    dags = [
        item
        for item in (arguments.get("dag"), getattr(arguments.get("config"), "dag", None))
        if item is not None
    ]
    params = arguments.get("params", {})
    dags += [params["config"].dag] if "config" in params else []
    before = [dag.to_dict() for dag in dags]
    result = plugin.call(hook, **arguments)
    if [dag.to_dict() for dag in dags] != before:
        from dagcast.plugins.configured import MUTATION_REMEDY

        raise plugin.error("it changes its input: the DAG", MUTATION_REMEDY, hook)
    return result


def _copy_config(config: PipelineConfig) -> PipelineConfig:
    """Return the config with a copy of its DAG, its only mutable part."""
    return replace(config, dag=copy.copy(config.dag))


def _equal(plugin: ConfiguredPlugin, hook: str, value: Any, other: Any) -> bool:
    # The values may be of any type, so comparing them runs third-party code.
    with plugin.guard(hook):
        return value is other or (type(value) is type(other) and bool(value == other))


def _mapping(plugin: ConfiguredPlugin, hook: str, given: Any) -> dict[str, Any]:
    if is_instance(given, Mapping):
        with plugin.guard(hook):
            mapping = dict(given)
        if all(is_instance(key, str) for key in mapping):
            return mapping
    problem = (
        "it returned nothing"
        if given is None
        else f"it returned {safe_repr(given)}, expected a mapping with string keys"
    )
    raise plugin.error(problem, "return a mapping, or an empty one", hook)


def _json_mapping(plugin: ConfiguredPlugin, hook: str, given: Any) -> Mapping[str, Any]:
    mapping = _mapping(plugin, hook, given)
    try:
        # Reject values that JSON cannot represent, and normalize tuples and numeric keys.
        frozen: Mapping[str, Any] = freeze(json.loads(json.dumps(mapping, allow_nan=False)))
    # A third-party value may raise any exception.
    except Exception as error:
        raise plugin.error(
            f"its metadata is not JSON data: {format_exception_text(error)}", "return plain data", hook
        ) from error
    return frozen
