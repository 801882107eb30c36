"""The definition JSON of a pipeline, written from the spec alone.

This is the text that SageMaker gets (``CreatePipeline``'s ``PipelineDefinition``), and the same text that the
emitted ``Pipeline.definition()`` returns. The layout follows the SageMaker Pipeline Definition JSON schema,
version 2020-12-01.
"""

from __future__ import annotations

import json
from typing import Any

from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec, StepSpec
from dagcast.definition.values import render

SCHEMA_VERSION = "2020-12-01"


def definition(spec: PipelineSpec) -> dict[str, Any]:
    """The pipeline definition as plain JSON data."""
    by_name = {step.name: step for step in spec.steps}
    return {
        "Version": SCHEMA_VERSION,
        "Metadata": {},
        "Parameters": [parameter_request(parameter) for parameter in spec.parameters],
        "PipelineExperimentConfig": render(spec.experiment),
        "Steps": [step_request(step, by_name) for step in spec.top_level_steps],
    }


def definition_json(spec: PipelineSpec) -> str:
    """The pipeline definition as the one line of JSON text that the service gets."""
    return json.dumps(definition(spec))


def parameter_request(parameter: ParameterSpec) -> dict[str, Any]:
    """One entry of the definition's ``Parameters``."""
    request: dict[str, Any] = {"Name": parameter.name, "Type": parameter.type}
    if parameter.default is not None:
        request["DefaultValue"] = parameter.default
    if parameter.enum:
        request["EnumValues"] = list(parameter.enum)
    return request


def step_request(step: StepSpec, by_name: dict[str, StepSpec]) -> dict[str, Any]:
    """One entry of the definition's ``Steps``; a condition step holds the steps of its branches."""
    arguments = render(step.arguments)
    if step.is_condition:
        arguments["IfSteps"] = [step_request(by_name[name], by_name) for name in step.if_steps]
        arguments["ElseSteps"] = [step_request(by_name[name], by_name) for name in step.else_steps]
    request: dict[str, Any] = {"Name": step.name, "Type": step.definition_type, "Arguments": arguments}
    if step.depends_on:
        request["DependsOn"] = list(step.depends_on)
    if step.display_name:
        request["DisplayName"] = step.display_name
    if step.description:
        request["Description"] = step.description
    request.update(render(step.fields))
    return request
