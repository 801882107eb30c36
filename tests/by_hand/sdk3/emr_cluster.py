"""Work on an EMR cluster that is made for the step."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.mlops.workflow.pipeline import Pipeline

from ..inputs import CODE, OUTPUT, SUBNETS


def build(session: Any) -> Pipeline:
    """One step with the recipe of its cluster."""
    count = EMRStep(
        name="count",
        display_name="Count",
        description="Counts words on a cluster of its own.",
        cluster_id=None,
        cluster_config={
            "ReleaseLabel": "emr-6.15.0",
            "Applications": [{"Name": "Spark"}],
            "LogUri": f"{OUTPUT}/emr-logs",
            "JobFlowRole": "EMR_EC2_DefaultRole",
            "ServiceRole": "EMR_DefaultRole",
            "Instances": {
                "Ec2SubnetId": SUBNETS[0],
                "InstanceGroups": [
                    {"InstanceRole": "MASTER", "InstanceCount": 1, "InstanceType": "m5.xlarge"},
                    {"InstanceRole": "CORE", "InstanceCount": 2, "InstanceType": "m5.xlarge"},
                ],
            },
        },
        step_config=EMRStepConfig(jar="command-runner.jar", args=["spark-submit", f"{CODE}/count.py"]),
    )
    return Pipeline(name="emr-cluster", steps=[count], sagemaker_session=session)
