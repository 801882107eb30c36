"""A check of a data set for bias: ClarifyCheckStep with DataBiasCheckConfig.

The class uploads two configs when it is made. The one that the job reads goes to ``analysis_config.json``
under ``s3_analysis_config_output_path`` (or else ``s3_output_path``); the other, for a later monitor, is
not in the definition.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.clarify import BiasConfig, DataConfig
from sagemaker.mlops.workflow.check_job_config import CheckJobConfig
from sagemaker.mlops.workflow.clarify_check_step import ClarifyCheckStep, DataBiasCheckConfig
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig

from ..inputs import DATA, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """``check-plain`` has the least the step takes; ``check`` has the rest."""
    plain = ClarifyCheckStep(
        name="check-plain",
        check_job_config=CheckJobConfig(role=ROLE, sagemaker_session=session),
        clarify_check_config=DataBiasCheckConfig(
            data_config=DataConfig(
                s3_data_input_path=f"{DATA}/train.csv", s3_output_path=f"{OUTPUT}/check-plain"
            ),
            data_bias_config=BiasConfig(label_values_or_threshold=[1], facet_name="age"),
        ),
    )
    check = ClarifyCheckStep(
        name="check",
        display_name="Check for bias",
        description="By age.",
        check_job_config=CheckJobConfig(
            role=ROLE,
            instance_count=1,
            instance_type=INSTANCE,
            max_runtime_in_seconds=1800,
            sagemaker_session=session,
        ),
        clarify_check_config=DataBiasCheckConfig(
            data_config=DataConfig(
                s3_data_input_path=f"{DATA}/train.csv",
                s3_output_path=f"{OUTPUT}/check",
                s3_analysis_config_output_path=f"{OUTPUT}/check-config",
                label="target",
                headers=["age", "radius", "target"],
                dataset_type="text/csv",
                s3_compression_type="None",
            ),
            data_bias_config=BiasConfig(
                label_values_or_threshold=[1], facet_name="age", facet_values_or_threshold=[40]
            ),
            methods=["CI", "DPL"],
        ),
        skip_check=False,
        fail_on_violation=False,
        register_new_baseline=True,
        model_package_group_name="breast-cancer",
        supplied_baseline_constraints=f"{DATA}/baseline/bias.json",
        cache_config=CacheConfig(enable_caching=True, expire_after="P1D"),
        depends_on=[plain],
    )
    return Pipeline(name="clarify-data-bias", steps=[plain, check], sagemaker_session=session)
