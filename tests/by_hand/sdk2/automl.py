"""An Autopilot job: AutoML in ensembling mode, the only one that a pipeline takes."""

from __future__ import annotations

from typing import Any

from sagemaker.automl.automl import AutoML, AutoMLInput
from sagemaker.workflow.automl_step import AutoMLStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.workflow.steps import CacheConfig

from ..inputs import DATA, KMS_KEY, OUTPUT, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``search-plain`` has the least AutoML takes, ``search`` the rest; its best result becomes a model."""
    plain = AutoML(
        role=ROLE,
        target_attribute_name="target",
        mode="ENSEMBLING",
        output_path=f"{OUTPUT}/search-plain",
        sagemaker_session=session,
    )
    plain_step = AutoMLStep(
        name="search-plain",
        step_args=plain.fit(inputs=AutoMLInput(inputs=f"{DATA}/train.csv", target_attribute_name="target")),
    )
    full = AutoML(
        role=ROLE,
        target_attribute_name="target",
        mode="ENSEMBLING",
        output_path=f"{OUTPUT}/search",
        output_kms_key=KMS_KEY,
        volume_kms_key=KMS_KEY,
        encrypt_inter_container_traffic=True,
        vpc_config={"Subnets": SUBNETS, "SecurityGroupIds": SECURITY_GROUPS},
        problem_type="BinaryClassification",
        job_objective={"MetricName": "Accuracy"},
        max_runtime_per_training_job_in_seconds=600,
        total_job_runtime_in_seconds=3600,
        tags=TAGS,
        feature_specification_s3_uri=f"{DATA}/features.json",
        sagemaker_session=session,
    )
    search = AutoMLStep(
        name="search",
        display_name="Search",
        description="Finds the best model.",
        step_args=full.fit(
            inputs=[
                AutoMLInput(
                    inputs=f"{DATA}/train.csv",
                    target_attribute_name="target",
                    channel_type="training",
                    content_type="text/csv;header=present",
                    s3_data_type="S3Prefix",
                    compression="None",
                ),
                AutoMLInput(
                    inputs=f"{DATA}/validation.csv", target_attribute_name="target", channel_type="validation"
                ),
            ]
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        depends_on=[plain_step],
        retry_policies=[
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], max_attempts=2
            )
        ],
    )
    best = ModelStep(
        name="best",
        step_args=search.get_best_auto_ml_model(role=ROLE, sagemaker_session=session).create(),
    )
    return Pipeline(name="automl", steps=[plain_step, search, best], sagemaker_session=session)
