"""A notebook run as a job: NotebookJobStep, which is a training job underneath.

The class takes files of this machine only, and uploads them when the definition is made, to a key that
holds the time.
"""

from __future__ import annotations

from typing import Any

from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy

from ..inputs import BUCKET, IMAGE, INSTANCE, KMS_KEY, NOTEBOOK, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``report-plain`` has the least the step takes (with a name); ``report`` has the rest."""
    month = ParameterString(name="Month", default_value="May")
    plain = NotebookJobStep(
        name="report-plain",
        notebook_job_name="report-plain",
        input_notebook=str(NOTEBOOK),
        image_uri=IMAGE,
        kernel_name="python3",
        role=ROLE,
        s3_root_uri=f"s3://{BUCKET}/notebooks",
    )
    report = NotebookJobStep(
        name="report",
        display_name="Monthly report",
        description="Runs the notebook.",
        notebook_job_name="monthly_report",
        input_notebook=str(NOTEBOOK),
        image_uri=IMAGE,
        kernel_name="python3",
        role=ROLE,
        s3_root_uri=f"s3://{BUCKET}/notebooks",
        parameters={"month": month, "top": "10"},
        environment_variables={"LOG_LEVEL": "info"},
        s3_kms_key=KMS_KEY,
        instance_type=INSTANCE,
        volume_size=50,
        volume_kms_key=KMS_KEY,
        encrypt_inter_container_traffic=False,
        security_group_ids=SECURITY_GROUPS,
        subnets=SUBNETS,
        max_retry_attempts=3,
        max_runtime_in_seconds=3600,
        tags=TAGS,
        retry_policies=[
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], max_attempts=2
            )
        ],
        depends_on=[plain],
    )
    fail = FailStep(name="fail", error_message=report.properties.NotebookJobOutputLocationPrefix)
    return Pipeline(
        name="notebook-job", parameters=[month], steps=[plain, report, fail], sagemaker_session=session
    )
