"""A model from an artifact and an image: ModelBuilder.build()."""

from __future__ import annotations

from typing import Any

from sagemaker.core.training.configs import Networking
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.serve import ModelBuilder

from ..inputs import CODE, IMAGE, MODEL_DATA, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``model-plain`` has the least a ModelBuilder takes; ``model`` has the rest."""
    plain = ModelBuilder(
        image_uri=IMAGE, s3_model_data_url=MODEL_DATA, role_arn=ROLE, sagemaker_session=session
    )
    plain_step = ModelStep(name="model-plain", step_args=plain.build())
    full = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=MODEL_DATA,
        role_arn=ROLE,
        env_vars={
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"{CODE}/source.tar.gz",
            "LOG_LEVEL": "info",
        },
        network=Networking(
            subnets=SUBNETS, security_group_ids=SECURITY_GROUPS, enable_network_isolation=True
        ),
        sagemaker_session=session,
    )
    step = ModelStep(
        name="model",
        display_name="Make the model",
        description="From an artifact of before.",
        step_args=full.build(tags=TAGS),
        depends_on=[plain_step],
        retry_policies=[
            StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT], max_attempts=2)
        ],
    )
    return Pipeline(name="create-model", steps=[plain_step, step], sagemaker_session=session)
