"""Targets of references: parameters, properties of steps, and property files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.check.problems import ReferenceProblem
from dagcast.check.properties import PropertyType, resolve_property
from dagcast.definition.model import Definition, Step
from dagcast.definition.references import JsonGet, ParameterRef, Reference, StepProperty
from dagcast.errors import did_you_mean
from dagcast.sagemaker.service_model import ServiceModelError
from dagcast.sagemaker.step_shapes import PropertyShape


class Targets:
    """The valid targets of references in a pipeline.

    Args:
        definition: The pipeline.
        broken: Steps that are missing or incomplete because of errors that are already reported.
    """

    def __init__(self, definition: Definition, broken: frozenset[str] = frozenset()) -> None:
        self.broken = broken
        self.parameters = definition.parameter_types()
        self.parameter_values: Mapping[str, tuple[Any, ...]] = {
            parameter.name: tuple(
                dict.fromkeys(value for value in (parameter.default, *parameter.enum) if value is not None)
            )
            for parameter in definition.parameters
        }
        self.steps: Mapping[str, Step] = definition.by_name
        self._found: dict[StepProperty, PropertyType | ReferenceProblem] = {}
        # Most references differ only in the step, and steps of the same type have the same properties.
        self._resolved: dict[tuple[PropertyShape, str], PropertyType | ReferenceProblem] = {}

    def kind(self, reference: Reference) -> str | None:
        """Return the botocore type of a reference's value, or ``None`` if it is unknown."""
        if isinstance(reference, StepProperty) and reference.step in self.steps:
            resolved = self._resolve(reference)
            return resolved.kind if isinstance(resolved, PropertyType) else None
        return None

    def problem(self, reference: Reference) -> ReferenceProblem | None:
        """Return why the target of a reference does not exist, or ``None`` if it exists."""
        if isinstance(reference, ParameterRef):
            if reference.name in self.parameters:
                return None
            close = did_you_mean(reference.name, self.parameters)
            hint = close or "declare it under parameters"
            message = f"{reference} is not a declared parameter"
            return ReferenceProblem(
                message, "reference.unknown-parameter", hint, f"parameter {reference.name!r}"
            )
        for name in reference.steps:
            if name not in self.steps and name in self.broken:
                return None
            if name not in self.steps:
                message = f"{reference} refers to {name!r}, which is not a step of this pipeline"
                close = did_you_mean(name, self.steps)
                return ReferenceProblem(message, "reference.unknown-step", close, f"step {name!r}")
        if isinstance(reference, StepProperty):
            resolved = self._resolve(reference)
            if isinstance(resolved, ReferenceProblem):
                return ReferenceProblem(f"{reference}: {resolved.message}", resolved.code, resolved.hint)
        if isinstance(reference, JsonGet):
            return self._property_file_problem(reference)
        return None

    def _resolve(self, reference: StepProperty) -> PropertyType | ReferenceProblem:
        found = self._found.get(reference)
        if found is None:
            found = self._found[reference] = self._resolve_anew(reference)
        return found

    def _resolve_anew(self, reference: StepProperty) -> PropertyType | ReferenceProblem:
        shape = self.steps[reference.step].properties
        outputs = _named_output_problem(self.steps[reference.step], reference)
        # The output may be missing because the step is incomplete, such as an output without a bucket.
        if outputs is not None and reference.step not in self.broken:
            return outputs
        if shape is None:
            return PropertyType(None, reference.path)
        key = (shape, reference.path)
        if key not in self._resolved:
            try:
                self._resolved[key] = resolve_property(shape, reference.path)
            except ServiceModelError:
                # The unknown shape is reported for the step that has it.
                self._resolved[key] = PropertyType(None, reference.path)
        return self._resolved[key]

    def _property_file_problem(self, reference: JsonGet) -> ReferenceProblem | None:
        step = self.steps[reference.step]
        items = step.fields.get("PropertyFiles") or ()
        files = [str(item.get("PropertyFileName")) for item in items if isinstance(item, dict)]
        if reference.property_file in files or reference.step in self.broken:
            return None
        kind = step.definition_type
        if kind != "Processing":
            message = f"{reference}: only Processing steps have property files, not a {kind} step"
            return ReferenceProblem(message, "reference.unknown-property-file")
        hint = (
            did_you_mean(reference.property_file, files)
            or f"declare it under property_files of {step.name!r}"
        )
        message = f"{reference}: step {step.name!r} has no property file {reference.property_file!r}"
        return ReferenceProblem(message, "reference.unknown-property-file", hint)


def _named_output_problem(step: Step, reference: StepProperty) -> ReferenceProblem | None:
    """Return the problem of a reference to a processing output that the step does not have."""
    prefix = "ProcessingOutputConfig.Outputs['"
    if not reference.path.startswith(prefix) or step.definition_type != "Processing":
        return None
    name = reference.path[len(prefix) :].partition("'")[0]
    outputs = step.arguments.get("ProcessingOutputConfig", {}).get("Outputs", ())
    names = [str(item.get("OutputName")) for item in outputs if isinstance(item, dict)]
    if name in names:
        return None
    hint = did_you_mean(name, names) or "it has no outputs"
    return ReferenceProblem(f"step {step.name!r} has no output {name!r}", "reference.unknown-property", hint)
