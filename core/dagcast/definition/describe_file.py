"""Names JSON files that are given as a definition and are something else."""

from __future__ import annotations

from typing import Any

_RESOURCES = (
    "ProcessingJob",
    "TrainingJob",
    "TransformJob",
    "HyperParameterTuningJob",
    "Model",
    "ModelPackage",
)


def describe_file(data: Any) -> str | None:
    """Return what a JSON file is and how to get a definition from it; ``None`` if it is not known.

    Example:
        >>> describe_file({"StartAt": "a", "States": {}})
        'it is a state machine of AWS Step Functions, not a pipeline of SageMaker'
    """
    if isinstance(data, list):
        return "it is a list; a definition is an object with Version and Steps" if data else None
    if not isinstance(data, dict):
        return None
    if isinstance(data.get("PipelineDefinition"), str):
        what = "response of DescribePipeline" if "PipelineArn" in data else "request of CreatePipeline"
        return f"it is a {what}: its field PipelineDefinition holds the definition as text (jq -r .PipelineDefinition)"
    if "PipelineExecutionSteps" in data:
        return "it is a response of ListPipelineExecutionSteps, which has results and no requests"
    if "PipelineExecutionArn" in data:
        return "it is a response of DescribePipelineExecution: use that of DescribePipelineDefinitionForExecution"
    if "StartAt" in data and "States" in data:
        return "it is a state machine of AWS Step Functions, not a pipeline of SageMaker"
    if "AWSTemplateFormatVersion" in data or _has_resources(data):
        return "it is a template of AWS CloudFormation: the definition is in the PipelineDefinition of its pipeline"
    if "pipelineSpec" in data or "deploymentSpec" in data:
        return "it is a pipeline of Kubeflow or Vertex AI, not of SageMaker"
    if "apiVersion" in data and "kind" in data:
        return f"it is a {data['kind']} of Kubernetes, not a pipeline of SageMaker"
    if "pipeline" in data and "steps" in data:
        return "it is a config of dagcast: field names of a definition begin with capitals"
    for name in _RESOURCES:
        if f"{name}Name" in data:
            return f"it is the request or description of one resource ({name}), not a pipeline"
    return None


def _has_resources(data: dict[str, Any]) -> bool:
    resources = data.get("Resources")
    return isinstance(resources, dict) and any(
        isinstance(each, dict) and str(each.get("Type", "")).startswith("AWS::")
        for each in resources.values()
    )
