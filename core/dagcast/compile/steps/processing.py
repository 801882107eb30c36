"""Processing: run a script or a container on data."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from dagcast.compile.bind.ports import InputPort, OutputPort, Source
from dagcast.compile.config.fields import (
    EMPTY,
    BoolOrReference,
    CoercedStrOrReference,
    ConfigModel,
    Fixed,
    IntOrReference,
    StrOrReference,
)
from dagcast.compile.config.step import Cached, InputConfig, OutputConfig, PortName, Retried, To
from dagcast.compile.steps.job import (
    RENAMED,
    JobConfig,
    NonEmptyFixed,
    ScriptConfig,
    check_source_dir,
    container_arguments,
    put_image,
    put_role,
)
from dagcast.compile.steps.step_type import EXPERIMENT_CONFIG, StepType, tag_list
from dagcast.definition.references import Join, StepProperty
from dagcast.sagemaker.limits import DEFAULT_VOLUME_GB, PROCESSING_INPUTS_MAX_COUNT
from dagcast.sagemaker.step_kinds import STEP_KINDS

if TYPE_CHECKING:
    from dagcast.compile.steps.lowering import Lowering

BASE = "/opt/ml/processing"
PROCESSING_ONLY = ("clarify", "data-wrangler", "model-monitor", "spark")
"""Frameworks that have processing images only. Source: the SDK's image tables."""

CODE_PATH = f"{BASE}/input/code"
LAUNCHER_PATH = f"{BASE}/input/entrypoint"
ARCHIVE_NAME = "sourcedir.tar.gz"
LAUNCHER = b"""#!/bin/bash
# Unpacks the staged code, installs its requirements, and runs the script with the step's arguments.
set -eu
cd /opt/ml/processing/input/code
tar -xzf sourcedir.tar.gz
if [ -f requirements.txt ]; then
    python3 -m pip install --requirement requirements.txt
fi
script="$1"
shift
case "$script" in
    *.py) exec python3 "$script" "$@" ;;
    *) exec /bin/bash "$script" "$@" ;;
esac
"""


def _launcher(command: tuple[str, ...]) -> bytes:
    """Return the launcher of staged code. A command replaces the interpreter that the script's suffix chooses."""
    if not command:
        return LAUNCHER
    import shlex

    before, _, _ = LAUNCHER.partition(b'case "$script" in')
    return before + f'exec {shlex.join(command)} "$script" "$@"\n'.encode()


class ProcessingInput(InputConfig):
    """One input; ``path`` is where the container finds it."""

    path: Annotated[
        StrOrReference | None,
        Field(description="Folder in the container; by default /opt/ml/processing/input/NAME"),
    ] = None
    kind: Annotated[
        str, Field(description="What flows in, such as dataset, model or report; unset, every S3 URI fits")
    ] = "dataset"
    data_type: Literal["S3Prefix", "ManifestFile"] = "S3Prefix"
    input_mode: Literal["File", "Pipe"] = "File"
    distribution: Literal["FullyReplicated", "ShardedByS3Key"] = "FullyReplicated"
    compression: Annotated[
        Literal["None", "Gzip"], Field(description="Whether the objects are decompressed")
    ] = "None"


class ProcessingOutput(OutputConfig):
    """One output; a plain string is its ``path``, where the container writes it."""

    path: Annotated[
        StrOrReference | None,
        Field(description="Folder in the container; by default /opt/ml/processing/output/NAME"),
    ] = None
    destination: Annotated[
        StrOrReference | None, Field(description="S3 URI that the output is written to")
    ] = None
    kind: Annotated[str, Field(description="What flows out, such as dataset, model or report")] = "dataset"
    upload_mode: Annotated[
        Literal["EndOfJob", "Continuous"],
        Field(description="Whether files are uploaded at the end, or as they are written"),
    ] = "EndOfJob"

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else {} if value is None else value


class PropertyFileConfig(ConfigModel):
    """A JSON file in an output whose values other steps may read."""

    output: Annotated[str, Field(description="Name of the output that holds the file")]
    path: Annotated[Fixed, Field(description="Path of the file in the output")]


class ProcessingConfig(JobConfig, ScriptConfig, Cached, Retried):
    """The fields of a Processing step."""

    renamed: ClassVar[Mapping[str, str]] = RENAMED

    type: Literal["Processing"] = "Processing"
    inputs: dict[PortName, ProcessingInput] = EMPTY
    outputs: dict[PortName, ProcessingOutput] = EMPTY
    property_files: Annotated[
        dict[PortName, PropertyFileConfig],
        Field(description="JSON files whose values conditions and other steps read, by name"),
    ] = EMPTY
    arguments: Annotated[tuple[CoercedStrOrReference, ...], Field(strict=False)] = ()
    command: Annotated[
        tuple[NonEmptyFixed, ...],
        Field(
            strict=False,
            description="Program that runs entry_point, with its first arguments, such as [python3, -u]; "
            "by default python3 for .py, else /bin/bash",
        ),
    ] = ()
    container_entrypoint: Annotated[
        tuple[StrOrReference, ...],
        Field(strict=False, description="Program that the container starts, with its first arguments"),
    ] = ()
    instance_type: Annotated[
        StrOrReference | None, To(("ProcessingResources", "ClusterConfig", "InstanceType"))
    ] = None
    instance_count: Annotated[
        IntOrReference, To(("ProcessingResources", "ClusterConfig", "InstanceCount"))
    ] = 1
    volume_size_in_gb: Annotated[
        IntOrReference, To(("ProcessingResources", "ClusterConfig", "VolumeSizeInGB"))
    ] = DEFAULT_VOLUME_GB
    volume_kms_key: Annotated[
        StrOrReference | None, To(("ProcessingResources", "ClusterConfig", "VolumeKmsKeyId"))
    ] = None
    output_kms_key: StrOrReference | None = None
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
    tags: Annotated[dict[str, StrOrReference], To("Tags", tag_list)] = EMPTY


def _inputs(config: ProcessingConfig) -> tuple[InputPort, ...]:
    return tuple(
        InputPort(
            name,
            item.kind,
            item.source,
            about="an input of the job",
            takes_any_kind="kind" not in item.model_fields_set,
        )
        for name, item in config.inputs.items()
    )


def _outputs(config: ProcessingConfig, name: str) -> tuple[OutputPort, ...]:
    folders = {
        port: StepProperty(name, f"ProcessingOutputConfig.Outputs['{port}'].S3Output.S3Uri")
        for port in config.outputs
    }
    outputs = [OutputPort(port, config.outputs[port].kind, uri) for port, uri in folders.items()]
    reports = [
        OutputPort(port, "report", Join("/", (folders[item.output], item.path)), part_of=item.output)
        for port, item in config.property_files.items()
        if item.output in folders and port not in folders
    ]
    return (*outputs, *reports)


def lower(step: "Lowering", config: ProcessingConfig) -> None:
    """Fill a CreateProcessingJob request."""
    step.put_fields()
    # Most frameworks have no processing images. The SDK's processors use the training images.
    scope = None if config.framework in PROCESSING_ONLY else "training"
    put_image(step, config, ("AppSpecification", "ImageUri"), scope)
    put_role(step, config)
    step.put("Environment", step.as_strings(config.environment), "environment")
    _put_inputs_and_code(step, config)
    _put_outputs(step, config)
    if config.property_files:
        files = [
            {"PropertyFileName": name, "OutputName": item.output, "FilePath": item.path}
            for name, item in config.property_files.items()
        ]
        step.put_sibling("PropertyFiles", files, "property_files")


def _put_inputs_and_code(step: "Lowering", config: ProcessingConfig) -> None:
    inputs, used = [], {}
    for index, (name, source) in enumerate(step.sources.items()):
        item = config.inputs.get(name) or _default_input()
        path = item.path or f"{BASE}/input/{name}"
        used[name] = path
        inputs.append(_s3_input(name, source, path, item))
        step.origins[("Arguments", "ProcessingInputs", index)] = step.source_origin(name)
    code = _put_entry_point(step, config)
    if len(inputs) + len(code) > PROCESSING_INPUTS_MAX_COUNT >= len(inputs):
        step.error(
            f"entry_point adds {len(code)} to the {len(inputs)} inputs, and the service takes "
            f"{PROCESSING_INPUTS_MAX_COUNT} in all",
            "inputs",
            code="request.length",
            hint=f"use at most {PROCESSING_INPUTS_MAX_COUNT - len(code)} inputs in addition to entry_point",
        )
        code = []
    for name, uri, path in code:
        _check_reserved(step, used, name, path)
        step.origins[("Arguments", "ProcessingInputs", len(inputs))] = step.origin("entry_point")
        inputs.append(_s3_input(name, uri, path, _default_input()))
    if inputs:
        step.arguments["ProcessingInputs"] = inputs


def _check_reserved(step: "Lowering", used: Mapping[str, Source], name: str, path: str) -> None:
    """Report inputs whose name or path is reserved for the staged code.

    Source for paths: https://github.com/aws/sagemaker-python-sdk/issues/4939.
    """
    for own, place in used.items():
        if own == name or (isinstance(place, str) and place.rstrip("/") == path):
            what = f"the name {name!r}" if own == name else f"the path {path!r}"
            field = ("inputs", own) if own == name else ("inputs", own, "path")
            step.error(
                f"input {own!r} has {what}, which dagcast uses to bring entry_point",
                *field,
                code="code.reserved-input",
                hint="use another name" if own == name else "use another path",
            )


@cache
def _default_input() -> ProcessingInput:
    # Validating nothing would take a validator of its own.
    return ProcessingInput.model_construct()


def _s3_input(name: str, source: Source, path: Source, item: ProcessingInput) -> dict[str, Any]:
    s3 = {
        "S3Uri": source,
        "LocalPath": path,
        "S3DataType": item.data_type,
        "S3InputMode": item.input_mode,
        "S3DataDistributionType": item.distribution,
        "S3CompressionType": item.compression,
    }
    return {"InputName": name, "AppManaged": False, "S3Input": s3}


def _put_entry_point(step: "Lowering", config: ProcessingConfig) -> list[tuple[str, str, str]]:
    """Set the container's command, and return name, S3 URI and path of each input that provides the code."""
    arguments = container_arguments(step, config.arguments)
    if config.entry_point is None:
        step.put(
            ("AppSpecification", "ContainerEntrypoint"),
            list(config.container_entrypoint) or None,
            "container_entrypoint",
        )
        step.put(("AppSpecification", "ContainerArguments"), arguments, "arguments")
        check_source_dir(step, config)
        if config.command:
            step.error(
                "command runs entry_point",
                "command",
                code="code.missing-entry-point",
                hint="name the script to run, or write container_entrypoint for a program of the image",
            )
        return []
    if config.container_entrypoint:
        step.error(
            "container_entrypoint and entry_point exclude each other",
            "container_entrypoint",
            code="code.entry-point-conflict",
            hint="keep one of them",
        )
    if config.source_dir is not None:
        archive, launcher = (
            step.staged_folder(config.entry_point, config.source_dir, ARCHIVE_NAME),
            step.staged_text("run.sh", _launcher(config.command)),
        )
        if archive is None or launcher is None:
            return []
        step.put(
            ("AppSpecification", "ContainerEntrypoint"),
            ["/bin/bash", f"{LAUNCHER_PATH}/run.sh"],
            "entry_point",
        )
        step.put(
            ("AppSpecification", "ContainerArguments"), [config.entry_point, *(arguments or [])], "arguments"
        )
        return [("code", archive, CODE_PATH), ("entrypoint", launcher, LAUNCHER_PATH)]
    script = step.staged_file(config.entry_point)
    if script is None:
        return []
    name = script.rsplit("/", 1)[-1]
    command = config.command or (("python3",) if name.endswith(".py") else ("/bin/bash",))
    step.put(("AppSpecification", "ContainerEntrypoint"), [*command, f"{CODE_PATH}/{name}"], "entry_point")
    step.put(("AppSpecification", "ContainerArguments"), arguments, "arguments")
    return [("code", script, CODE_PATH)]


def _put_outputs(step: "Lowering", config: ProcessingConfig) -> None:
    outputs = []
    for index, (name, item) in enumerate(config.outputs.items()):
        given = item.destination is not None
        destination = item.destination if given else step.default_uri("output", name, per_execution=True)
        if destination is None:
            continue
        s3 = {
            "S3Uri": destination,
            "LocalPath": item.path or f"{BASE}/output/{name}",
            "S3UploadMode": item.upload_mode,
        }
        outputs.append({"OutputName": name, "AppManaged": False, "S3Output": s3})
        place = ("Arguments", "ProcessingOutputConfig", "Outputs", index)
        step.origins[place] = step.origin(("outputs", name))
        if not given:
            uri_place = (*place, "S3Output", "S3Uri")
            step.origins[uri_place] = step.origin(None)
    if outputs:
        step.arguments["ProcessingOutputConfig"] = {"Outputs": outputs}
        step.put(("ProcessingOutputConfig", "KmsKeyId"), config.output_kms_key, "output_kms_key")


STEP_TYPE = StepType(
    name="Processing",
    definition_type="Processing",
    about="Runs a script or a container on data.",
    config=ProcessingConfig,
    lower=lower,
    inputs=_inputs,
    outputs=_outputs,
    open_inputs=True,
    shapes=STEP_KINDS["Processing"].shapes,
    properties=STEP_KINDS["Processing"].properties,
    forbidden={"ExperimentConfig": EXPERIMENT_CONFIG},
)
