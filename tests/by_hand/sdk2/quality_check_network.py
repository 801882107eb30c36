"""A data quality check with a network config. Only SDK 2 can compile it."""

from __future__ import annotations

from typing import Any

from sagemaker.model_monitor import DatasetFormat
from sagemaker.network import NetworkConfig
from sagemaker.workflow.check_job_config import CheckJobConfig
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep

from ..inputs import DATA, INSTANCE, OUTPUT, ROLE, SECURITY_GROUPS, SUBNETS


def build(session: Any) -> Pipeline:
    """One step in a network of one's own."""
    check = QualityCheckStep(
        name="check",
        check_job_config=CheckJobConfig(
            role=ROLE,
            instance_count=1,
            instance_type=INSTANCE,
            network_config=NetworkConfig(
                enable_network_isolation=True,
                encrypt_inter_container_traffic=True,
                security_group_ids=SECURITY_GROUPS,
                subnets=SUBNETS,
            ),
            sagemaker_session=session,
        ),
        quality_check_config=DataQualityCheckConfig(
            baseline_dataset=f"{DATA}/train.csv",
            dataset_format=DatasetFormat.csv(header=True),
            output_s3_uri=f"{OUTPUT}/check",
        ),
    )
    return Pipeline(name="quality-check-network", steps=[check], sagemaker_session=session)
