"""A training job with an image of one's own, and nearly everything that the Estimator class takes."""

from __future__ import annotations

from typing import Any

from sagemaker.estimator import Estimator
from sagemaker.inputs import FileSystemInput, TrainingInput
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.workflow.steps import CacheConfig, TrainingStep

from ..inputs import DATA, IMAGE, INSTANCE, KMS_KEY, OUTPUT, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``train-plain`` has the least an Estimator takes; ``train`` has the rest."""
    plain = TrainingStep(
        name="train-plain",
        step_args=Estimator(
            image_uri=IMAGE,
            role=ROLE,
            instance_count=1,
            instance_type=INSTANCE,
            output_path=f"{OUTPUT}/train-plain",
            sagemaker_session=session,
        ).fit(),
    )
    estimator = Estimator(
        image_uri=IMAGE,
        role=ROLE,
        instance_count=2,
        instance_type=INSTANCE,
        volume_size=50,
        volume_kms_key=KMS_KEY,
        max_run=7200,
        use_spot_instances=True,
        max_wait=10800,
        max_retry_attempts=2,
        input_mode="FastFile",
        output_path=f"{OUTPUT}/train",
        output_kms_key=KMS_KEY,
        hyperparameters={"epochs": "10"},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        checkpoint_s3_uri=f"{OUTPUT}/checkpoints",
        checkpoint_local_path="/opt/ml/checkpoints",
        environment={"LOG_LEVEL": "info"},
        subnets=SUBNETS,
        security_group_ids=SECURITY_GROUPS,
        encrypt_inter_container_traffic=True,
        enable_network_isolation=True,
        container_entry_point=["python3", "/opt/train.py"],
        container_arguments=["--fast"],
        tags=TAGS,
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        display_name="Train",
        description="Trains on files of two kinds.",
        step_args=estimator.fit(
            {
                "train": TrainingInput(
                    s3_data=f"{DATA}/train",
                    content_type="text/csv",
                    compression="Gzip",
                    distribution="ShardedByS3Key",
                    input_mode="File",
                    record_wrapping="RecordIO",
                    s3_data_type="S3Prefix",
                ),
                "reference": FileSystemInput(
                    file_system_id="fs-0a1b2c3d4e5f6a7b8",
                    file_system_type="FSxLustre",
                    directory_path="/fsx/reference",
                    file_system_access_mode="ro",
                ),
            }
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="PT12H"),
        depends_on=["train-plain"],
        retry_policies=[
            SageMakerJobStepRetryPolicy(
                failure_reason_types=[SageMakerJobExceptionTypeEnum.CAPACITY_ERROR], max_attempts=5
            )
        ],
    )
    return Pipeline(name="training-options", steps=[plain, train], sagemaker_session=session)
