"""A tuning job with an image of one's own and the options of the tuner; its best model becomes a model."""

from __future__ import annotations

from typing import Any

from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.core.shapes import (
    BestObjectiveNotImproving,
    HyperParameterTuningJobWarmStartConfig,
    ParentHyperParameterTuningJob,
    TuningJobCompletionCriteria,
)
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.mlops.workflow.steps import CacheConfig, TuningStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from ..inputs import BUCKET, DATA, IMAGE, INSTANCE, OUTPUT, ROLE, TAGS


def build(session: Any) -> Pipeline:
    """A tuning step, and a model of the best training job through ``get_top_model_s3_uri``."""
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        compute=Compute(instance_type=INSTANCE, instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path=f"{OUTPUT}/tune"),
        sagemaker_session=session,
    )
    tuner = HyperparameterTuner(
        model_trainer=trainer,
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
        completion_criteria_config=TuningJobCompletionCriteria(
            best_objective_not_improving=BestObjectiveNotImproving(
                max_number_of_training_jobs_not_improving=3
            ),
            target_objective_metric_value=0.05,
        ),
        warm_start_config=HyperParameterTuningJobWarmStartConfig(
            warm_start_type="IdenticalDataAndAlgorithm",
            parent_hyper_parameter_tuning_jobs=[
                ParentHyperParameterTuningJob(hyper_parameter_tuning_job_name="earlier-tuning-job")
            ],
        ),
        random_seed=7,
        tags=TAGS,
    )
    tune = TuningStep(
        name="tune",
        step_args=tuner.tune(
            inputs=[InputData(channel_name="train", data_source=f"{DATA}/train", content_type="text/csv")]
        ),
        cache_config=CacheConfig(enable_caching=True, expire_after="P7D"),
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=2)],
    )
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=tune.get_top_model_s3_uri(top_k=0, s3_bucket=BUCKET, prefix="output/tune"),
        role_arn=ROLE,
        sagemaker_session=session,
    )
    best = ModelStep(name="best", step_args=builder.build())
    return Pipeline(name="tuning-options", steps=[tune, best], sagemaker_session=session)
