"""CreateModel: create a model for transform jobs and endpoints."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.bind.ports import OutputPort
from dagcast.compile.config.fields import EMPTY, BoolOrReference, StrOrReference
from dagcast.compile.config.step import Retried, To
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.model import ModelConfig, containers, mark_containers, model_inputs
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class CreateModelConfig(ModelConfig, Retried):
    """The fields of a CreateModel step. ``instance_type`` only chooses the image of a framework."""

    type: Literal["CreateModel"] = "CreateModel"
    inference_execution_mode: Annotated[
        Literal["Serial", "Direct"] | None,
        Field(
            description="Whether containers run one after the other or are invoked one by one; by default Serial"
        ),
        To(("InferenceExecutionConfig", "Mode")),
    ] = None
    enable_network_isolation: Annotated[BoolOrReference | None, To("EnableNetworkIsolation")] = None
    subnets: Annotated[tuple[StrOrReference, ...], Field(strict=False), To(("VpcConfig", "Subnets"))] = ()
    security_group_ids: Annotated[
        tuple[StrOrReference, ...], Field(strict=False), To(("VpcConfig", "SecurityGroupIds"))
    ] = ()
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _outputs(config: CreateModelConfig, name: str) -> tuple[OutputPort, ...]:
    return (OutputPort("model_name", "model-name", StepProperty(name, "ModelName"), "the model's name"),)


def lower(step: "Lowering", config: CreateModelConfig) -> None:
    """Fill a CreateModel request."""
    step.put_fields()
    put_role(step, config, "ExecutionRoleArn")
    made = list(containers(step, config))
    if not config.containers:
        for member, (value, origin) in made[0].items():
            step.put(("PrimaryContainer", member), value, origin)
        return
    step.put("Containers", [{member: value for member, (value, _) in item.items()} for item in made])
    mark_containers(step, made, ("Containers",))


STEP_TYPE = StepType(
    name="CreateModel",
    definition_type="Model",
    about="Makes a model that transforms and endpoints can use.",
    config=CreateModelConfig,
    lower=lower,
    inputs=model_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["Model"].shapes,
    properties=STEP_KINDS["Model"].properties,
)
