"""A pipeline that asks for no experiment."""

from __future__ import annotations

from typing import Any

from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.pipeline import Pipeline


def build(session: Any) -> Pipeline:
    """One step; the experiment config is None."""
    return Pipeline(
        name="no-experiment",
        pipeline_experiment_config=None,
        steps=[FailStep(name="fail")],
        sagemaker_session=session,
    )
