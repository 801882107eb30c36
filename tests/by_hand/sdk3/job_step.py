"""A job that a document describes: JobStep. SDK 2 has no such class.

The SDK's only producer of such a job asks the service for models when it is made, so this module has one of its
own, made in the same way.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import runnable_by_pipeline
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig, JobStep

from ..inputs import OUTPUT, ROLE


class Producer:
    """Makes a CreateJob request, as ``MultiTurnRLTrainer`` does."""

    _pipeline_caller_name = "create_job"

    def __init__(self, session: Any, document: dict[str, Any]) -> None:
        self.sagemaker_session = session
        self.document = document

    @runnable_by_pipeline
    def train(self) -> None:
        """Give the request to the session."""
        request = {
            "JobName": "agent",
            "RoleArn": ROLE,
            "JobCategory": "AgentRFT",
            "JobConfigSchemaVersion": "1.0.0",
            "JobConfigDocument": dict(self.document),
            "Tags": [{"Key": "team", "Value": "ml"}],
        }
        self.sagemaker_session._intercept_create_request(request, None, "create_job")


def build(session: Any) -> Pipeline:
    """``tune`` writes what ``score`` reads."""
    data = ParameterString("Data", default_value="s3://example-bucket/data")
    tune = JobStep(
        name="tune",
        step_args=Producer(
            session,
            {
                "AgentConfig": {"Steps": [1, 2.5, True, None], "Prompt": 'say "hi" ü'},
                "InputDataConfig": {"S3Uri": Join(on="/", values=[data, "train"]), "Kind": data},
                "OutputDataConfig": {"S3OutputPath": f"{OUTPUT}/tune/"},
            },
        ).train(),
        cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
        retry_policies=[StepRetryPolicy([StepExceptionTypeEnum.THROTTLING], max_attempts=3)],
    )
    score = JobStep(
        name="score",
        step_args=Producer(session, {"Job": tune.properties.JobArn}).train(),
    )
    return Pipeline(name="job-step", parameters=[data], steps=[tune, score], sagemaker_session=session)
