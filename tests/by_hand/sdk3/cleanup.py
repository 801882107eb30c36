"""Outputs of steps that are deleted: CleanupStep. SDK 2 has no such class."""

from __future__ import annotations

from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.training.configs import Compute, OutputDataConfig
from sagemaker.mlops.workflow.cleanup_step import CleanupStep, S3CleanupSource
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.train import ModelTrainer

from ..inputs import IMAGE, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """``tidy`` deletes all that ``train`` wrote, and one object of ``prepare``."""
    prepare = ProcessingStep(
        name="prepare",
        step_args=Processor(
            role=ROLE, image_uri=IMAGE, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
        ).run(),
    )
    train = TrainingStep(
        name="train",
        step_args=ModelTrainer(
            training_image=IMAGE,
            role=ROLE,
            compute=Compute(instance_type=INSTANCE, instance_count=1),
            output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/train"),
            sagemaker_session=session,
        ).train(),
    )
    tidy = CleanupStep(
        name="tidy",
        s3_sources=[
            S3CleanupSource(step=train),
            S3CleanupSource(step="prepare", s3_uris=[f"{OUTPUT}/prepare/rows.csv"]),
        ],
    )
    return Pipeline(name="cleanup", steps=[prepare, train, tidy], sagemaker_session=session)
