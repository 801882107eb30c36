"""AutoML: search for a model of tabular data with SageMaker Autopilot."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import EMPTY, BoolOrReference, IntOrReference, StrOrReference
from dagcast.compile.config.step import Cached, Retried, StepConfig, To, WithInputs, WithOutputs
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

LIMITS = ("AutoMLJobConfig", "CompletionCriteria")
SECURITY = ("AutoMLJobConfig", "SecurityConfig")
UNSUPPORTED = "pipelines do not take it"
"""Reason why some members are forbidden. Source: ``AutoMLStep`` of the SDK drops them."""


class AutoMLConfig(StepConfig, WithInputs, WithOutputs, Cached, Retried):
    """The fields of an AutoML step. Pipelines run the ENSEMBLING mode only (the SDK's AutoMLStep refuses others)."""

    type: Literal["AutoML"] = "AutoML"
    role: StrOrReference | None = None
    target_attribute_name: Annotated[StrOrReference, Field(description="Column that the models predict")]
    content_type: StrOrReference | None = None
    compression_type: Literal["None", "Gzip"] | None = None
    mode: Annotated[
        Literal["ENSEMBLING"],
        Field(description="Mode of the search; pipelines have ENSEMBLING alone"),
        To(("AutoMLJobConfig", "Mode")),
    ] = "ENSEMBLING"
    problem_type: Annotated[
        Literal["BinaryClassification", "MulticlassClassification", "Regression"] | None,
        Field(description="Kind of the predictions; by default found from the data"),
        To("ProblemType"),
    ] = None
    objective: Annotated[
        StrOrReference | None,
        Field(description="Metric that the search improves"),
        To(("AutoMLJobObjective", "MetricName")),
    ] = None
    max_candidates: Annotated[
        IntOrReference | None, Field(description="Most models to try"), To((*LIMITS, "MaxCandidates"))
    ] = None
    max_runtime_per_training_job_in_seconds: Annotated[
        IntOrReference | None,
        Field(description="Seconds after which a training job of the search is stopped"),
        To((*LIMITS, "MaxRuntimePerTrainingJobInSeconds")),
    ] = None
    max_runtime_in_seconds: Annotated[
        IntOrReference | None, To((*LIMITS, "MaxAutoMLJobRuntimeInSeconds"))
    ] = None
    output_path: Annotated[StrOrReference | None, Field(description="S3 URI below which the job writes")] = (
        None
    )
    output_kms_key: Annotated[StrOrReference | None, To(("OutputDataConfig", "KmsKeyId"))] = None
    volume_kms_key: Annotated[StrOrReference | None, To((*SECURITY, "VolumeKmsKeyId"))] = None
    encrypt_inter_container_traffic: Annotated[
        BoolOrReference | None, To((*SECURITY, "EnableInterContainerTrafficEncryption"))
    ] = None
    subnets: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False),
        To((*SECURITY, "VpcConfig", "Subnets")),
    ] = ()
    security_group_ids: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False),
        To((*SECURITY, "VpcConfig", "SecurityGroupIds")),
    ] = ()
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _inputs(config: AutoMLConfig) -> tuple[InputPort, ...]:
    return (
        InputPort("train", "dataset", config.given("train"), about="S3 URI of the training data"),
        InputPort("validation", "dataset", config.given("validation"), False, "S3 URI of validation data"),
    )


def _outputs(config: AutoMLConfig, name: str) -> tuple[OutputPort, ...]:
    container = "BestCandidate.InferenceContainers[0]"
    insights = "BestCandidateProperties.ModelInsightsJsonReportPath"
    explained = "BestCandidateProperties.ExplainabilityJsonReportPath"
    return (
        OutputPort("model", "model", StepProperty(name, f"{container}.ModelDataUrl"), "the best model"),
        OutputPort("insights", "report", StepProperty(name, insights), "its quality"),
        OutputPort(
            "explainability", "explainability-report", StepProperty(name, explained), "its explanation"
        ),
    )


def lower(step: "Lowering", config: AutoMLConfig) -> None:
    """Fill a CreateAutoMLJob request."""
    step.put_fields()
    put_role(step, config)
    entries: list[dict[str, Any]] = []
    for port, channel in (("train", "training"), ("validation", "validation")):
        source = step.source(port)
        if source is None:
            continue
        entry = {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "TargetAttributeName": config.target_attribute_name,
            "ContentType": config.content_type,
            "CompressionType": config.compression_type,
            # Without a type the service uses the only channel for training.
            "ChannelType": channel if step.source("validation") is not None else None,
        }
        step.origins[("Arguments", "InputDataConfig", len(entries))] = step.source_origin(port)
        entries.append({member: value for member, value in entry.items() if value is not None})
    step.put("InputDataConfig", entries or None)
    if config.output_path is not None:
        step.put(("OutputDataConfig", "S3OutputPath"), config.output_path, "output_path")
    else:
        step.put(("OutputDataConfig", "S3OutputPath"), step.default_uri(per_execution=False))


STEP_TYPE = StepType(
    name="AutoML",
    definition_type="AutoML",
    about="Lets SageMaker Autopilot find a model for tabular data.",
    config=AutoMLConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["AutoML"].shapes,
    properties=STEP_KINDS["AutoML"].properties,
    forbidden={"ModelDeployConfig": UNSUPPORTED, "GenerateCandidateDefinitionsOnly": UNSUPPORTED},
)
