"""An endpoint configuration: the session's create_endpoint_config is the producer."""

from __future__ import annotations

from typing import Any

from sagemaker.workflow.endpoint_step import EndpointConfigStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.workflow.steps import CacheConfig

from ..inputs import INSTANCE, KMS_KEY, OUTPUT, TAGS


def build(session: Any) -> Pipeline:
    """``config-plain`` has the least the producer takes; ``config`` has the rest."""
    plain = EndpointConfigStep(
        name="config-plain",
        step_args=session.create_endpoint_config(
            name="breast-cancer-plain",
            model_name="breast-cancer",
            initial_instance_count=1,
            instance_type=INSTANCE,
        ),
    )
    config = EndpointConfigStep(
        name="config",
        display_name="Configure",
        description="Keeps what goes in.",
        step_args=session.create_endpoint_config(
            name="breast-cancer",
            model_name="breast-cancer",
            initial_instance_count=2,
            instance_type=INSTANCE,
            tags=TAGS,
            kms_key=KMS_KEY,
            data_capture_config_dict={
                "EnableCapture": True,
                "InitialSamplingPercentage": 20,
                "DestinationS3Uri": f"{OUTPUT}/capture",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            },
            volume_size=20,
            container_startup_health_check_timeout=120,
        ),
        depends_on=[plain],
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=2)],
    )
    return Pipeline(name="endpoint-config", steps=[plain, config], sagemaker_session=session)
