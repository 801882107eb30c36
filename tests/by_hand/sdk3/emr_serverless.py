"""Jobs on EMR Serverless: on an application that exists, and on one made for the step.

SDK 3.27.0 has no shapes of EMR Serverless, so ``properties`` of the step has no members:
``properties.jobRun`` raises ``AttributeError: 'Properties' object has no attribute 'jobRun'``, and no later
step can read from it by hand.
"""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.emr_serverless_step import EMRServerlessJobConfig, EMRServerlessStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig

from ..inputs import CODE, DATA, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """``count-plain`` has the least the step takes, ``count`` has the rest."""
    plain = EMRServerlessStep(
        name="count-plain",
        display_name=None,
        description=None,
        application_id="00f1a2b3c4d5e6f7",
        job_config=EMRServerlessJobConfig(
            job_driver={"sparkSubmit": {"entryPoint": f"{CODE}/count.py"}}, execution_role_arn=ROLE
        ),
    )
    count = EMRServerlessStep(
        name="count",
        display_name="Count",
        description="Counts words on an application of its own.",
        application_config={"name": "count", "releaseLabel": "emr-6.15.0", "type": "SPARK"},
        job_config=EMRServerlessJobConfig(
            job_driver={
                "sparkSubmit": {
                    "entryPoint": f"{CODE}/count.py",
                    "entryPointArguments": [f"{DATA}/words"],
                    "sparkSubmitParameters": "--conf spark.executor.cores=2",
                }
            },
            execution_role_arn=ROLE,
            configuration_overrides={
                "monitoringConfiguration": {
                    "s3MonitoringConfiguration": {"logUri": f"{OUTPUT}/emr-serverless-logs"}
                }
            },
            execution_timeout_minutes=60,
            name="count-words",
            tags={"team": "ml"},
        ),
        depends_on=[plain],
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=3)],
    )
    return Pipeline(name="emr-serverless", steps=[plain, count], sagemaker_session=session)
