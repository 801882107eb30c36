"""A message to a queue, and the wait for its answer."""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.mlops.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig

from ..inputs import ACCOUNT, DATA, REGION


def build(session: Any) -> Pipeline:
    """One callback step with outputs of every type, and a reader of one of them."""
    approve = CallbackStep(
        name="approve",
        display_name="Ask for approval",
        description="A person answers.",
        sqs_queue_url=f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/approvals",
        inputs={"data": DATA, "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN, "tries": 3},
        outputs=[
            CallbackOutput(output_name="who", output_type=CallbackOutputTypeEnum.String),
            CallbackOutput(output_name="votes", output_type=CallbackOutputTypeEnum.Integer),
            CallbackOutput(output_name="approved", output_type=CallbackOutputTypeEnum.Boolean),
            CallbackOutput(output_name="share", output_type=CallbackOutputTypeEnum.Float),
        ],
        cache_config=CacheConfig(enable_caching=False),
    )
    fail = FailStep(name="fail", error_message=approve.properties.Outputs["who"])
    return Pipeline(name="callback", steps=[approve, fail], sagemaker_session=session)
