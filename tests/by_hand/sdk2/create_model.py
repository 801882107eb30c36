"""A model from an artifact and an image: Model.create().

SDK 2 turns one ModelStep into steps with names of their own: ``model`` becomes ``model-CreateModel``.
"""

from __future__ import annotations

from typing import Any

from sagemaker.model import Model
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy

from ..inputs import CODE, IMAGE, INSTANCE, MODEL_DATA, ROLE, SECURITY_GROUPS, SUBNETS, TAGS


def build(session: Any) -> Pipeline:
    """``model-plain`` has the least a Model takes; ``model`` has the rest."""
    plain = Model(image_uri=IMAGE, model_data=MODEL_DATA, role=ROLE, sagemaker_session=session)
    plain_step = ModelStep(name="model-plain", step_args=plain.create())
    full = Model(
        image_uri=IMAGE,
        model_data=MODEL_DATA,
        role=ROLE,
        env={
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": f"{CODE}/source.tar.gz",
            "LOG_LEVEL": "info",
        },
        vpc_config={"Subnets": SUBNETS, "SecurityGroupIds": SECURITY_GROUPS},
        enable_network_isolation=True,
        sagemaker_session=session,
    )
    step = ModelStep(
        name="model",
        display_name="Make the model",
        description="From an artifact of before.",
        step_args=full.create(instance_type=INSTANCE, tags=TAGS),
        depends_on=[plain_step],
        retry_policies=[
            StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT], max_attempts=2)
        ],
    )
    return Pipeline(name="create-model", steps=[plain_step, step], sagemaker_session=session)
