"""A script that torchrun starts, with model parallelism: ModelTrainer's ``distributed``.

The class uploads drivers of its own, which start the script, where SDK 2 relies on the toolkit in the image. Both
write the parameters of model parallelism as the same hyperparameter.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import SMP, Torchrun

from ..inputs import DATA, IMAGE, OUTPUT, ROLE, SOURCE_DIR


def build(session: Any) -> Pipeline:
    """One training step on two machines."""
    trainer = ModelTrainer(
        training_image=IMAGE,
        source_code=SourceCode(source_dir=str(SOURCE_DIR), entry_script="train.py"),
        distributed=Torchrun(smp=SMP(hybrid_shard_degree=8, tensor_parallel_degree=2)),
        role=ROLE,
        compute=Compute(instance_type="ml.p4d.24xlarge", instance_count=2),
        base_job_name="train",
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=trainer.train(
            input_data_config=[InputData(channel_name="train", data_source=f"{DATA}/train")]
        ),
    )
    return Pipeline(name="training-torchrun", steps=[train], sagemaker_session=session)
