"""A check of a model's predictions against a baseline: QualityCheckStep with ModelQualityCheckConfig."""

from __future__ import annotations

from typing import Any

from sagemaker.model_monitor import DatasetFormat
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.quality_check_step import ModelQualityCheckConfig, QualityCheckStep

from ..inputs import DATA, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """One step for a classifier's predictions."""
    check = QualityCheckStep(
        name="check",
        check_job_config=CheckJobConfig(
            role=ROLE, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
        ),
        quality_check_config=ModelQualityCheckConfig(
            baseline_dataset=f"{DATA}/predictions.csv",
            dataset_format=DatasetFormat.csv(header=True),
            output_s3_uri=f"{OUTPUT}/check",
            problem_type="BinaryClassification",
            inference_attribute="prediction",
            probability_attribute="probability",
            ground_truth_attribute="label",
            probability_threshold_attribute=0.5,
        ),
        register_new_baseline=True,
        model_package_group_name="breast-cancer",
    )
    return Pipeline(name="quality-check-model", steps=[check], sagemaker_session=session)
