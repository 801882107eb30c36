"""A pipeline by the installed SDK's own classes: a search, a model of its best job, predictions, and a function.

``python -m tests.runner.executors.sdk_pipeline FILE`` writes its definition.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.by_hand import session
from tests.by_hand.inputs import (
    ACCOUNT,
    BUCKET,
    CODE,
    DATA,
    IMAGE,
    INSTANCE,
    OUTPUT,
    REGION,
    ROLE,
    SKLEARN_VERSION,
)

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:notify"
SEARCH: Mapping[str, Any] = {
    "objective_metric_name": "loss",
    "objective_type": "Minimize",
    "metric_definitions": [{"Name": "loss", "Regex": "loss=([^;]*);"}],
    "max_jobs": 3,
}
SERVING = {"SAGEMAKER_PROGRAM": "predict.py", "SAGEMAKER_SUBMIT_DIRECTORY": f"{CODE}/predict.tar.gz"}
SCRIPT_MODE = {
    "sagemaker_program": "train.py",
    "sagemaker_submit_directory": f"{CODE}/train.tar.gz",
    "sagemaker_container_log_level": "20",
    "sagemaker_region": REGION,
}


def build_sdk2(aws: Any) -> Any:
    """The pipeline as a user of SDK 2 would write it."""
    from sagemaker.model import Model
    from sagemaker.sklearn.estimator import SKLearn
    from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner
    from sagemaker.workflow.model_step import ModelStep
    from sagemaker.workflow.steps import TuningStep

    estimator = SKLearn(
        entry_point="train.py",
        source_dir=f"{CODE}/train.tar.gz",
        framework_version=SKLEARN_VERSION,
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=1,
        output_path=f"{OUTPUT}/tune",
        sagemaker_session=aws,
    )
    tuner = HyperparameterTuner(
        estimator=estimator,
        hyperparameter_ranges={"x": ContinuousParameter(0, 1), "kind": CategoricalParameter(["a", "b"])},
        **SEARCH,
    )
    tune = TuningStep(name="tune", step_args=tuner.fit())
    model = Model(
        image_uri=IMAGE,
        model_data=tune.get_top_model_s3_uri(0, BUCKET, "output/tune"),
        role=ROLE,
        env=SERVING,
        sagemaker_session=aws,
    )
    make = ModelStep(name="make", step_args=model.create())
    return _pipeline(aws, tune, make)


def build_sdk3(aws: Any) -> Any:
    """The pipeline as a user of SDK 3 would write it."""
    from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter
    from sagemaker.core.training.configs import Compute, OutputDataConfig
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.steps import TuningStep
    from sagemaker.serve import ModelBuilder
    from sagemaker.train import ModelTrainer
    from sagemaker.train.tuner import HyperparameterTuner

    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        hyperparameters=SCRIPT_MODE,
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/tune"),
        sagemaker_session=aws,
    )
    tuner = HyperparameterTuner(
        model_trainer=trainer,
        hyperparameter_ranges={"x": ContinuousParameter(0, 1), "kind": CategoricalParameter(["a", "b"])},
        **SEARCH,
    )
    tune = TuningStep(name="tune", step_args=tuner.tune())
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=tune.get_top_model_s3_uri(0, BUCKET, "output/tune"),
        role_arn=ROLE,
        env_vars=SERVING,
        sagemaker_session=aws,
    )
    make = ModelStep(name="make", step_args=builder.build())
    return _pipeline(aws, tune, make)


def _pipeline(aws: Any, tune: Any, make: Any) -> Any:
    """The pipeline of a search and a model, and what both SDKs spell alike."""
    from tests.runner.by_hand.both import sdk  # which imports the SDK: here that is offline

    transformer = sdk.Transformer(
        model_name=make.properties.ModelName,
        instance_count=1,
        instance_type=INSTANCE,
        assemble_with="Line",
        accept="text/csv",
        output_path=f"{OUTPUT}/predictions",
        base_transform_job_name="predict",
        sagemaker_session=aws,
    )
    predict = sdk.TransformStep(
        name="predict",
        step_args=transformer.transform(data=f"{DATA}/batch", content_type="text/csv", split_type="Line"),
    )
    notify = sdk.LambdaStep(
        name="notify",
        lambda_func=sdk.Lambda(function_arn=FUNCTION, session=aws),
        inputs={
            "loss": tune.properties.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value,
            "second": tune.get_top_model_s3_uri(1, BUCKET, "output/tune"),
        },
        outputs=[sdk.LambdaOutput(output_name="said")],
    )
    return sdk.Pipeline(name="search", steps=[tune, make, predict, notify], sagemaker_session=aws)


if __name__ == "__main__":
    build = build_sdk2 if session.sdk_major() == 2 else build_sdk3
    Path(sys.argv[1]).write_text(session.definition(build), encoding="utf-8")
