"""Shared parts of QualityCheck and ClarifyCheck: the processing job and its baseline."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.fields import (
    EMPTY,
    BoolOrReference,
    CoercedStrOrReference,
    IntOrReference,
    StrOrReference,
)
from dagcast.compile.config.step import Cached, StepConfig, To, WithInputs, WithOutputs
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.step_type import tag_list
from dagcast.definition.references import StepProperty, references
from dagcast.sagemaker.limits import DEFAULT_VOLUME_GB

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering


class CheckConfig(StepConfig, WithInputs, WithOutputs, Cached):
    """The fields that both checks have.

    Attributes:
        skip_check: Only compute the baseline, and compare nothing.
        fail_on_violation: Whether a violation fails the step.
        register_new_baseline: Whether the computed baseline replaces the registered one.
        model_package_group_name: The group whose latest approved model holds the baseline.
        supplied_baseline_constraints: S3 URI of constraints to compare with instead.
    """

    role: StrOrReference | None = None
    image_uri: StrOrReference | None = None
    instance_type: Annotated[StrOrReference, To(("ProcessingResources", "ClusterConfig", "InstanceType"))] = (
        "ml.m5.xlarge"
    )
    instance_count: Annotated[
        IntOrReference, To(("ProcessingResources", "ClusterConfig", "InstanceCount"))
    ] = 1
    volume_size_in_gb: Annotated[
        IntOrReference, To(("ProcessingResources", "ClusterConfig", "VolumeSizeInGB"))
    ] = DEFAULT_VOLUME_GB
    volume_kms_key: Annotated[
        StrOrReference | None, To(("ProcessingResources", "ClusterConfig", "VolumeKmsKeyId"))
    ] = None
    max_runtime_in_seconds: Annotated[
        IntOrReference | None, To(("StoppingCondition", "MaxRuntimeInSeconds"))
    ] = None
    enable_network_isolation: Annotated[
        BoolOrReference | None, To(("NetworkConfig", "EnableNetworkIsolation"))
    ] = None
    encrypt_inter_container_traffic: Annotated[
        BoolOrReference | None, To(("NetworkConfig", "EnableInterContainerTrafficEncryption"))
    ] = None
    subnets: Annotated[
        tuple[StrOrReference, ...], Field(strict=False), To(("NetworkConfig", "VpcConfig", "Subnets"))
    ] = ()
    security_group_ids: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False),
        To(("NetworkConfig", "VpcConfig", "SecurityGroupIds")),
    ] = ()
    environment: dict[str, CoercedStrOrReference] = EMPTY
    output_path: Annotated[
        StrOrReference | None, Field(description="S3 URI that the results are written to")
    ] = None
    output_kms_key: StrOrReference | None = None
    skip_check: Annotated[
        BoolOrReference, Field(description="Whether the baseline is computed and compared with nothing")
    ] = False
    fail_on_violation: Annotated[BoolOrReference, Field(description="Whether a violation fails the step")] = (
        True
    )
    register_new_baseline: Annotated[
        BoolOrReference,
        Field(description="Whether later steps use the computed baseline in place of the registered one"),
    ] = False
    model_package_group_name: Annotated[
        StrOrReference | None, Field(description="Group whose latest approved model holds the baseline")
    ] = None
    supplied_baseline_constraints: Annotated[
        StrOrReference | None,
        Field(description="S3 URI of constraints to compare with, in place of the registered ones"),
    ] = None
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def refuse_references(value: object, field: str) -> None:
    """Raise an error if a value contains a reference.

    Validators call this for fields that are written as JSON at compile time: the service cannot resolve references
    in them.

    Args:
        value: The value of the field.
        field: The name of the field.

    Raises:
        PydanticCustomError: If ``value`` contains a reference.
    """
    found = next(references(value), None)
    if found is not None:
        message = "it is written out when the pipeline is compiled, so {reference} would not be filled in"
        raise PydanticCustomError("reference", message, {"reference": str(found), "path": (field,)})


def dataset_port(config: CheckConfig) -> InputPort:
    """Return the input port of the data to check."""
    return InputPort("dataset", "dataset", config.given("dataset"), about="S3 URI of the data")


def constraints_ports(name: str) -> tuple[OutputPort, ...]:
    """Return the output ports of the computed constraints and of the constraints used for the comparison."""
    calculated = StepProperty(name, "CalculatedBaselineConstraints")
    used = StepProperty(name, "BaselineUsedForDriftCheckConstraints")
    return (
        OutputPort("calculated_constraints", "constraints", calculated, "S3 URI of the computed constraints"),
        OutputPort("drift_check_constraints", "constraints", used, "S3 URI of those compared with"),
    )


def put_check_job(
    step: "Lowering", config: CheckConfig, framework: str, inputs: list[Any], output: str
) -> None:
    """Set the parts of the processing job that both checks share.

    Args:
        step: The step.
        config: Its config.
        framework: The framework whose image runs the check. ``image_uri`` in the config overrides it.
        inputs: Name, source, path in the container and origin of each input. Inputs without a source are skipped.
        output: The name of the job's output.
    """
    step.put_fields()
    put_role(step, config)
    if config.image_uri is not None:
        step.put(("AppSpecification", "ImageUri"), config.image_uri, "image_uri")
    else:
        step.put(("AppSpecification", "ImageUri"), step.image(framework))
    inputs = [item for item in inputs if item[1] is not None]
    step.put("ProcessingInputs", [_input(name, source, path) for name, source, path, _ in inputs])
    for index, (_, _, _, origin) in enumerate(inputs):
        step.origins[("Arguments", "ProcessingInputs", index)] = step.origin(origin)
    given = config.output_path is not None
    destination = config.output_path if given else step.default_uri("output", per_execution=True)
    if destination is not None:
        s3 = {"S3Uri": destination, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
        entry = {"OutputName": output, "AppManaged": False, "S3Output": s3}
        step.put(("ProcessingOutputConfig", "Outputs"), [entry], "output_path")
    step.put(("ProcessingOutputConfig", "KmsKeyId"), config.output_kms_key, "output_kms_key")


def put_baseline(step: "Lowering", config: CheckConfig) -> None:
    """Set the fields next to ``Arguments`` that control the comparison and the registration of the baseline."""
    step.put_sibling("ModelPackageGroupName", config.model_package_group_name, "model_package_group_name")
    step.put_sibling("SkipCheck", config.skip_check, "skip_check")
    step.put_sibling("FailOnViolation", config.fail_on_violation, "fail_on_violation")
    step.put_sibling("RegisterNewBaseline", config.register_new_baseline, "register_new_baseline")


def _input(name: str, source: Any, path: str) -> dict[str, Any]:
    s3 = {
        "S3Uri": source,
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    return {"InputName": name, "AppManaged": False, "S3Input": s3}
