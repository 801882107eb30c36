"""Checks before a run whether the models of its steps can be served here."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.definition.model import Definition, Step
from dagcast.definition.references import StepProperty
from dagcast.errors import Diagnostic
from dagcast.runner.container.check_request import as_list, as_mapping, cannot_run_here
from dagcast.runner.model_containers import count_containers
from dagcast.runner.options import RunOptions


def check_model(step: Step, definition: Definition, options: RunOptions) -> Iterator[Diagnostic]:
    """Yield a problem if a step needs a model of several containers, which a local run does not serve."""
    if step.definition_type == "Model":
        yield from _check_packages(step, definition, options)
    name = step.arguments.get("ModelName")
    if step.definition_type != "Transform" or not isinstance(name, StepProperty):
        return
    model = definition.by_name.get(name.step)
    if model is None or model.definition_type != "Model" or name.step in options.stubs:
        return
    count = len(as_list(model.arguments.get("Containers")))
    if count > 1:
        yield cannot_run_here(
            step.name, f"the model of step {name.step!r} has {count} containers, and a local run serves one"
        )


def _check_packages(step: Step, definition: Definition, options: RunOptions) -> Iterator[Diagnostic]:
    """Yield each model package of several containers that a model is made from."""
    primary = step.arguments.get("PrimaryContainer")
    for container in [primary] if primary else as_list(step.arguments.get("Containers")):
        name = as_mapping(container).get("ModelPackageName")
        if isinstance(name, str):
            count, owner = count_containers(options.runs, name), f"model package {name!r}"
        elif isinstance(name, StepProperty) and name.step not in options.stubs:
            count, owner = _registered_containers(definition.by_name.get(name.step)), f"step {name.step!r}"
        else:
            continue
        if count > 1:
            yield cannot_run_here(
                step.name, f"the model of {owner} has {count} containers, and a local run serves one"
            )


def _registered_containers(step: Step | None) -> int:
    if step is None or step.definition_type != "RegisterModel":
        return 0
    specification = as_mapping(step.arguments.get("InferenceSpecification"))
    return len(as_list(specification.get("Containers")))
