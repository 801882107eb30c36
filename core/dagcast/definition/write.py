"""Write pipeline definitions: the opposite of :mod:`dagcast.definition.read`.

The text is ``PipelineDefinition`` of ``CreatePipeline``, and the result of the emitted ``Pipeline.definition()``. Its
layout follows the JSON schema of SageMaker pipeline definitions, version 2020-12-01.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dagcast.definition.model import Definition, ParameterSpec, Step
from dagcast.definition.references import Reference, render

SCHEMA_VERSION = "2020-12-01"
"""``Version`` of the JSON schema of pipeline definitions."""


def write_definition(definition: Definition) -> str:
    """Return a definition as one line of JSON, which is sent to the service."""
    # The encoder accepts frozen mappings and tuples as they are, so that only references are rendered.
    return json.dumps(_definition_data(definition, _keep), default=_expression)


def definition_data(definition: Definition) -> dict[str, Any]:
    """Return a definition as plain JSON data."""
    return _definition_data(definition, render)


def _definition_data(definition: Definition, convert: Callable[[Any], Any]) -> dict[str, Any]:
    steps = definition.by_name
    return {
        "Version": SCHEMA_VERSION,
        "Metadata": {},
        "Parameters": [parameter_data(parameter) for parameter in definition.parameters],
        "PipelineExperimentConfig": convert(definition.experiment),
        "Steps": [_step_data(step, steps, convert) for step in definition.top_level_steps],
    }


def _keep(value: Any) -> Any:
    return value


def _expression(value: object) -> dict[str, Any]:
    """The JSON of a reference, for the encoder, which calls this for what it does not know."""
    if isinstance(value, Reference):
        return value.expression
    raise TypeError(f"{value!r} is not JSON data")


def parameter_data(parameter: ParameterSpec) -> dict[str, Any]:
    """Return one entry of the definition's ``Parameters``."""
    data: dict[str, Any] = {"Name": parameter.name, "Type": parameter.type}
    if parameter.default is not None:
        data["DefaultValue"] = parameter.default
    if parameter.enum:
        data["EnumValues"] = list(parameter.enum)
    return data


def step_data(step: Step, steps: Mapping[str, Step]) -> dict[str, Any]:
    """Return one entry of the definition's ``Steps``.

    Args:
        step: The step.
        steps: The steps of the pipeline by name; the entry of a condition step contains those of its branches.
    """
    return _step_data(step, steps, render)


def _step_data(step: Step, steps: Mapping[str, Step], convert: Callable[[Any], Any]) -> dict[str, Any]:
    arguments = convert(step.arguments)
    if step.is_condition:
        arguments = {
            **arguments,
            "IfSteps": [_step_data(steps[name], steps, convert) for name in step.if_steps],
            "ElseSteps": [_step_data(steps[name], steps, convert) for name in step.else_steps],
        }
    data: dict[str, Any] = {"Name": step.name, "Type": step.definition_type, "Arguments": arguments}
    if step.depends_on:
        data["DependsOn"] = [
            {"Step": name, "Trigger": step.triggers[name]} if name in step.triggers else name
            for name in step.depends_on
        ]
    if step.display_name:
        data["DisplayName"] = step.display_name
    if step.description:
        data["Description"] = step.description
    data.update(convert(step.fields))
    return data
