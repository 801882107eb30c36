"""RegisterModel: register a model version in the model registry."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import EMPTY, StrOrReference
from dagcast.compile.config.step import Retried, To
from dagcast.compile.steps.model import ModelConfig, containers, mark_containers, model_inputs
from dagcast.compile.steps.step_type import StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.paths import format_path
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

SPEC = ("InferenceSpecification",)
OVERRIDDEN = "the service sets it when the pipeline runs"
"""Reason why some members are forbidden. Source: ``ModelStep`` of the SDK drops them; the service rejects them."""

METRICS = {
    "model_metrics": ("report", ("ModelMetrics", "ModelQuality", "Statistics")),
    "model_constraints": ("constraints", ("ModelMetrics", "ModelQuality", "Constraints")),
    "data_statistics": ("statistics", ("ModelMetrics", "ModelDataQuality", "Statistics")),
    "data_constraints": ("constraints", ("ModelMetrics", "ModelDataQuality", "Constraints")),
    "bias_report": ("bias-report", ("ModelMetrics", "Bias", "Report")),
    "bias_pre_training_report": (
        "bias-pre-training-report",
        ("ModelMetrics", "Bias", "PreTrainingReport"),
    ),
    "bias_post_training_report": (
        "bias-post-training-report",
        ("ModelMetrics", "Bias", "PostTrainingReport"),
    ),
    "explainability_report": ("explainability-report", ("ModelMetrics", "Explainability", "Report")),
}
"""The input ports of reports: the kind of each port, and the path of the model metric that it sets."""

BASELINES = {
    "drift_model_statistics": ("drift-statistics", ("ModelQuality", "Statistics")),
    "drift_model_constraints": ("drift-constraints", ("ModelQuality", "Constraints")),
    "drift_data_statistics": ("drift-statistics", ("ModelDataQuality", "Statistics")),
    "drift_data_constraints": ("drift-constraints", ("ModelDataQuality", "Constraints")),
    "drift_bias_config": ("drift-config", ("Bias", "ConfigFile")),
    "drift_bias_pre_training_constraints": ("drift-constraints", ("Bias", "PreTrainingConstraints")),
    "drift_bias_post_training_constraints": ("drift-constraints", ("Bias", "PostTrainingConstraints")),
    "drift_explainability_constraints": ("drift-constraints", ("Explainability", "Constraints")),
    "drift_explainability_config": ("drift-config", ("Explainability", "ConfigFile")),
}
"""The input ports of drift baselines: the kind of each port, and the path below ``DriftCheckBaselines``.

No output of a built-in step type has these kinds: which check a baseline is for is the user's choice, so an edge or
an input names the port. Source: ``DriftCheckBaselines`` of both SDKs; API reference, ``DriftCheckBaselines``.
"""

FILES = {
    **METRICS,
    **{port: (kind, ("DriftCheckBaselines", *path)) for port, (kind, path) in BASELINES.items()},
}


class RegisterModelConfig(ModelConfig, Retried):
    """The fields of a RegisterModel step. ``instance_type`` only chooses the image of a framework."""

    type: Literal["RegisterModel"] = "RegisterModel"
    model_package_group_name: Annotated[
        StrOrReference | None,
        Field(description="Group that the model is registered in"),
        To("ModelPackageGroupName"),
    ] = None
    approval_status: Annotated[
        StrOrReference,
        Field(description="Whether the model is approved: Approved, Rejected or PendingManualApproval"),
        To("ModelApprovalStatus"),
    ] = "PendingManualApproval"
    content_types: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False, description="MIME types that the model takes"),
        To((*SPEC, "SupportedContentTypes")),
    ] = ()
    response_types: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False, description="MIME types of its predictions"),
        To((*SPEC, "SupportedResponseMIMETypes")),
    ] = ()
    inference_instances: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False, description="Instance types that endpoints of the model may have"),
        To((*SPEC, "SupportedRealtimeInferenceInstanceTypes")),
    ] = ()
    transform_instances: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False, description="Instance types that transform jobs of the model may have"),
        To((*SPEC, "SupportedTransformInstanceTypes")),
    ] = ()
    package_description: Annotated[
        StrOrReference | None, Field(description="Description of the model"), To("ModelPackageDescription")
    ] = None
    domain: Annotated[
        StrOrReference | None,
        Field(description="Domain of the model, such as MACHINE_LEARNING"),
        To("Domain"),
    ] = None
    task: Annotated[
        StrOrReference | None, Field(description="Task of the model, such as CLASSIFICATION"), To("Task")
    ] = None
    sample_payload_url: Annotated[
        StrOrReference | None,
        Field(description="S3 URI of an archive with sample requests"),
        To("SamplePayloadUrl"),
    ] = None
    customer_metadata: Annotated[
        dict[str, StrOrReference],
        Field(description="Names and values that are kept with the model"),
        To("CustomerMetadataProperties"),
    ] = EMPTY
    skip_model_validation: Annotated[
        Literal["All", "None"] | None,
        Field(description="Whether the service does not try the model when it registers it"),
        To("SkipModelValidation"),
    ] = None
    metrics_content_type: Annotated[
        StrOrReference, Field(description="Content type of the files of metrics and baselines")
    ] = "application/json"
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _inputs(config: RegisterModelConfig) -> tuple[InputPort, ...]:
    reports = tuple(
        InputPort(port, kind, config.given(port), False, f"S3 URI of the JSON file for {format_path(target)}")
        for port, (kind, target) in FILES.items()
    )
    return (*model_inputs(config), *reports)


def _outputs(config: RegisterModelConfig, name: str) -> tuple[OutputPort, ...]:
    package = StepProperty(name, "ModelPackageArn")
    return (OutputPort("model_package", "model-package", package, "ARN of the version in the registry"),)


def lower(step: "Lowering", config: RegisterModelConfig) -> None:
    """Fill a CreateModelPackage request."""
    step.put_fields()
    made = list(containers(step, config))
    step.put((*SPEC, "Containers"), [{member: value for member, (value, _) in item.items()} for item in made])
    mark_containers(step, made, (*SPEC, "Containers"))
    for port, (_, target) in FILES.items():
        uri = step.source(port)
        if uri is not None:
            metric = {"ContentType": config.metrics_content_type, "S3Uri": uri}
            step.put(target, metric, step.source_origin(port))


STEP_TYPE = StepType(
    name="RegisterModel",
    definition_type="RegisterModel",
    about="Puts a version of a model into the model registry.",
    config=RegisterModelConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["RegisterModel"].shapes,
    properties=STEP_KINDS["RegisterModel"].properties,
    forbidden={"CertifyForMarketplace": OVERRIDDEN},
)
