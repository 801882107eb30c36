"""EMRServerless: run a job on EMR Serverless."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.config.fields import EMPTY, FreeMapping, IntOrReference, StrOrReference
from dagcast.compile.config.step import Cached, Retried, StepConfig, To
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.step_type import StepType
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class EMRServerlessConfig(StepConfig, Cached, Retried):
    """The fields of an EMRServerless step: in an application (``application_id``) or in one of its own."""

    type: Literal["EMRServerless"] = "EMRServerless"
    role: StrOrReference | None = None
    application_id: Annotated[
        StrOrReference | None,
        Field(description="Id of an application; excludes application_config"),
        To("ApplicationId"),
    ] = None
    application_config: Annotated[
        FreeMapping,
        Field(description="Request of CreateApplication for one of the step's own; excludes application_id"),
        To("ApplicationConfig"),
    ] = EMPTY
    job_driver: Annotated[
        FreeMapping,
        Field(description="What runs, such as {sparkSubmit: {entryPoint: s3://BUCKET/job.py}}"),
        To(("JobConfig", "jobDriver")),
    ]
    configuration_overrides: Annotated[
        FreeMapping,
        Field(description="Configuration of the job that differs from the application's"),
        To(("JobConfig", "configurationOverrides")),
    ] = EMPTY
    execution_timeout_minutes: Annotated[
        IntOrReference | None,
        Field(description="Minutes after which the job is stopped"),
        To(("JobConfig", "executionTimeoutMinutes")),
    ] = None
    job_name: Annotated[
        StrOrReference | None, Field(description="Name of the job run"), To(("JobConfig", "name"))
    ] = None
    tags: Annotated[dict[str, StrOrReference], To(("JobConfig", "tags"))] = EMPTY

    @model_validator(mode="after")
    def _one_application(self) -> "EMRServerlessConfig":
        if (self.application_id is None) == (not self.application_config):
            message = "an EMRServerless step takes one of application_id and application_config"
            raise PydanticCustomError("application", message)
        return self


def lower(step: "Lowering", config: EMRServerlessConfig) -> None:
    """Fill a StartJobRun request, and set its application."""
    put_role(step, config, "ExecutionRoleArn")
    put_role(step, config, ("JobConfig", "executionRoleArn"))
    step.put_fields()
    step.put(("JobConfig", "applicationId"), config.application_id, "application_id")


STEP_TYPE = StepType(
    name="EMRServerless",
    definition_type="EMRServerless",
    about="Runs a job on EMR Serverless.",
    config=EMRServerlessConfig,
    lower=lower,
    shapes=STEP_KINDS["EMRServerless"].shapes,
    properties=STEP_KINDS["EMRServerless"].properties,
)
