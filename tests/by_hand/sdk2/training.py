"""A scikit-learn training script: the SKLearn estimator in script mode with its defaults."""

from __future__ import annotations

from typing import Any

from sagemaker.inputs import TrainingInput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TrainingStep

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """One training step; the code is an archive that is already in S3."""
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=f"{CODE}/source.tar.gz",
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=1,
        hyperparameters={"max_depth": 5, "learning_rate": 0.1, "criterion": "gini", "verbose": True},
        output_path=f"{OUTPUT}/train",
        sagemaker_session=session,
    )
    train = TrainingStep(
        name="train",
        step_args=estimator.fit(
            {
                "train": TrainingInput(s3_data=f"{DATA}/train"),
                "test": TrainingInput(s3_data=f"{DATA}/test"),
            }
        ),
    )
    return Pipeline(name="training", steps=[train], sagemaker_session=session)
