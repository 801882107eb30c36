"""A tuning job over a scikit-learn training script: HyperparameterTuner with its defaults."""

from __future__ import annotations

from typing import Any

from sagemaker.inputs import TrainingInput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import TuningStep

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """One tuning step, with a range of each kind and one fixed hyperparameter."""
    estimator = SKLearn(
        entry_point="train.py",
        source_dir=f"{CODE}/source.tar.gz",
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=1,
        hyperparameters={"criterion": "gini"},
        output_path=f"{OUTPUT}/tune",
        sagemaker_session=session,
    )
    tuner = HyperparameterTuner(
        estimator=estimator,
        objective_metric_name="accuracy",
        hyperparameter_ranges={
            "learning_rate": ContinuousParameter(0.01, 0.5),
            "max_depth": IntegerParameter(2, 10),
            "max_features": CategoricalParameter(["sqrt", "log2"]),
        },
        metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}],
        max_jobs=4,
        max_parallel_jobs=2,
    )
    tune = TuningStep(name="tune", step_args=tuner.fit({"train": TrainingInput(s3_data=f"{DATA}/train")}))
    return Pipeline(name="tuning", steps=[tune], sagemaker_session=session)
