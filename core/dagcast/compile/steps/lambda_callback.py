"""Shared parts of Lambda and Callback: inputs to send, and typed outputs to receive."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from dagcast.compile.bind.ports import TEXT, OutputPort
from dagcast.compile.config.fields import EMPTY, Body
from dagcast.compile.config.step import Cached, OutputConfig, PortName, StepConfig
from dagcast.compile.spec.pipeline import PropertyShape
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import output_properties

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

OutputType = Literal["String", "Integer", "Boolean", "Float"]

_KINDS = {"String": TEXT, "Integer": "number", "Float": "number", "Boolean": "boolean"}


class MessageOutput(OutputConfig):
    """One value that comes back; a plain string is its ``type``."""

    type: Annotated[OutputType, Field(description="Type of the value")] = "String"

    @model_validator(mode="before")
    @classmethod
    def _type_alone(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else {} if value is None else value


class MessageConfig(StepConfig, Cached):
    """The fields that Lambda and Callback share."""

    inputs: dict[str, Body] = Field(default=EMPTY, description="What is sent; values may be references")
    outputs: dict[PortName, MessageOutput] = Field(
        default=EMPTY, description="What comes back, with its type"
    )


def message_outputs(config: MessageConfig, name: str) -> tuple[OutputPort, ...]:
    """Return one output port for each returned value."""
    return tuple(
        OutputPort(
            port, _KINDS[item.type], StepProperty(name, f"OutputParameters['{port}']"), f"a {item.type}"
        )
        for port, item in config.outputs.items()
    )


def message_properties(config: MessageConfig) -> PropertyShape:
    """Return the properties that references may use: the declared outputs."""
    return output_properties(_output_parameters(config))


def put_message(step: "Lowering", config: MessageConfig) -> None:
    """Set the inputs to send."""
    for name, value in config.inputs.items():
        step.arguments[name] = value
        step.origins[("Arguments", name)] = step.origin(("inputs", name))


def put_output_parameters(step: "Lowering", config: MessageConfig) -> None:
    """Declare the returned values and their types."""
    step.put_sibling("OutputParameters", _output_parameters(config), "outputs")


def _output_parameters(config: MessageConfig) -> list[dict[str, Any]]:
    return [{"OutputName": port, "OutputType": item.type} for port, item in config.outputs.items()]
