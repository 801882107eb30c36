"""Models of several containers, in the order of inference: PipelineModel.create() and PipelineModel.register().

SDK 3 has no such class: its ModelBuilder describes a list of models in its documentation, and reads none.
"""

from __future__ import annotations

from typing import Any

from sagemaker import image_uris
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.pipeline import Pipeline

from ..inputs import BUCKET, CODE, IMAGE, INSTANCE, REGION, ROLE, SECURITY_GROUPS, SKLEARN_VERSION, SUBNETS


def build(session: Any) -> Pipeline:
    """Scale, then predict: as a model, and as a version in the registry."""
    scale = Model(
        image_uri=image_uris.retrieve(
            "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
        ),
        model_data=f"s3://{BUCKET}/scaler/model.tar.gz",
        role=ROLE,
        env={"SAGEMAKER_PROGRAM": "scale.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"{CODE}/source.tar.gz"},
        sagemaker_session=session,
    )
    predict = Model(
        image_uri=IMAGE,
        model_data=f"s3://{BUCKET}/model/model.tar.gz",
        role=ROLE,
        env={"LOG_LEVEL": "info"},
        sagemaker_session=session,
    )
    model = PipelineModel(
        models=[scale, predict],
        role=ROLE,
        vpc_config={"Subnets": SUBNETS, "SecurityGroupIds": SECURITY_GROUPS},
        sagemaker_session=session,
    )
    make = ModelStep(name="make", step_args=model.create(instance_type=INSTANCE))
    register = ModelStep(
        name="register",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
        ),
    )
    return Pipeline(name="model-containers", steps=[make, register], sagemaker_session=session)
