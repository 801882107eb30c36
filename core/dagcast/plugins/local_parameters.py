"""Ask plugins for local values of the parameters that they add for the service alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from dagcast.compile.config.config import PipelineConfig
from dagcast.compile.report import CompileReport
from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.call_hooks import call_with_copies
from dagcast.plugins.configured import ConfiguredPlugin
from dagcast.plugins.plugin_set import PluginSet
from dagcast.plugins.safe_inspect import is_instance, safe_repr

HOOK = "local_parameters"

_TYPES: Mapping[str, tuple[type[Any], ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
"""By type of a parameter: the types of its values."""


@dataclass(frozen=True)
class LocalParameters:
    """The parameters of a run that plugins added.

    Attributes:
        values: The values that plugins give, by name; none for parameters with a default or a value of the user.
        owners: By name of each parameter that a plugin added: the plugin.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)


def local_parameters(
    plugins: PluginSet, config: PipelineConfig, report: CompileReport, given: Mapping[str, Any]
) -> LocalParameters:
    """Return the parameters that plugins added, with the values that plugins give for a run on this machine.

    Args:
        plugins: The plugins of the compile.
        config: The config.
        report: The report of the compile.
        given: The values of the user, by name.

    Raises:
        PluginError: If a plugin fails, or gives a value for an unknown parameter or of another type.
    """
    owners = {
        str(change.path[1]): change.plugin
        for change in report.changes
        if change.hook == "pipeline_parameters" and change.path[:1] == ("Parameters",)
    }
    declared = {parameter.name: parameter for parameter in report.spec.parameters}
    values: dict[str, Any] = {}
    for plugin in plugins.implementing(HOOK):
        for name, value in _call(plugin, config, report).items():
            if name not in declared:
                problem = (
                    f"it gives a value for parameter {safe_repr(name)}, which the pipeline does not have"
                )
                raise plugin.error(problem, "give values of parameters that the plugin adds", HOOK)
            parameter = declared[name]
            if type(value) not in _TYPES[parameter.type]:
                problem = (
                    f"it gives {safe_repr(value)} for parameter {name!r}, whose type is {parameter.type}"
                )
                raise plugin.error(problem, "give a value of that type", HOOK)
            if parameter.default is None and name not in given:
                values.setdefault(name, value)
    return LocalParameters(values, owners)


def _call(plugin: ConfiguredPlugin, config: PipelineConfig, report: CompileReport) -> Mapping[str, Any]:
    result = call_with_copies(plugin, HOOK, config=config, metadata=report.metadata)
    if not is_instance(result, Mapping):
        returned = "nothing" if result is None else f"{safe_repr(result)}, expected a mapping"
        raise plugin.error(f"it returned {returned}", "return values by the names of parameters", HOOK)
    with plugin.guard(HOOK):
        return dict(result)
