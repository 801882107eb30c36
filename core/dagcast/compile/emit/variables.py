"""Convert references of the spec to pipeline variables of the SDK, and SDK objects to the definition's format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagcast.compile.emit.sdk import SDK
from dagcast.compile.spec.pipeline import ParameterSpec
from dagcast.definition.references import (
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
)


class Variables:
    """Converts spec values to SDK values. Each emitted pipeline has its own, which holds the parameter objects."""

    def __init__(self, sdk: SDK, parameters: Mapping[str, Any]) -> None:
        self.sdk = sdk
        self._parameters = parameters

    def convert(self, value: Any) -> Any:
        """Return a copy of ``value`` with new dicts and lists and a pipeline variable in place of each reference."""
        if isinstance(value, Reference):
            return self._variable(value)
        if isinstance(value, dict):
            return {key: self.convert(item) for key, item in value.items()}
        # The SDK searches lists for variables, but not tuples.
        if isinstance(value, (list, tuple)):
            return [self.convert(item) for item in value]
        return value

    def _variable(self, reference: Reference) -> Any:
        if isinstance(reference, ParameterRef):
            return self._parameters[reference.name]
        if isinstance(reference, ExecutionVariable):
            return self.sdk.ExecutionVariable(reference.name)
        if isinstance(reference, StepProperty):
            return self.sdk.Properties(step_name=reference.step, path=reference.path)
        if isinstance(reference, JsonGet):
            return self.sdk.JsonGet(
                step_name=reference.step, property_file=reference.property_file, json_path=reference.path
            )
        if isinstance(reference, Join):
            return self.sdk.Join(on=reference.on, values=self.convert(reference.values))
        raise TypeError(f"no pipeline variable for {type(reference).__name__}")


def sdk_parameter(parameter: ParameterSpec, sdk: SDK) -> Any:
    """Return the SDK's parameter object."""
    if parameter.type == "String":
        made = sdk.ParameterString(parameter.name, enum_values=list(parameter.enum) or None)
    elif parameter.type == "Boolean":
        made = sdk.ParameterBoolean(parameter.name)
    else:
        made = {"Integer": sdk.ParameterInteger, "Float": sdk.ParameterFloat}[parameter.type](parameter.name)
    # Set the default afterwards: the SDK's constructor rejects the default 1 for a Float, which the service accepts.
    made.default_value = parameter.default
    return made


def definition_value(value: Any) -> Any:
    """Return ``value`` in the definition's format, with each SDK object replaced by its expression."""
    if isinstance(value, dict):
        return {key: definition_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [definition_value(item) for item in value]
    return value.expr if hasattr(value, "expr") else value
