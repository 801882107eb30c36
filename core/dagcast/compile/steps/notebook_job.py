"""NotebookJob: run all cells of a Jupyter notebook."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dagcast.compile.bind.ports import OutputPort
from dagcast.compile.config.fields import (
    EMPTY,
    BoolOrReference,
    CoercedStrOrReference,
    Fixed,
    IntOrReference,
    StrOrReference,
)
from dagcast.compile.config.step import Retried, StepConfig, To, WithOutputs
from dagcast.compile.spec.pipeline import PropertyShape
from dagcast.compile.steps.job import put_role
from dagcast.compile.steps.step_type import StepType
from dagcast.definition.references import ExecutionVariable, Join, StepProperty
from dagcast.sagemaker.limits import DEFAULT_VOLUME_GB
from dagcast.sagemaker.step_shapes import RequestShape

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

CHANNEL = "sagemaker_headless_execution_pipelinestep"
"""The channel from which the scheduler in the image reads the notebook. Source: ``NotebookJobStep`` of the SDK."""


class NotebookJobConfig(StepConfig, WithOutputs, Retried):
    """The fields of a NotebookJob step. The service runs it as a training job."""

    type: Literal["NotebookJob"] = "NotebookJob"
    role: StrOrReference | None = None
    input_notebook: Annotated[Fixed, Field(description="The notebook: a path relative to the config file")]
    initialization_script: Annotated[
        Fixed | None,
        Field(description="Script that runs before the notebook: a path relative to the config file"),
    ] = None
    additional_dependencies: Annotated[
        tuple[Fixed, ...], Field(strict=False, description="Files and folders that the notebook needs")
    ] = ()
    notebook_job_name: Annotated[
        str | None,
        Field(
            pattern=r"^[a-zA-Z][a-zA-Z0-9_-]*$",
            description="Name that Studio lists the runs under; by default the notebook's",
        ),
    ] = None
    image_uri: Annotated[StrOrReference, To(("AlgorithmSpecification", "TrainingImage"))]
    kernel_name: Annotated[StrOrReference, Field(description="Kernel of the image that runs the notebook")]
    parameters: Annotated[
        dict[str, CoercedStrOrReference],
        Field(description="Values of the notebook's parameters"),
        To("HyperParameters"),
    ] = EMPTY
    environment: dict[str, CoercedStrOrReference] = EMPTY
    instance_type: Annotated[StrOrReference, To(("ResourceConfig", "InstanceType"))] = "ml.m5.large"
    volume_size_in_gb: Annotated[IntOrReference, To(("ResourceConfig", "VolumeSizeInGB"))] = DEFAULT_VOLUME_GB
    volume_kms_key: Annotated[StrOrReference | None, To(("ResourceConfig", "VolumeKmsKeyId"))] = None
    output_path: Annotated[StrOrReference | None, Field(description="S3 URI below which runs write")] = None
    output_kms_key: Annotated[StrOrReference | None, To(("OutputDataConfig", "KmsKeyId"))] = None
    max_runtime_in_seconds: Annotated[IntOrReference, To(("StoppingCondition", "MaxRuntimeInSeconds"))] = (
        172800
    )
    max_retry_attempts: Annotated[
        IntOrReference,
        Field(description="Most retries of the job"),
        To(("RetryStrategy", "MaximumRetryAttempts")),
    ] = 1
    encrypt_inter_container_traffic: Annotated[
        BoolOrReference, To("EnableInterContainerTrafficEncryption")
    ] = True
    subnets: Annotated[tuple[StrOrReference, ...], Field(strict=False), To(("VpcConfig", "Subnets"))] = ()
    security_group_ids: Annotated[
        tuple[StrOrReference, ...], Field(strict=False), To(("VpcConfig", "SecurityGroupIds"))
    ] = ()
    tags: dict[str, StrOrReference] = EMPTY


def _outputs(config: NotebookJobConfig, name: str) -> tuple[OutputPort, ...]:
    folder = StepProperty(name, "OutputDataConfig.S3OutputPath")
    return (OutputPort("output", "dataset", folder, "S3 URI below which the run wrote"),)


def lower(step: "Lowering", config: NotebookJobConfig) -> None:
    """Fill the CreateTrainingJob request that runs the notebook."""
    step.put_fields()
    step.put(("AlgorithmSpecification", "TrainingInputMode"), "File")
    step.put(("AlgorithmSpecification", "ContainerEntrypoint"), ["amazon_sagemaker_scheduler"])
    step.put(("ResourceConfig", "InstanceCount"), 1)
    step.put("HyperParameters", step.as_strings(config.parameters), "parameters")
    put_role(step, config)
    job_name = config.notebook_job_name or step.name
    # The job's name becomes a prefix. The service accepts letters, digits and inner hyphens only.
    prefix = job_name.replace("_", "-").rstrip("-")
    step.put("TrainingJobName", prefix, "notebook_job_name")
    files = [config.input_notebook, config.initialization_script, *config.additional_dependencies]
    folder = step.staged_files([path for path in files if path is not None], "input_notebook")
    if folder is not None:
        data = {"S3DataType": "S3Prefix", "S3Uri": folder, "S3DataDistributionType": "FullyReplicated"}
        channel = {"ChannelName": CHANNEL, "DataSource": {"S3DataSource": data}}
        step.put("InputDataConfig", [channel], "input_notebook")
    _put_output(step, config)
    _put_environment(step, config, prefix)
    system = {
        "sagemaker:name": job_name,
        "sagemaker:notebook-name": _file_name(config.input_notebook),
        "sagemaker:notebook-job-origin": "PIPELINE_STEP",
        "sagemaker:is-studio-archived": "false",
    }
    step.put(
        "Tags", [{"Key": key, "Value": value} for key, value in {**config.tags, **system}.items()], "tags"
    )


def _put_output(step: "Lowering", config: NotebookJobConfig) -> None:
    if config.output_path is None:
        step.put(("OutputDataConfig", "S3OutputPath"), step.default_uri(per_execution=True))
        return
    run = ExecutionVariable("PipelineExecutionId")
    path = Join("/", (config.output_path, step.pipeline.name, run, step.name))
    step.put(("OutputDataConfig", "S3OutputPath"), path, "output_path")


def _put_environment(step: "Lowering", config: NotebookJobConfig, prefix: str) -> None:
    """Set the variables that configure the scheduler in the image. Source: ``NotebookJobStep`` of the SDK."""
    environment = dict(step.as_strings(config.environment) or {})
    if step.region is not None:
        environment["AWS_DEFAULT_REGION"] = step.region
    environment.update(
        {
            "SM_JOB_DEF_VERSION": "1.0",
            "SM_ENV_NAME": "sagemaker-default-env",
            "SM_SKIP_EFS_SIMULATION": "true",
            "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{CHANNEL}",
            "SM_KERNEL_NAME": config.kernel_name,
            "SM_INPUT_NOTEBOOK_NAME": _file_name(config.input_notebook),
            "SM_OUTPUT_NOTEBOOK_NAME": f"{prefix}.ipynb",
        }
    )
    if config.initialization_script is not None:
        environment["SM_INIT_SCRIPT"] = _file_name(config.initialization_script)
    step.put("Environment", environment, "environment")


def _file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


STEP_TYPE = StepType(
    name="NotebookJob",
    definition_type="Training",
    about="Runs a Jupyter notebook from start to end.",
    config=NotebookJobConfig,
    lower=lower,
    outputs=_outputs,
    shapes=(RequestShape("CreateTrainingJobRequest"),),
    properties=PropertyShape(shapes=("DescribeTrainingJobResponse",)),
)
