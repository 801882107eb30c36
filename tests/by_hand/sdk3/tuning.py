"""A tuning job over a scikit-learn training script: HyperparameterTuner with its defaults."""

from __future__ import annotations

from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from ..inputs import CODE, DATA, INSTANCE, OUTPUT, REGION, ROLE, SKLEARN_VERSION


def build(session: Any) -> Pipeline:
    """One tuning step, with a range of each kind and one fixed hyperparameter."""
    trainer = ModelTrainer(
        training_image=image_uris.retrieve(
            "sklearn", REGION, version=SKLEARN_VERSION, py_version="py3", instance_type=INSTANCE
        ),
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        hyperparameters={
            "criterion": "gini",
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": f"{CODE}/source.tar.gz",
            "sagemaker_container_log_level": "20",
            "sagemaker_region": REGION,
        },
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/tune"),
        sagemaker_session=session,
    )
    tuner = HyperparameterTuner(
        model_trainer=trainer,
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
    tune = TuningStep(
        name="tune",
        step_args=tuner.tune(inputs=[InputData(channel_name="train", data_source=f"{DATA}/train")]),
    )
    return Pipeline(name="tuning", steps=[tune], sagemaker_session=session)
