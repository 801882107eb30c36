"""Work on an EMR cluster that runs already."""

from __future__ import annotations

from typing import Any

from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import CacheConfig

from ..inputs import CODE, DATA, ROLE


def build(session: Any) -> Pipeline:
    """One step with the least, one with everything but a retry policy, which only SDK 2 has."""
    plain = EMRStep(
        name="count-plain",
        display_name="Count",
        description="Counts words.",
        cluster_id="j-1A2B3C4D5E6F7",
        step_config=EMRStepConfig(jar="command-runner.jar"),
    )
    count = EMRStep(
        name="count",
        display_name="Count again",
        description="Counts words with options.",
        cluster_id="j-1A2B3C4D5E6F7",
        step_config=EMRStepConfig(
            jar=f"{CODE}/count.jar",
            args=["--input", f"{DATA}/words"],
            main_class="com.example.Count",
            properties=[{"Key": "mapreduce.job.reduces", "Value": "2"}],
        ),
        depends_on=[plain],
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        execution_role_arn=ROLE,
    )
    return Pipeline(name="emr", steps=[plain, count], sagemaker_session=session)
