"""A data quality check with a network config: SDK 3.27.0 cannot compile it.

``CheckJobConfig`` takes the network config, but the step puts the object itself into its request, so that
``definition()`` raises ``TypeError: Object of type NetworkConfig is not JSON serializable``.
ClarifyCheckStep builds its request with the same function
(``sagemaker.mlops.workflow._check_job_request``).
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.model_monitor import DatasetFormat
from sagemaker.core.network import NetworkConfig
from sagemaker.mlops.workflow.check_job_config import CheckJobConfig
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep

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
