"""A version in the model registry: ModelBuilder.register() with metrics, drift baselines and metadata.

``dependencies=None`` keeps ``register()`` from adding variables of script mode to the container; what it
adds by default is in ``register_model_defaults``.

A ModelBuilder takes no framework and no framework version of the container, so SDK 2's pair of those is
missing.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.drift_check_baselines import DriftCheckBaselines
from sagemaker.core.model_metrics import FileSource, MetricsSource, ModelMetrics
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.serve import ModelBuilder

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
    model = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=MODEL_DATA,
        role_arn=ROLE,
        dependencies=None,
        sagemaker_session=session,
    )
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
    full = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=MODEL_DATA,
        role_arn=ROLE,
        env_vars={"LOG_LEVEL": "info"},
        dependencies=None,
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
