"""A training script given to ModelTrainer as source code: SDK 3's own script mode.

The class uploads drivers of the SDK's whatever the source is (and, for a folder of this machine, the folder
too), to keys that hold the time, and asks IAM whether the role may read the bucket.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer

from ..inputs import DATA, IMAGE, INSTANCE, OUTPUT, ROLE, SOURCE_DIR


def build(session: Any) -> Pipeline:
    """One training step whose code is a folder of this machine."""
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(SOURCE_DIR), entry_script="train.py"),
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        base_job_name="train",
        hyperparameters={"max_depth": 5, "criterion": "gini"},
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=trainer.train(
            input_data_config=[InputData(channel_name="train", data_source=f"{DATA}/train")]
        ),
    )
    return Pipeline(name="training-source-code", steps=[train], sagemaker_session=session)
