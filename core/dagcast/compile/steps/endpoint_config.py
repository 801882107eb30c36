"""EndpointConfig: configure the instances and models of an endpoint."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import EMPTY, FloatOrReference, IntOrReference, StrOrReference
from dagcast.compile.config.step import Cached, Retried, StepConfig, To, WithInputs, WithOutputs
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class EndpointConfigConfig(StepConfig, WithInputs, WithOutputs, Cached, Retried):
    """The fields of an EndpointConfig step: one variant; ``request`` reaches everything else."""

    type: Literal["EndpointConfig"] = "EndpointConfig"
    endpoint_config_name: Annotated[
        StrOrReference | None,
        Field(description="Name of the configuration; by default the service makes one"),
        To("EndpointConfigName"),
    ] = None
    instance_type: StrOrReference | None = None
    initial_instance_count: Annotated[IntOrReference, Field(description="Number of instances")] = 1
    variant_name: Annotated[StrOrReference, Field(description="Name of the variant")] = "AllTraffic"
    initial_variant_weight: Annotated[
        FloatOrReference | None, Field(description="Share of the requests that the variant receives")
    ] = None
    kms_key: Annotated[StrOrReference | None, To("KmsKeyId")] = None
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _inputs(config: EndpointConfigConfig) -> tuple[InputPort, ...]:
    required = "ProductionVariants" not in config.request
    return (
        InputPort("model_name", "model-name", config.given("model_name"), required, "the model that serves"),
    )


def _outputs(config: EndpointConfigConfig, name: str) -> tuple[OutputPort, ...]:
    value = StepProperty(name, "EndpointConfigName")
    return (OutputPort("endpoint_config_name", "endpoint-config-name", value, "the configuration's name"),)


def lower(step: "Lowering", config: EndpointConfigConfig) -> None:
    """Fill a CreateEndpointConfig request."""
    step.put_fields()
    members: dict[str, tuple[Any, Any]] = {
        "VariantName": (config.variant_name, "variant_name"),
        "ModelName": (step.source("model_name"), step.source_origin("model_name")),
        "InstanceType": (config.instance_type, "instance_type"),
        "InitialInstanceCount": (config.initial_instance_count, "initial_instance_count"),
        "InitialVariantWeight": (config.initial_variant_weight, "initial_variant_weight"),
    }
    variant = {member: value for member, (value, _) in members.items() if value is not None}
    step.put("ProductionVariants", [variant])
    for member, (_, origin) in members.items():
        if member in variant:
            step.origins[("Arguments", "ProductionVariants", 0, member)] = step.origin(origin)


STEP_TYPE = StepType(
    name="EndpointConfig",
    definition_type="EndpointConfig",
    about="Describes the machines and models of an endpoint.",
    config=EndpointConfigConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["EndpointConfig"].shapes,
    properties=STEP_KINDS["EndpointConfig"].properties,
)
