"""A version in the model registry, from a ModelBuilder with nothing but what it needs.

Its default for ``dependencies`` makes ``register()`` add SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY
(empty), SAGEMAKER_CONTAINER_LOG_LEVEL and SAGEMAKER_REGION to the container's environment; ``build()`` does
not.
"""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.serve import ModelBuilder

from ..inputs import IMAGE, INSTANCE, MODEL_DATA, ROLE


def build(session: Any) -> Pipeline:
    """One model package."""
    builder = ModelBuilder(
        image_uri=IMAGE, s3_model_data_url=MODEL_DATA, role_arn=ROLE, sagemaker_session=session
    )
    register = ModelStep(
        name="register",
        step_args=builder.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
        ),
    )
    return Pipeline(name="register-model-defaults", steps=[register], sagemaker_session=session)
