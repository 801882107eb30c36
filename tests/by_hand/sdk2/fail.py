"""Steps that end the execution as failed."""

from __future__ import annotations

from typing import Any

from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join
from sagemaker.workflow.pipeline import Pipeline


def build(session: Any) -> Pipeline:
    """One without a message, and one whose message is put together when it runs."""
    plain = FailStep(name="fail-plain")
    fail = FailStep(
        name="fail",
        display_name="Give up",
        description="Ends the execution.",
        error_message=Join(on=" ", values=["gave up in", ExecutionVariables.PIPELINE_EXECUTION_ID]),
        depends_on=["fail-plain"],
    )
    return Pipeline(name="fail", steps=[plain, fail], sagemaker_session=session)
