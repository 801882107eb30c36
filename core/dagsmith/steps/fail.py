"""Fail: end the execution with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from dagsmith.load.fields import Text
from dagsmith.steps.base import StepConfig, StepType, To

if TYPE_CHECKING:
    from dagsmith.lower.request import Lowering


class FailConfig(StepConfig):
    """The fields of a Fail step."""

    type: Literal["Fail"] = "Fail"
    error_message: Annotated[Text, To("ErrorMessage")] = ""


def lower(step: Lowering, config: FailConfig) -> None:
    """Fill the message."""
    step.put_fields()


STEP_TYPE = StepType(
    name="Fail",
    definition_type="Fail",
    about="Ends the execution with a message.",
    config=FailConfig,
    lower=lower,
)
