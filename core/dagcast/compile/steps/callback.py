"""Callback: send a message to a queue and wait for the response."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.config.fields import StrOrReference
from dagcast.compile.steps.lambda_callback import (
    MessageConfig,
    message_outputs,
    message_properties,
    put_message,
    put_output_parameters,
)
from dagcast.compile.steps.step_type import StepType

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class CallbackConfig(MessageConfig):
    """The fields of a Callback step."""

    type: Literal["Callback"] = "Callback"
    sqs_queue_url: Annotated[StrOrReference, Field(description="URL of the queue that receives the message")]


def lower(step: "Lowering", config: CallbackConfig) -> None:
    """Set the message, the URL of the queue, and the output parameters."""
    put_message(step, config)
    step.put_sibling("SqsQueueUrl", config.sqs_queue_url, "sqs_queue_url")
    put_output_parameters(step, config)


STEP_TYPE = StepType(
    name="Callback",
    definition_type="Callback",
    about="Sends a message to a queue and waits for the answer.",
    config=CallbackConfig,
    lower=lower,
    outputs=message_outputs,
    properties=message_properties,
)
