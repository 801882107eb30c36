"""A tuning job with an image of one's own and the options of the tuner; its best model becomes a model."""

from __future__ import annotations

from typing import Any

from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model import Model
from sagemaker.tuner import (
    ContinuousParameter,
    HyperparameterTuner,
    IntegerParameter,
    TuningJobCompletionCriteriaConfig,
    WarmStartConfig,
    WarmStartTypes,
)
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.workflow.steps import CacheConfig, TuningStep

from ..inputs import BUCKET, DATA, IMAGE, INSTANCE, OUTPUT, ROLE, TAGS


def build(session: Any) -> Pipeline:
    """A tuning step, and a model of the best training job through ``get_top_model_s3_uri``."""
    estimator = Estimator(
        image_uri=IMAGE,
        role=ROLE,
        instance_count=1,
        instance_type=INSTANCE,
        output_path=f"{OUTPUT}/tune",
        sagemaker_session=session,
    )
    tuner = HyperparameterTuner(
        estimator=estimator,
        objective_metric_name="loss",
        objective_type="Minimize",
        hyperparameter_ranges={
            "learning_rate": ContinuousParameter(0.001, 0.1, scaling_type="Logarithmic"),
            "layers": IntegerParameter(1, 4, scaling_type="Linear"),
        },
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        strategy="Bayesian",
        max_jobs=10,
        max_parallel_jobs=5,
        max_runtime_in_seconds=36000,
        early_stopping_type="Auto",
        completion_criteria_config=TuningJobCompletionCriteriaConfig(
            max_number_of_training_jobs_not_improving=3, target_objective_metric_value=0.05
        ),
        warm_start_config=WarmStartConfig(
            warm_start_type=WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, parents={"earlier-tuning-job"}
        ),
        random_seed=7,
        tags=TAGS,
    )
    tune = TuningStep(
        name="tune",
        step_args=tuner.fit({"train": TrainingInput(s3_data=f"{DATA}/train", content_type="text/csv")}),
        cache_config=CacheConfig(enable_caching=True, expire_after="P7D"),
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=2)],
    )
    model = Model(
        image_uri=IMAGE,
        model_data=tune.get_top_model_s3_uri(top_k=0, s3_bucket=BUCKET, prefix="output/tune"),
        role=ROLE,
        sagemaker_session=session,
    )
    best = ModelStep(name="best", step_args=model.create())
    return Pipeline(name="tuning-options", steps=[tune, best], sagemaker_session=session)
