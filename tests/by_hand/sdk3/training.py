"""A scikit-learn training script: ModelTrainer with the hyperparameters that the framework's container reads.

This is the script mode of SDK 2's estimators, said by hand: nothing is uploaded. ModelTrainer's own way
(``source_code=``) always uploads drivers of the SDK's; see ``training_source_code``.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, REGION, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """One training step; the code is an archive that is already in S3."""
    trainer = ModelTrainer(
        training_image=image_uris.retrieve(
            "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
        ),
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        hyperparameters={
            "max_depth": 5,
            "learning_rate": 0.1,
            "criterion": "gini",
            "verbose": True,
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"{CODE}/source.tar.gz",
            "sagemaker_container_log_level": 20,
            "sagemaker_region": REGION,
        },
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=trainer.train(
            input_data_config=[
                InputData(channel_name="train", data_source=f"{DATA}/train"),
                InputData(channel_name="test", data_source=f"{DATA}/test"),
            ]
        ),
    )
    return Pipeline(name="training", steps=[train], sagemaker_session=session)
