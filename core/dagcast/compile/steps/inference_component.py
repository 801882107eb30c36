"""InferenceComponent: put a model on an endpoint that holds several, or update the component of that name."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import EMPTY, FloatOrReference, IntOrReference, StrOrReference
from dagcast.compile.config.step import StepConfig, To, WithInputs, WithOutputs
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

RESOURCES = ("Specification", "ComputeResourceRequirements")


class InferenceComponentConfig(StepConfig, WithInputs, WithOutputs):
    """The fields of an InferenceComponent step."""

    type: Literal["InferenceComponent"] = "InferenceComponent"
    inference_component_name: Annotated[
        StrOrReference, Field(description="Name of the component"), To("InferenceComponentName")
    ]
    variant_name: Annotated[
        StrOrReference | None,
        Field(description="Variant of the endpoint that runs the component"),
        To("VariantName"),
    ] = None
    copy_count: Annotated[
        IntOrReference, Field(description="Copies of the model that run"), To(("RuntimeConfig", "CopyCount"))
    ] = 1
    min_memory_in_mb: Annotated[
        IntOrReference | None,
        Field(description="MB of memory that each copy needs"),
        To((*RESOURCES, "MinMemoryRequiredInMb")),
    ] = None
    max_memory_in_mb: Annotated[
        IntOrReference | None,
        Field(description="MB of memory that each copy may use"),
        To((*RESOURCES, "MaxMemoryRequiredInMb")),
    ] = None
    cpu_cores: Annotated[
        FloatOrReference | None,
        Field(description="CPU cores that each copy needs"),
        To((*RESOURCES, "NumberOfCpuCoresRequired")),
    ] = None
    accelerators: Annotated[
        FloatOrReference | None,
        Field(description="GPUs or other accelerators that each copy needs"),
        To((*RESOURCES, "NumberOfAcceleratorDevicesRequired")),
    ] = None
    tags: Annotated[
        dict[str, StrOrReference], Field(description="Tags of the component"), To("Tags", tag_list)
    ] = EMPTY


def _inputs(config: InferenceComponentConfig) -> tuple[InputPort, ...]:
    endpoint = InputPort(
        "endpoint_name", "endpoint-name", config.given("endpoint_name"), about="the endpoint that runs it"
    )
    model = InputPort("model_name", "model-name", config.given("model_name"), False, "the model that runs")
    return endpoint, model


def _outputs(config: InferenceComponentConfig, name: str) -> tuple[OutputPort, ...]:
    value = StepProperty(name, "InferenceComponentName")
    return (OutputPort("inference_component_name", "inference-component-name", value, "its name"),)


def lower(step: "Lowering", config: InferenceComponentConfig) -> None:
    """Fill a CreateInferenceComponent request."""
    step.put_fields()
    step.put("EndpointName", step.source("endpoint_name"), step.source_origin("endpoint_name"))
    step.put(("Specification", "ModelName"), step.source("model_name"), step.source_origin("model_name"))


STEP_TYPE = StepType(
    name="InferenceComponent",
    definition_type="InferenceComponent",
    about="Puts a model on an endpoint that holds several, or updates it there.",
    config=InferenceComponentConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["InferenceComponent"].shapes,
    properties=STEP_KINDS["InferenceComponent"].properties,
    sample={"inference_component_name": "component"},
)
