"""A version in the model registry with reports of bias and every baseline of drift checks."""

from __future__ import annotations

from typing import Any

from sagemaker.core.drift_check_baselines import DriftCheckBaselines
from sagemaker.core.model_metrics import FileSource, MetricsSource, ModelMetrics
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.serve import ModelBuilder

from ..inputs import IMAGE, INSTANCE, MODEL_DATA, OUTPUT, ROLE


def _source(name: str) -> MetricsSource:
    return MetricsSource(content_type="application/json", s3_uri=f"{OUTPUT}/checks/{name}.json")


def _file(name: str) -> FileSource:
    return FileSource(content_type="application/json", s3_uri=f"{OUTPUT}/checks/{name}.json")


def build(session: Any) -> Pipeline:
    """One model package."""
    model = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=MODEL_DATA,
        role_arn=ROLE,
        dependencies=None,
        sagemaker_session=session,
    )
    register = ModelStep(
        name="register",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
            model_metrics=ModelMetrics(
                model_statistics=_source("statistics"),
                bias_pre_training=_source("bias-pre"),
                bias_post_training=_source("bias-post"),
            ),
            drift_check_baselines=DriftCheckBaselines(
                model_statistics=_source("baseline-statistics"),
                model_constraints=_source("baseline-constraints"),
                model_data_statistics=_source("baseline-data-statistics"),
                model_data_constraints=_source("baseline-data-constraints"),
                bias_config_file=_file("bias-config"),
                bias_pre_training_constraints=_source("baseline-bias-pre"),
                bias_post_training_constraints=_source("baseline-bias-post"),
                explainability_constraints=_source("baseline-explainability"),
                explainability_config_file=_file("explainability-config"),
            ),
        ),
    )
    return Pipeline(name="register-baselines", steps=[register], sagemaker_session=session)
