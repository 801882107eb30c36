"""Endpoint: create an endpoint, or update the existing endpoint with the same name."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import EMPTY, StrOrReference
from dagcast.compile.config.step import Cached, StepConfig, To, WithInputs, WithOutputs
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class EndpointConfig(StepConfig, WithInputs, WithOutputs, Cached):
    """The fields of an Endpoint step."""

    type: Literal["Endpoint"] = "Endpoint"
    endpoint_name: Annotated[
        StrOrReference | None,
        Field(description="Name of the endpoint; by default the service makes one"),
        To("EndpointName"),
    ] = None
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _inputs(config: EndpointConfig) -> tuple[InputPort, ...]:
    given = config.given("endpoint_config_name")
    return (
        InputPort("endpoint_config_name", "endpoint-config-name", given, about="the configuration to serve"),
    )


def _outputs(config: EndpointConfig, name: str) -> tuple[OutputPort, ...]:
    return (OutputPort("endpoint_name", "endpoint-name", StepProperty(name, "EndpointName"), "its name"),)


def lower(step: "Lowering", config: EndpointConfig) -> None:
    """Fill a CreateEndpoint request."""
    step.put_fields()
    origin = step.source_origin("endpoint_config_name")
    step.put("EndpointConfigName", step.source("endpoint_config_name"), origin)


STEP_TYPE = StepType(
    name="Endpoint",
    definition_type="Endpoint",
    about="Creates an endpoint, or updates the one of that name.",
    config=EndpointConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["Endpoint"].shapes,
    properties=STEP_KINDS["Endpoint"].properties,
)
