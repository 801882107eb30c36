"""Lambda: call an AWS Lambda function."""

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


class LambdaConfig(MessageConfig):
    """The fields of a Lambda step. The function must exist: compiling makes nothing in AWS."""

    type: Literal["Lambda"] = "Lambda"
    function_arn: Annotated[StrOrReference, Field(description="ARN of the function, which must exist")]


def lower(step: "Lowering", config: LambdaConfig) -> None:
    """Set the input of the function, the ARN of the function, and the output parameters."""
    put_message(step, config)
    step.put_sibling("FunctionArn", config.function_arn, "function_arn")
    put_output_parameters(step, config)


STEP_TYPE = StepType(
    name="Lambda",
    definition_type="Lambda",
    about="Calls an AWS Lambda function.",
    config=LambdaConfig,
    lower=lower,
    outputs=message_outputs,
    properties=message_properties,
)
