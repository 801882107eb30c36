"""Kinds of steps, by ``Type`` in a definition: the shapes of their requests and of their properties.

Sources: SageMaker Developer Guide, "Pipelines steps", which lists the API call of each kind; the ``properties`` of the
step classes of the SageMaker Python SDK; AWS's JSON schema of pipeline definitions, version 2020-12-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from dagcast.sagemaker.step_shapes import PropertyShape, RequestShape


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """A kind of step.

    Attributes:
        shapes: The shapes of the request body; empty if no service model describes it.
        properties: The properties that other steps may read.
    """

    shapes: tuple[RequestShape, ...] = ()
    properties: PropertyShape = PropertyShape()


_PROCESSING_JOB = (RequestShape("CreateProcessingJobRequest", ignore_required=("ProcessingJobName",)),)

STEP_KINDS: Final[Mapping[str, StepKind]] = MappingProxyType(
    {
        "Processing": StepKind(
            shapes=_PROCESSING_JOB, properties=PropertyShape(shapes=("DescribeProcessingJobResponse",))
        ),
        "Training": StepKind(
            shapes=(RequestShape("CreateTrainingJobRequest", ignore_required=("TrainingJobName",)),),
            properties=PropertyShape(shapes=("DescribeTrainingJobResponse",)),
        ),
        "Tuning": StepKind(
            shapes=(
                RequestShape(
                    "CreateHyperParameterTuningJobRequest", ignore_required=("HyperParameterTuningJobName",)
                ),
            ),
            properties=PropertyShape(
                shapes=(
                    "DescribeHyperParameterTuningJobResponse",
                    "ListTrainingJobsForHyperParameterTuningJobResponse",
                )
            ),
        ),
        "Transform": StepKind(
            shapes=(RequestShape("CreateTransformJobRequest", ignore_required=("TransformJobName",)),),
            properties=PropertyShape(shapes=("DescribeTransformJobResponse",)),
        ),
        "Model": StepKind(
            shapes=(RequestShape("CreateModelInput", ignore_required=("ModelName",)),),
            properties=PropertyShape(shapes=("DescribeModelOutput",)),
        ),
        "RegisterModel": StepKind(
            shapes=(RequestShape("CreateModelPackageInput"),),
            properties=PropertyShape(shapes=("DescribeModelPackageOutput",)),
        ),
        "EndpointConfig": StepKind(
            shapes=(RequestShape("CreateEndpointConfigInput"),),
            properties=PropertyShape(shapes=("DescribeEndpointConfigOutput",)),
        ),
        "Endpoint": StepKind(
            shapes=(RequestShape("CreateEndpointInput"),),
            properties=PropertyShape(shapes=("DescribeEndpointOutput",)),
        ),
        "AutoML": StepKind(
            shapes=(RequestShape("CreateAutoMLJobRequest", ignore_required=("AutoMLJobName",)),),
            properties=PropertyShape(
                shapes=("DescribeAutoMLJobResponse",),
                names=(
                    "BestCandidateProperties.ModelInsightsJsonReportPath",
                    "BestCandidateProperties.ExplainabilityJsonReportPath",
                ),
            ),
        ),
        "QualityCheck": StepKind(
            shapes=_PROCESSING_JOB,
            properties=PropertyShape(
                names=(
                    "CalculatedBaselineConstraints",
                    "CalculatedBaselineStatistics",
                    "BaselineUsedForDriftCheckConstraints",
                    "BaselineUsedForDriftCheckStatistics",
                )
            ),
        ),
        "ClarifyCheck": StepKind(
            shapes=_PROCESSING_JOB,
            properties=PropertyShape(
                names=("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")
            ),
        ),
        "EMR": StepKind(
            shapes=(
                RequestShape("StepConfig", ("StepConfig",), "emr", ("Name",)),
                RequestShape("RunJobFlowInput", ("ClusterConfig",), "emr", ("Name",)),
            ),
            properties=PropertyShape("emr", ("Step",)),
        ),
        "EMRServerless": StepKind(
            shapes=(
                RequestShape(
                    "StartJobRunRequest", ("JobConfig",), "emr-serverless", ("clientToken", "applicationId")
                ),
                RequestShape(
                    "CreateApplicationRequest", ("ApplicationConfig",), "emr-serverless", ("clientToken",)
                ),
            ),
            properties=PropertyShape("emr-serverless", ("GetJobRunResponse",)),
        ),
        "Condition": StepKind(properties=PropertyShape(names=("Outcome",))),
        "Lambda": StepKind(),
        "Callback": StepKind(),
        "Fail": StepKind(),
    }
)
"""By ``Type`` in a definition. The declared outputs of a Lambda or Callback step are properties as well: see
:func:`output_properties`."""


UNTYPED_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Athena": "botocore",
        "BedrockCustomModel": "botocore",
        "BedrockCustomModelDeployment": "botocore",
        "BedrockModelImport": "botocore",
        "BedrockProvisionedModelThroughput": "botocore",
        "Cleanup": "SageMaker Python SDK 3 (CleanupStep)",
        "ForEach": "SageMaker Python SDK 3 (ForEachStep)",
        "HubContent": "botocore",
        "InferenceComponent": "SageMaker Python SDK 3 (InferenceComponentStep)",
        "Job": "SageMaker Python SDK 3 (JobStep)",
        "Lineage": "SageMaker Python SDK 3 (LineageStep)",
    }
)
"""Kinds of steps that executions report and that have no step type in dagcast, each with what knows it.

Sources: API reference, ``PipelineExecutionStepMetadata``, of botocore 1.44.8; ``StepTypeEnum`` of SDK 3.27."""


def output_properties(outputs: Any) -> PropertyShape:
    """Return the properties of a step that declares output parameters.

    Args:
        outputs: Its ``OutputParameters``: a list of mappings with an ``OutputName``.
    """
    items = outputs if isinstance(outputs, (list, tuple)) else ()
    names = [item.get("OutputName") for item in items if isinstance(item, dict)]
    return PropertyShape(names=tuple(f"OutputParameters['{name}']" for name in names))
