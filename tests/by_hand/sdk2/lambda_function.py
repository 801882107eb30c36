"""Calls of a Lambda function that exists already."""

from __future__ import annotations

from typing import Any

from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import CacheConfig

from ..inputs import ACCOUNT, MODEL_DATA, REGION

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:notify"


def build(session: Any) -> Pipeline:
    """A call without anything, one with inputs and outputs of every type, and a reader of an output."""
    plain = LambdaStep(name="notify-plain", lambda_func=Lambda(function_arn=FUNCTION, session=session))
    notify = LambdaStep(
        name="notify",
        display_name="Tell the team",
        description="Posts a message.",
        lambda_func=Lambda(function_arn=FUNCTION, session=session),
        inputs={
            "model": MODEL_DATA,
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ID,
            "tries": 3,
            "details": {"urgent": True, "to": ["a", "b"]},
        },
        outputs=[
            LambdaOutput(output_name="message_id", output_type=LambdaOutputTypeEnum.String),
            LambdaOutput(output_name="count", output_type=LambdaOutputTypeEnum.Integer),
            LambdaOutput(output_name="delivered", output_type=LambdaOutputTypeEnum.Boolean),
            LambdaOutput(output_name="delay", output_type=LambdaOutputTypeEnum.Float),
        ],
        cache_config=CacheConfig(enable_caching=True, expire_after="PT1H"),
        depends_on=[plain],
    )
    fail = FailStep(name="fail", error_message=notify.properties.Outputs["message_id"])
    return Pipeline(name="lambda", steps=[plain, notify, fail], sagemaker_session=session)
