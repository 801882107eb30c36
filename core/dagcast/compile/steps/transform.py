"""Transform: run batch inference on a dataset."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import EMPTY, CoercedStrOrReference, IntOrReference, StrOrReference
from dagcast.compile.config.step import Cached, Retried, StepConfig, To, WithInputs, WithOutputs
from dagcast.compile.steps.step_type import EXPERIMENT_CONFIG, StepType, tag_list
from dagcast.definition.references import StepProperty
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class TransformConfig(StepConfig, WithInputs, WithOutputs, Cached, Retried):
    """The fields of a Transform step."""

    type: Literal["Transform"] = "Transform"
    instance_type: Annotated[StrOrReference | None, To(("TransformResources", "InstanceType"))] = None
    instance_count: Annotated[IntOrReference, To(("TransformResources", "InstanceCount"))] = 1
    volume_kms_key: Annotated[StrOrReference | None, To(("TransformResources", "VolumeKmsKeyId"))] = None
    strategy: Annotated[
        Literal["MultiRecord", "SingleRecord"] | None,
        Field(description="Whether a request holds one record or several"),
        To("BatchStrategy"),
    ] = None
    max_payload_in_mb: Annotated[
        IntOrReference | None, Field(description="Largest request, in MB"), To("MaxPayloadInMB")
    ] = None
    max_concurrent_transforms: Annotated[
        IntOrReference | None,
        Field(description="Most requests at a time to each instance"),
        To("MaxConcurrentTransforms"),
    ] = None
    environment: dict[str, CoercedStrOrReference] = EMPTY
    data_type: Annotated[
        Literal["S3Prefix", "ManifestFile"],
        To(("TransformInput", "DataSource", "S3DataSource", "S3DataType")),
    ] = "S3Prefix"
    content_type: Annotated[StrOrReference | None, To(("TransformInput", "ContentType"))] = None
    compression_type: Annotated[Literal["None", "Gzip"] | None, To(("TransformInput", "CompressionType"))] = (
        None
    )
    split_type: Annotated[
        Literal["None", "Line", "RecordIO", "TFRecord"] | None,
        Field(description="How files are split into records"),
        To(("TransformInput", "SplitType")),
    ] = None
    output_path: Annotated[
        StrOrReference | None, Field(description="S3 URI that predictions are written to")
    ] = None
    output_kms_key: Annotated[StrOrReference | None, To(("TransformOutput", "KmsKeyId"))] = None
    accept: Annotated[
        StrOrReference | None,
        Field(description="MIME type of the predictions"),
        To(("TransformOutput", "Accept")),
    ] = None
    assemble_with: Annotated[
        Literal["None", "Line"] | None,
        Field(description="How predictions are joined into files"),
        To(("TransformOutput", "AssembleWith")),
    ] = None
    input_filter: Annotated[
        StrOrReference | None,
        Field(description="JSONPath of the part of a record that is sent to the model"),
        To(("DataProcessing", "InputFilter")),
    ] = None
    output_filter: Annotated[
        StrOrReference | None,
        Field(description="JSONPath of the part of the joined record that is written"),
        To(("DataProcessing", "OutputFilter")),
    ] = None
    join_source: Annotated[
        Literal["None", "Input"] | None,
        Field(description="Whether each prediction is joined with its record"),
        To(("DataProcessing", "JoinSource")),
    ] = None
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _inputs(config: TransformConfig) -> tuple[InputPort, ...]:
    return (
        InputPort("model_name", "model-name", config.given("model_name"), about="the model that predicts"),
        InputPort("data", "dataset", config.given("data"), about="S3 URI of what is predicted"),
    )


def _outputs(config: TransformConfig, name: str) -> tuple[OutputPort, ...]:
    predictions = StepProperty(name, "TransformOutput.S3OutputPath")
    return (OutputPort("predictions", "dataset", predictions, "S3 URI of the predictions"),)


def lower(step: "Lowering", config: TransformConfig) -> None:
    """Fill a CreateTransformJob request."""
    step.put_fields()
    step.put("Environment", step.as_strings(config.environment), "environment")
    step.put("ModelName", step.source("model_name"), step.source_origin("model_name"))
    data = ("TransformInput", "DataSource", "S3DataSource", "S3Uri")
    step.put(data, step.source("data"), step.source_origin("data"))
    if config.output_path is not None:
        step.put(("TransformOutput", "S3OutputPath"), config.output_path, "output_path")
    else:
        step.put(("TransformOutput", "S3OutputPath"), step.default_uri(per_execution=True))


STEP_TYPE = StepType(
    name="Transform",
    definition_type="Transform",
    about="Predicts a whole data set with a model.",
    config=TransformConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    shapes=STEP_KINDS["Transform"].shapes,
    properties=STEP_KINDS["Transform"].properties,
    forbidden={"ExperimentConfig": EXPERIMENT_CONFIG},
)
