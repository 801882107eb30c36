"""A generic processing job with everything the Processor class takes, and every extra that the step takes."""

from __future__ import annotations

from typing import Any

from sagemaker.network import NetworkConfig
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.workflow.steps import CacheConfig, ProcessingStep

from ..inputs import DATA, IMAGE, INSTANCE, KMS_KEY, OUTPUT, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``prepare`` has the least a Processor takes; ``check`` has all of it and waits for ``prepare``."""
    prepare = ProcessingStep(
        name="prepare",
        step_args=Processor(
            role=ROLE, image_uri=IMAGE, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
        ).run(),
    )
    processor = Processor(
        role=ROLE,
        image_uri=IMAGE,
        instance_count=2,
        instance_type=INSTANCE,
        entrypoint=["python3", "/opt/check.py"],
        volume_size_in_gb=50,
        volume_kms_key=KMS_KEY,
        output_kms_key=KMS_KEY,
        max_runtime_in_seconds=7200,
        env={"LOG_LEVEL": "info"},
        tags=TAGS,
        network_config=NetworkConfig(
            enable_network_isolation=True,
            security_group_ids=SECURITY_GROUPS,
            subnets=SUBNETS,
            encrypt_inter_container_traffic=True,
        ),
        sagemaker_session=session,
    )
    check = ProcessingStep(
        name="check",
        display_name="Check the data",
        description="Counts what is missing.",
        step_args=processor.run(
            inputs=[
                ProcessingInput(
                    source=f"{DATA}/parts",
                    destination="/opt/ml/processing/input/parts",
                    input_name="parts",
                    s3_data_type="S3Prefix",
                    s3_input_mode="Pipe",
                    s3_data_distribution_type="ShardedByS3Key",
                    s3_compression_type="Gzip",
                )
            ],
            outputs=[
                ProcessingOutput(
                    output_name="report",
                    source="/opt/ml/processing/output/report",
                    destination=f"{OUTPUT}/check/report",
                    s3_upload_mode="Continuous",
                )
            ],
            arguments=["--strict"],
        ),
        property_files=[PropertyFile(name="Report", output_name="report", path="report.json")],
        cache_config=CacheConfig(enable_caching=True, expire_after="P30D"),
        depends_on=[prepare],
        retry_policies=[
            StepRetryPolicy(
                exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
                interval_seconds=5,
                backoff_rate=1.5,
                max_attempts=3,
            ),
            SageMakerJobStepRetryPolicy(
                exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT],
                failure_reason_types=[
                    SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
                    SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
                ],
                expire_after_mins=120,
            ),
        ],
    )
    return Pipeline(name="processing-options", steps=[prepare, check], sagemaker_session=session)
