"""A check of what a model's predictions rest on: ClarifyCheckStep with ModelExplainabilityCheckConfig.

The class uploads two configs when it is made. The one that the job reads goes to ``analysis_config.json``
under ``s3_analysis_config_output_path`` (or else ``s3_output_path``); the other, for a later monitor, is
not in the definition.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.clarify import DataConfig, ModelConfig, SHAPConfig
from sagemaker.mlops.workflow.check_job_config import CheckJobConfig
from sagemaker.mlops.workflow.clarify_check_step import ClarifyCheckStep, ModelExplainabilityCheckConfig
from sagemaker.mlops.workflow.pipeline import Pipeline

from ..inputs import DATA, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """One step with SHAP; the model is named, not made here."""
    check = ClarifyCheckStep(
        name="check",
        check_job_config=CheckJobConfig(
            role=ROLE, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
        ),
        clarify_check_config=ModelExplainabilityCheckConfig(
            data_config=DataConfig(
                s3_data_input_path=f"{DATA}/test.csv",
                s3_output_path=f"{OUTPUT}/check",
                s3_analysis_config_output_path=f"{OUTPUT}/check-config",
                label="target",
                headers=["age", "radius", "target"],
                dataset_type="text/csv",
            ),
            model_config=ModelConfig(
                model_name="breast-cancer",
                instance_count=1,
                instance_type=INSTANCE,
                accept_type="text/csv",
                content_type="text/csv",
            ),
            explainability_config=SHAPConfig(
                baseline=[[50, 14.0]], num_samples=10, agg_method="mean_abs", save_local_shap_values=False
            ),
        ),
        register_new_baseline=True,
    )
    return Pipeline(name="clarify-explainability", steps=[check], sagemaker_session=session)
