"""A training job with an image of one's own, and nearly everything that ModelTrainer takes.

It takes no entrypoint and no arguments of the container without source code, so SDK 2's pair of those is
missing.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.shapes import (
    Channel,
    DataSource,
    FileSystemDataSource,
    MetricDefinition,
    RetryStrategy,
    S3DataSource,
    StoppingCondition,
    Tag,
)
from sagemaker.core.training.configs import CheckpointConfig, Compute, Networking, OutputDataConfig
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig, TrainingStep
from sagemaker.train import ModelTrainer

from ..inputs import DATA, IMAGE, INSTANCE, KMS_KEY, OUTPUT, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``train-plain`` has the least a ModelTrainer takes; ``train`` has the rest."""
    plain = TrainingStep(
        name="train-plain",
        step_args=ModelTrainer(
            training_image=IMAGE,
            role=ROLE,
            compute=Compute(instance_type=INSTANCE, instance_count=1),
            output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train-plain"),
            sagemaker_session=session,
        ).train(),
    )
    trainer = (
        ModelTrainer(
            training_image=IMAGE,
            role=ROLE,
            compute=Compute(
                instance_type=INSTANCE,
                instance_count=2,
                volume_size_in_gb=50,
                volume_kms_key_id=KMS_KEY,
                enable_managed_spot_training=True,
            ),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=7200, max_wait_time_in_seconds=10800),
            training_input_mode="FastFile",
            output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train", kms_key_id=KMS_KEY),
            hyperparameters={"epochs": "10"},
            environment={"LOG_LEVEL": "info"},
            networking=Networking(
                subnets=SUBNETS,
                security_group_ids=SECURITY_GROUPS,
                enable_inter_container_traffic_encryption=True,
                enable_network_isolation=True,
            ),
            tags=[Tag(key=tag["Key"], value=tag["Value"]) for tag in TAGS],
            sagemaker_session=session,
        )
        .with_checkpoint_config(
            CheckpointConfig(s3_uri=f"{OUTPUT}/checkpoints", local_path="/opt/ml/checkpoints")
        )
        .with_retry_strategy(RetryStrategy(maximum_retry_attempts=2))
        .with_metric_definitions([MetricDefinition(name="loss", regex="loss=([0-9.]+)")])
    )
    train = TrainingStep(
        name="train",
        display_name="Train",
        description="Trains on files of two kinds.",
        step_args=trainer.train(
            input_data_config=[
                Channel(
                    channel_name="train",
                    content_type="text/csv",
                    compression_type="Gzip",
                    record_wrapper_type="RecordIO",
                    input_mode="File",
                    data_source=DataSource(
                        s3_data_source=S3DataSource(
                            s3_uri=f"{DATA}/train",
                            s3_data_type="S3Prefix",
                            s3_data_distribution_type="ShardedByS3Key",
                        )
                    ),
                ),
                Channel(
                    channel_name="reference",
                    data_source=DataSource(
                        file_system_data_source=FileSystemDataSource(
                            file_system_id="fs-0a1b2c3d4e5f6a7b8",
                            file_system_type="FSxLustre",
                            directory_path="/fsx/reference",
                            file_system_access_mode="ro",
                        )
                    ),
                ),
            ]
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
