"""A version in the model registry: Model.register() with metrics, drift baselines and metadata.

SDK 2 turns one ModelStep into steps with names of their own: ``register`` becomes ``register-RegisterModel``.
"""

from __future__ import annotations

from typing import Any

from sagemaker.drift_check_baselines import DriftCheckBaselines
from sagemaker.model import Model
from sagemaker.model_metrics import FileSource, MetricsSource, ModelMetrics
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy

from ..inputs import DATA, IMAGE, INSTANCE, MODEL_DATA, OUTPUT, ROLE


def _source(name: str) -> MetricsSource:
    return MetricsSource(content_type="application/json", s3_uri=f"{OUTPUT}/evaluate/{name}.json")


def build(session: Any) -> Pipeline:
    """``register-plain`` has the least that register takes; ``register`` has the rest."""
    approval = ParameterString(
        name="ApprovalStatus",
        default_value="PendingManualApproval",
        enum_values=["Approved", "Rejected", "PendingManualApproval"],
    )
    model = Model(image_uri=IMAGE, model_data=MODEL_DATA, role=ROLE, sagemaker_session=session)
    plain = ModelStep(
        name="register-plain",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
        ),
    )
    full = Model(
        image_uri=IMAGE,
        model_data=MODEL_DATA,
        role=ROLE,
        env={"LOG_LEVEL": "info"},
        sagemaker_session=session,
    )
    register = ModelStep(
        name="register",
        display_name="Register the model",
        description="With all that is known of it.",
        step_args=full.register(
            content_types=["text/csv", "application/json"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE, "ml.m5.2xlarge"],
            transform_instances=[INSTANCE],
            model_package_group_name="breast-cancer",
            approval_status=approval,
            model_metrics=ModelMetrics(
                model_statistics=_source("statistics"),
                model_constraints=_source("constraints"),
                model_data_statistics=_source("data-statistics"),
                model_data_constraints=_source("data-constraints"),
                bias=_source("bias"),
                bias_pre_training=_source("bias-pre"),
                bias_post_training=_source("bias-post"),
                explainability=_source("explainability"),
            ),
            drift_check_baselines=DriftCheckBaselines(
                model_statistics=_source("statistics"),
                model_constraints=_source("constraints"),
                model_data_statistics=_source("data-statistics"),
                model_data_constraints=_source("data-constraints"),
                bias_config_file=FileSource(
                    content_type="application/json", s3_uri=f"{OUTPUT}/evaluate/bias-config.json"
                ),
                bias_pre_training_constraints=_source("bias-pre"),
                bias_post_training_constraints=_source("bias-post"),
                explainability_constraints=_source("explainability"),
                explainability_config_file=FileSource(
                    content_type="application/json", s3_uri=f"{OUTPUT}/evaluate/explainability-config.json"
                ),
            ),
            customer_metadata_properties={"data": "breast-cancer"},
            domain="MACHINE_LEARNING",
            task="CLASSIFICATION",
            sample_payload_url=f"{DATA}/payload.tar.gz",
            framework="XGBOOST",
            framework_version="1.7-1",
            nearest_model_name="xgboost",
            skip_model_validation="All",
            source_uri="https://example.com/models/breast-cancer",
            description="A classifier.",
        ),
        depends_on=[plain],
        retry_policies=[StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], max_attempts=4)],
    )
    return Pipeline(
        name="register-model", parameters=[approval], steps=[plain, register], sagemaker_session=session
    )
