"""A model on an endpoint that holds several: InferenceComponentStep."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.inference_component_step import InferenceComponentStep
from sagemaker.mlops.workflow.pipeline import Pipeline


def build(session: Any) -> Pipeline:
    """One component with all that its request holds."""
    step = InferenceComponentStep(
        name="place",
        display_name="Place the model",
        step_args=session.create_inference_component(
            inference_component_name="breast-cancer",
            endpoint_name="shared",
            variant_name="AllTraffic",
            specification={
                "ModelName": "breast-cancer-model",
                "ComputeResourceRequirements": {
                    "MinMemoryRequiredInMb": 1024,
                    "MaxMemoryRequiredInMb": 2048,
                    "NumberOfCpuCoresRequired": 1.5,
                },
            },
            runtime_config={"CopyCount": 3},
            tags=[{"Key": "team", "Value": "ml"}],
        ),
    )
    return Pipeline(name="inference-component", steps=[step], sagemaker_session=session)
