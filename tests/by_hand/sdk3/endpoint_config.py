"""An endpoint configuration: the session's create_endpoint_config is the producer."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.endpoint_step import EndpointConfigStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig

from ..inputs import INSTANCE, KMS_KEY, OUTPUT, TAGS


def build(session: Any) -> Pipeline:
    """``config-plain`` has the least the producer takes; ``config`` has the rest."""
    plain = EndpointConfigStep(
        name="config-plain",
        step_args=session.create_endpoint_config(
            name="breast-cancer-plain",
            production_variants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "breast-cancer",
                    "InitialInstanceCount": 1,
                    "InstanceType": INSTANCE,
                    "InitialVariantWeight": 1,
                }
            ],
        ),
    )
    config = EndpointConfigStep(
        name="config",
        display_name="Configure",
        description="Keeps what goes in.",
        step_args=session.create_endpoint_config(
            name="breast-cancer",
            production_variants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": "breast-cancer",
                    "InitialInstanceCount": 2,
                    "InstanceType": INSTANCE,
                    "InitialVariantWeight": 1,
                    "VolumeSizeInGB": 20,
                    "ContainerStartupHealthCheckTimeoutInSeconds": 120,
                }
            ],
            tags=TAGS,
            kms_key=KMS_KEY,
            data_capture_config_dict={
                "EnableCapture": True,
                "InitialSamplingPercentage": 20,
                "DestinationS3Uri": f"{OUTPUT}/capture",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            },
        ),
        depends_on=[plain],
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=2)],
    )
    return Pipeline(name="endpoint-config", steps=[plain, config], sagemaker_session=session)
