"""Checks the steps of a definition, whoever made it: their requests, and where their references point.

>>> from dagcast.definition.read import read_definition
>>> step = '{"Name": "end", "Type": "Training", "Arguments": {"RoleArn": {"Get": "Parameters.Role"}}}'
>>> definition = read_definition(
...     '{"Parameters": [{"Name": "Role", "Type": "Integer", "DefaultValue": 1}], "Steps": [' + step + "]}"
... )
>>> next(problem.code for problem in check_steps(definition) if problem.path == ("Arguments", "RoleArn"))
'reference.needs-text'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dagcast.check.request import check_request
from dagcast.check.targets import Targets, located_references
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import Reference
from dagcast.errors import did_you_mean
from dagcast.paths import FieldPath
from dagcast.sagemaker.service_model import ServiceModelError

_NOTHING: Mapping[str | FieldPath, str] = MappingProxyType({})


@dataclass(frozen=True)
class StepProblem:
    """One thing that the service would refuse about a step.

    Attributes:
        step: The name of the step.
        path: Where, below the step's entry in the definition; empty for the whole step.
        message: What is wrong and what was expected, in one sentence.
        code: The id of the kind of problem.
        hint: What to write instead, if that can be said.
    """

    step: str
    path: FieldPath
    message: str
    code: str
    hint: str | None = None


def check_steps(definition: Definition) -> Iterator[StepProblem]:
    """Yield everything that the service would refuse about the steps of a definition.

    Args:
        definition: The pipeline: read from JSON, or a compiler's ``PipelineSpec``.
    """
    targets = Targets(definition)
    for step in definition.steps:
        yield from request_problems(step, targets)
        yield from reference_problems(step, targets)


def request_problems(
    step: Step, targets: Targets, forbidden: Mapping[str | FieldPath, str] = _NOTHING
) -> Iterator[StepProblem]:
    """Yield what is wrong with the request that a step sends.

    Args:
        step: The step.
        targets: What the references of its pipeline may point at.
        forbidden: Members of the request that pipelines do not take, each with the reason.
    """
    for shape in step.shapes:
        body = _part(step.arguments, shape.at)
        if body is None:
            continue
        try:
            problems = check_request(
                body,
                shape.name,
                service=shape.service,
                path=shape.at,
                parameter_types=targets.parameters,
                ignore_required=shape.ignore_required,
                forbidden=forbidden,
                reference_type=targets.kind,
            )
        except ServiceModelError as error:
            yield StepProblem(step.name, (), str(error), "request.unknown-shape")
            continue
        for problem in problems:
            path = ("Arguments", *shape.at, *problem.path)
            yield StepProblem(step.name, path, problem.message, problem.code, problem.hint)


def reference_problems(step: Step, targets: Targets) -> Iterator[StepProblem]:
    """Yield each reference of a step that leads nowhere, and each property file without its output.

    Args:
        step: The step.
        targets: What the references of its pipeline may point at.
    """
    values: dict[str, Any] = {"Arguments": step.arguments, **step.fields}
    for path, reference in located_references(values):
        problem = targets.problem(reference)
        if problem is not None:
            yield StepProblem(step.name, path, problem.message, problem.code, problem.hint)
        elif step.name in reference.steps:
            message = f"{reference} reads from the step itself"
            yield StepProblem(step.name, path, message, "reference.own-step")
    for index, item in enumerate(_mappings(step.fields.get("PropertyFiles"))):
        config = step.arguments.get("ProcessingOutputConfig")
        outputs = _mappings(config.get("Outputs")) if isinstance(config, dict) else ()
        names = [output.get("OutputName") for output in outputs]
        output = item.get("OutputName")
        if output not in names:
            name = item.get("PropertyFileName")
            message = f"property file {name!r} lies in output {output!r}, which the step does not have"
            hint = did_you_mean(str(output), [str(known) for known in names])
            path = ("PropertyFiles", index, "OutputName")
            yield StepProblem(step.name, path, message, "reference.unknown-output", hint)


def _mappings(items: Any) -> tuple[Mapping[str, Any], ...]:
    """The mappings in a list; a definition that was read may hold anything else there."""
    return tuple(item for item in items if isinstance(item, dict)) if isinstance(items, tuple) else ()


def _part(arguments: Any, at: FieldPath) -> Any:
    part: Any = arguments
    for name in at:
        if not isinstance(part, dict) or name not in part:
            return None
        part = part[name]
    return None if isinstance(part, Reference) else part
