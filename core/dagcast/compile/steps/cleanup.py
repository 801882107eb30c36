"""Cleanup: delete what earlier steps wrote to S3."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from dagcast.compile.config.fields import ConfigModel, Fixed, StrOrReference
from dagcast.compile.config.step import StepConfig
from dagcast.compile.steps.step_type import StepType
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class CleanupSource(ConfigModel):
    """A step whose outputs are deleted; a plain string is its name."""

    step: Annotated[Fixed, Field(description="Name of the step")]
    s3_uris: Annotated[
        tuple[StrOrReference, ...],
        Field(
            strict=False,
            description="Objects to delete, which the step wrote; for Processing and Transform. By default the service "
            "finds the outputs, which it does for Training",
        ),
    ] = ()

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"step": value} if isinstance(value, str) else value


class CleanupConfig(StepConfig):
    """The fields of a Cleanup step. It waits for the steps whose outputs it deletes."""

    type: Literal["Cleanup"] = "Cleanup"
    sources: Annotated[
        tuple[CleanupSource, ...],
        Field(min_length=1, strict=False, description="Steps whose outputs are deleted from S3"),
    ]

    def model_post_init(self, context: Any) -> None:
        """Add the sources to the steps that this one waits for: the service deletes outputs of steps that have ended.

        Source: ``CleanupStep`` of the SageMaker Python SDK.
        """
        super().model_post_init(context)
        names = (*self.depends_on, *(source.step for source in self.sources))
        self.__dict__["depends_on"] = tuple(dict.fromkeys(names))


def lower(step: "Lowering", config: CleanupConfig) -> None:
    """Set the resources to delete."""
    resources = [
        {"StepName": source.step, **({"S3Uris": list(source.s3_uris)} if source.s3_uris else {})}
        for source in config.sources
    ]
    step.put(("Resources", "S3"), resources, "sources")
    for index in range(len(config.sources)):
        step.origins[("Arguments", "Resources", "S3", index)] = step.origin(("sources", index))


STEP_TYPE = StepType(
    name="Cleanup",
    definition_type="Cleanup",
    about="Deletes what earlier steps wrote to S3.",
    config=CleanupConfig,
    lower=lower,
    properties=STEP_KINDS["Cleanup"].properties,
    sample={"sources": ()},
)
