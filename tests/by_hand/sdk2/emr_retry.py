"""Retry policies on an EMR step. Only SDK 2's EMRStep takes them."""

from __future__ import annotations

from typing import Any

from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy


def build(session: Any) -> Pipeline:
    """One EMR step that is tried again."""
    count = EMRStep(
        name="count",
        display_name="Count",
        description="Counts words.",
        cluster_id="j-1A2B3C4D5E6F7",
        step_config=EMRStepConfig(jar="command-runner.jar"),
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=3)],
    )
    return Pipeline(name="emr-retry", steps=[count], sagemaker_session=session)
