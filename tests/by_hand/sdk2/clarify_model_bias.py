"""A check of a model for bias: ClarifyCheckStep with ModelBiasCheckConfig.

The class uploads two configs when it is made. The one that the job reads goes to ``analysis_config.json``
under ``s3_analysis_config_output_path`` (or else ``s3_output_path``); the other, for a later monitor, is
not in the definition.
"""

from __future__ import annotations

from typing import Any

from sagemaker.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.clarify_check_step import ClarifyCheckStep, ModelBiasCheckConfig
from sagemaker.workflow.pipeline import Pipeline

from ..inputs import DATA, INSTANCE, OUTPUT, ROLE


def build(session: Any) -> Pipeline:
    """One step; the model is named, not made here."""
    check = ClarifyCheckStep(
        name="check",
        check_job_config=CheckJobConfig(
            role=ROLE, instance_count=1, instance_type=INSTANCE, sagemaker_session=session
        ),
        clarify_check_config=ModelBiasCheckConfig(
            data_config=DataConfig(
                s3_data_input_path=f"{DATA}/test.csv",
                s3_output_path=f"{OUTPUT}/check",
                s3_analysis_config_output_path=f"{OUTPUT}/check-config",
                label="target",
                headers=["age", "radius", "target"],
                dataset_type="text/csv",
            ),
            data_bias_config=BiasConfig(
                label_values_or_threshold=[1], facet_name="age", facet_values_or_threshold=[40]
            ),
            model_config=ModelConfig(
                model_name="breast-cancer",
                instance_count=1,
                instance_type=INSTANCE,
                accept_type="text/csv",
                content_type="text/csv",
            ),
            model_predicted_label_config=ModelPredictedLabelConfig(probability_threshold=0.8),
            methods="all",
        ),
        model_package_group_name="breast-cancer",
    )
    return Pipeline(name="clarify-model-bias", steps=[check], sagemaker_session=session)
