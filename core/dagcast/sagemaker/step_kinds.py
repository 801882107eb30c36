"""Kinds of steps, by ``Type`` in a definition: the shapes of their requests and of their properties.

Sources: SageMaker Developer Guide, "Pipelines steps", which lists the API call of each kind; the ``properties`` of the
step classes of the SageMaker Python SDK; AWS's JSON schema of pipeline definitions, version 2020-12-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from dagcast.frozen_dataclass import dataclass
from dagcast.sagemaker.step_shapes import PropertyShape, RequestShape


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """A kind of step.

    Attributes:
        shapes: The shapes of the request body; empty if no service model describes it.
        properties: The properties that other steps may read.
        retryable: Whether the SDK's class of the kind derives from ``ConfigurableRetryStep`` and takes retry policies.
        first_sdk: The first version of each SDK major whose ``StepTypeEnum`` has the kind; empty if all supported
            versions have it. Source: the wheels of sagemaker 2.257.x, and of sagemaker-mlops 1.N, which ships with
            sagemaker 3.N.
    """

    shapes: tuple[RequestShape, ...] = ()
    properties: PropertyShape = PropertyShape()
    retryable: bool = False
    first_sdk: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UntypedKind:
    """A kind of step without a step type in dagcast.

    Attributes:
        known_to: What knows it.
        first_sdk: As in :class:`StepKind`.
    """

    known_to: str
    first_sdk: tuple[str, ...] = ()


_PROCESSING_JOB = (RequestShape("CreateProcessingJobRequest", ignore_required=("ProcessingJobName",)),)

STEP_KINDS: Final[Mapping[str, StepKind]] = MappingProxyType(
    {
        "Processing": StepKind(
            retryable=True,
            shapes=_PROCESSING_JOB,
            properties=PropertyShape(shapes=("DescribeProcessingJobResponse",)),
        ),
        "Training": StepKind(
            retryable=True,
            shapes=(RequestShape("CreateTrainingJobRequest", ignore_required=("TrainingJobName",)),),
            properties=PropertyShape(shapes=("DescribeTrainingJobResponse",)),
        ),
        "Tuning": StepKind(
            retryable=True,
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
            retryable=True,
            shapes=(RequestShape("CreateTransformJobRequest", ignore_required=("TransformJobName",)),),
            properties=PropertyShape(shapes=("DescribeTransformJobResponse",)),
        ),
        "Model": StepKind(
            retryable=True,
            shapes=(RequestShape("CreateModelInput", ignore_required=("ModelName",)),),
            properties=PropertyShape(shapes=("DescribeModelOutput",)),
        ),
        "RegisterModel": StepKind(
            retryable=True,
            shapes=(RequestShape("CreateModelPackageInput"),),
            properties=PropertyShape(shapes=("DescribeModelPackageOutput",)),
        ),
        "EndpointConfig": StepKind(
            retryable=True,
            first_sdk=("2.257.6", "3.23"),
            shapes=(RequestShape("CreateEndpointConfigInput"),),
            properties=PropertyShape(shapes=("DescribeEndpointConfigOutput",)),
        ),
        "Endpoint": StepKind(
            first_sdk=("2.257.6", "3.23"),
            shapes=(RequestShape("CreateEndpointInput"),),
            properties=PropertyShape(shapes=("DescribeEndpointOutput",)),
        ),
        "AutoML": StepKind(
            retryable=True,
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
            retryable=True,
            first_sdk=("3.4",),
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
        "InferenceComponent": StepKind(
            shapes=(RequestShape("CreateInferenceComponentInput"),),
            properties=PropertyShape(shapes=("DescribeInferenceComponentOutput",)),
            first_sdk=("2.257.6", "3.23"),
        ),
        "Job": StepKind(
            retryable=True,
            shapes=(RequestShape("CreateJobRequest", ignore_required=("JobName",)),),
            properties=PropertyShape(shapes=("DescribeJobResponse",), documents=("JobConfigDocument",)),
            first_sdk=("3.24",),
        ),
        "Lineage": StepKind(first_sdk=("2.257.6", "3.23")),
        "Cleanup": StepKind(first_sdk=("3.27",)),
    }
)
"""By ``Type`` in a definition. The declared outputs of a Lambda or Callback step are properties as well: see
:func:`output_properties`."""


UNTYPED_KINDS: Final[Mapping[str, UntypedKind]] = MappingProxyType(
    {
        "Athena": UntypedKind(known_to="botocore"),
        "BedrockCustomModel": UntypedKind(known_to="botocore"),
        "BedrockCustomModelDeployment": UntypedKind(known_to="botocore"),
        "BedrockModelImport": UntypedKind(known_to="botocore"),
        "BedrockProvisionedModelThroughput": UntypedKind(known_to="botocore"),
        "ForEach": UntypedKind(known_to="SageMaker Python SDK 3.27 (ForEachStep)", first_sdk=("3.27",)),
        "HubContent": UntypedKind(known_to="botocore"),
    }
)
"""Kinds of steps that executions report and that have no step type in dagcast.

Sources: API reference, ``PipelineExecutionStepMetadata``, of botocore 1.44.8; ``StepTypeEnum`` of SDK 3.27."""


FUNCTIONS_OF_NEWER_SDKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "IfExpression": "branch with a Condition step",
        "Omit": "leave the field out; null removes a field that is inherited",
    }
)
"""Functions of definitions that no supported SDK has, and what to use in place of each.

Source: ``workflow.functions`` of sagemaker 2.257.7 and of sagemaker-core 2.27.0, which ships with sagemaker 3.27.0:
``Join`` and ``JsonGet`` alone."""


def first_sdk_versions(definition_type: str) -> tuple[str, ...]:
    """Return the first SDK versions that have a kind of step; empty if all have it, or the kind is unknown."""
    kind = STEP_KINDS.get(definition_type) or UNTYPED_KINDS.get(definition_type)
    return kind.first_sdk if kind is not None else ()


def output_properties(outputs: Any) -> PropertyShape:
    """Return the properties of a step that declares output parameters.

    Args:
        outputs: Its ``OutputParameters``: a list of mappings with an ``OutputName``.
    """
    items = outputs if isinstance(outputs, (list, tuple)) else ()
    names = [item.get("OutputName") for item in items if isinstance(item, dict)]
    return PropertyShape(names=tuple(f"OutputParameters['{name}']" for name in names))
