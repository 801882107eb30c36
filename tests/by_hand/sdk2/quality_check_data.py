"""A check of a data set against a baseline: QualityCheckStep with DataQualityCheckConfig."""

from __future__ import annotations

from typing import Any

from sagemaker.model_monitor import DatasetFormat
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.parameters import ParameterBoolean
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep
from sagemaker.workflow.steps import CacheConfig

from ..inputs import CODE, DATA, INSTANCE, KMS_KEY, OUTPUT, ROLE, TAGS


def build(session: Any) -> Pipeline:
    """``check-plain`` has the least the step takes; ``check`` has the rest."""
    skip = ParameterBoolean(name="SkipCheck", default_value=False)
    plain = QualityCheckStep(
        name="check-plain",
        check_job_config=CheckJobConfig(role=ROLE, sagemaker_session=session),
        quality_check_config=DataQualityCheckConfig(
            baseline_dataset=f"{DATA}/train.csv",
            dataset_format=DatasetFormat.csv(header=True),
            output_s3_uri=f"{OUTPUT}/check-plain",
        ),
    )
    check = QualityCheckStep(
        name="check",
        display_name="Check the data",
        description="Against the baseline of the last approved model.",
        check_job_config=CheckJobConfig(
            role=ROLE,
            instance_count=1,
            instance_type=INSTANCE,
            volume_size_in_gb=50,
            volume_kms_key=KMS_KEY,
            output_kms_key=KMS_KEY,
            max_runtime_in_seconds=1800,
            env={"LOG_LEVEL": "info"},
            tags=TAGS,
            sagemaker_session=session,
        ),
        quality_check_config=DataQualityCheckConfig(
            baseline_dataset=f"{DATA}/train.json",
            dataset_format=DatasetFormat.json(lines=True),
            output_s3_uri=f"{OUTPUT}/check",
            record_preprocessor_script=f"{CODE}/before.py",
            post_analytics_processor_script=f"{CODE}/after.sh",
        ),
        skip_check=skip,
        fail_on_violation=False,
        register_new_baseline=True,
        model_package_group_name="breast-cancer",
        supplied_baseline_statistics=f"{DATA}/baseline/statistics.json",
        supplied_baseline_constraints=f"{DATA}/baseline/constraints.json",
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        depends_on=[plain],
    )
    fail = FailStep(name="fail", error_message=check.properties.CalculatedBaselineStatistics)
    return Pipeline(
        name="quality-check-data", parameters=[skip], steps=[plain, check, fail], sagemaker_session=session
    )
