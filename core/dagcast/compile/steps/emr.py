"""EMR: run a step on an EMR cluster."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dagcast.compile.bind.ports import OutputPort
from dagcast.compile.config.fields import (
    EMPTY,
    CoercedStrOrReference,
    ConfigModel,
    FreeMapping,
    StrOrReference,
)
from dagcast.compile.config.step import Cached, PortName, Retried, StepConfig, To
from dagcast.compile.steps.step_type import StepType
from dagcast.definition.references import StepProperty
from dagcast.paths import FieldPath, format_path
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

JAR = ("StepConfig", "HadoopJarStep")
MANAGED = ("Name", "AutoTerminationPolicy", "Steps")
MANAGED_INSTANCES = ("KeepJobFlowAliveWhenNoSteps", "TerminationProtected")
"""Members of ``Instances`` that the pipeline sets for its own cluster. ``MANAGED`` has the top-level members.

Source for both: ``EMRStep`` of the SageMaker Python SDK.
"""


def property_list(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Convert ``{key: value}`` to EMR's list of properties."""
    return [{"Key": key, "Value": value} for key, value in properties.items()]


class EMROutput(ConfigModel):
    """An output of the job; it is passed to the job as ``--<name> <uri>``."""

    destination: Annotated[StrOrReference, Field(description="S3 URI that the job is told to write to")]

    @model_validator(mode="before")
    @classmethod
    def _destination_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"destination": value}


class EMRConfig(StepConfig, Cached, Retried):
    """The fields of an EMR step: on a running cluster (``cluster_id``) or on one of its own."""

    type: Literal["EMR"] = "EMR"
    jar: Annotated[
        StrOrReference, Field(description="JAR to run, such as command-runner.jar"), To((*JAR, "Jar"))
    ]
    args: Annotated[
        tuple[CoercedStrOrReference, ...], Field(strict=False, description="Arguments of the JAR")
    ] = ()
    main_class: Annotated[
        StrOrReference | None, Field(description="Main class of the JAR"), To((*JAR, "MainClass"))
    ] = None
    properties: Annotated[
        dict[str, CoercedStrOrReference],
        Field(description="Java properties of the step"),
        To((*JAR, "Properties"), property_list),
    ] = EMPTY
    outputs: dict[PortName, EMROutput] = EMPTY
    cluster_id: Annotated[
        StrOrReference | None,
        Field(description="Id of a running cluster; excludes cluster_config"),
        To("ClusterId"),
    ] = None
    execution_role_arn: Annotated[
        StrOrReference | None,
        Field(description="ARN of the runtime role on the cluster"),
        To("ExecutionRoleArn"),
    ] = None
    cluster_config: Annotated[
        FreeMapping,
        Field(description="Request of RunJobFlow for a cluster of the step's own; excludes cluster_id"),
        To("ClusterConfig"),
    ] = EMPTY

    @model_validator(mode="after")
    def _one_cluster(self) -> "EMRConfig":
        if (self.cluster_id is None) == (not self.cluster_config):
            raise PydanticCustomError("cluster", "an EMR step takes one of cluster_id and cluster_config")
        if self.execution_role_arn is not None and self.cluster_id is None:
            raise PydanticCustomError("cluster", "execution_role_arn needs cluster_id")
        return self


def _outputs(config: EMRConfig, name: str) -> tuple[OutputPort, ...]:
    first = len(config.args) + 1
    return tuple(
        OutputPort(
            port, "dataset", StepProperty(name, f"Config.Args[{first + 2 * index}]"), "an output of the job"
        )
        for index, port in enumerate(config.outputs)
    )


def lower(step: "Lowering", config: EMRConfig) -> None:
    """Fill the members of an AddJobFlowSteps request that pipelines accept."""
    step.put_fields()
    args = [step.as_string(argument) for argument in config.args]
    for port, item in config.outputs.items():
        args += [f"--{port}", item.destination]
    step.put((*JAR, "Args"), args or None, "args")
    properties = step.as_strings(config.properties)
    step.put((*JAR, "Properties"), property_list(properties) if properties else None, "properties")
    instances = config.cluster_config.get("Instances")
    managed: list[FieldPath] = [(key,) for key in MANAGED if key in config.cluster_config]
    if isinstance(instances, dict):
        managed += [("Instances", key) for key in MANAGED_INSTANCES if key in instances]
    for path in managed:
        step.error(
            f"the pipeline sets {format_path(path)} of its own cluster",
            "cluster_config",
            *path,
            code="config.managed-field",
            hint="leave it out",
        )


STEP_TYPE = StepType(
    name="EMR",
    definition_type="EMR",
    about="Runs a step on an EMR cluster.",
    config=EMRConfig,
    lower=lower,
    outputs=_outputs,
    shapes=STEP_KINDS["EMR"].shapes,
    properties=STEP_KINDS["EMR"].properties,
)
