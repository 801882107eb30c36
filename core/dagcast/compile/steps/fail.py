"""Fail: stop the execution with an error message."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from dagcast.compile.config.fields import StrOrReference
from dagcast.compile.config.step import StepConfig, refuse_request
from dagcast.compile.steps.step_type import StepType

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class FailConfig(StepConfig):
    """The fields of a Fail step."""

    type: Literal["Fail"] = "Fail"
    error_message: Annotated[StrOrReference, Field(description="Reason that the execution reports")] = ""

    @model_validator(mode="after")
    def _sends_none(self) -> "FailConfig":
        refuse_request(self)
        return self


def lower(step: "Lowering", config: FailConfig) -> None:
    """Set the error message."""
    step.put("ErrorMessage", step.as_string(config.error_message), "error_message")


STEP_TYPE = StepType(
    name="Fail",
    definition_type="Fail",
    about="Ends the execution with a message.",
    config=FailConfig,
    lower=lower,
)
