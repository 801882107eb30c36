"""Runs Training steps: a script or command in a process of its own, by SageMaker's training contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner.check_local_images import check_training_request, training_stand_in
from dagcast.runner.container import job, local_image_job, metrics, training_request, training_toolkit
from dagcast.runner.container.channels import fetch_channels
from dagcast.runner.container.check_request import as_mapping, container_command, raise_problems, remove_nulls
from dagcast.runner.container.driver_scripts import (
    DRIVER_CHANNEL,
    find_driver_requirements,
    rewrite_ml_paths,
    skip_installation,
    unpack_code,
)
from dagcast.runner.container.job_links import adapt_links
from dagcast.runner.container.local_image_job import raise_image_problems
from dagcast.runner.describe_response import describe_resource, model_uri
from dagcast.runner.executors.executor import Executor, StepAttempt, StepFailedError, StepResult, StubContract
from dagcast.runner.files import pack_tar_gz
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.local_images import NO_LOCAL_IMAGES, StandIn
from dagcast.runner.python_env import prepare_python

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

Requirements = tuple[Path, str] | None

_IGNORED_FIELDS = ("DebugRuleConfigurations", "ProfilerRuleConfigurations", "TensorBoardOutputConfig")


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find what only the image or AWS can do."""
    yield from training_request.check_request(
        step.name,
        step.arguments,
        image=options.isolation == "docker",
        local_images=options.local_images,
    )


def run(attempt: StepAttempt) -> StepResult:
    """Run the job. The properties are those of ``DescribeTrainingJob``.

    Raises:
        StepFailedError: If an input is missing, the script fails, or an output cannot be collected.
        StepStoppedError: If the run is stopping.
    """
    return run_training(attempt, attempt.arguments, attempt.job_name, attempt.folder)


def run_training(attempt: StepAttempt, request: Mapping[str, Any], job_name: str, folder: Path) -> StepResult:
    """Run one training job. A tuning step calls it for each trial.

    Args:
        attempt: The attempt at the step that the job belongs to.
        request: A CreateTrainingJob request without references.
        job_name: The name of the job, unique in the runs folder.
        folder: An empty folder for the job.

    Raises:
        StepFailedError: If an input is missing, the script fails, or an output cannot be collected.
        StepStoppedError: If the run is stopping.
    """
    attempt, request = replace(attempt, folder=folder), remove_nulls(request)
    image = attempt.launcher.isolation == "docker"
    local_images = NO_LOCAL_IMAGES if image else attempt.options.local_images
    raise_problems(
        training_request.check_request(attempt.step.name, request, image=image, local_images=local_images)
    )
    raise_image_problems(check_training_request(request, local_images))
    stand_in = training_stand_in(request, local_images)
    ml, started = folder / "ml", job.utc_now()
    job.make_folders(ml, "input/config", "input/data", "model", "output/data", "code")
    channels = fetch_channels(attempt, request, ml / "input" / "data")
    checkpoints = _fetch_checkpoints(attempt, request, ml)
    if stand_in is not None:
        channels = local_image_job.add_channel_types(channels, stand_in)
    command = _command(attempt, request, job_name, channels, stand_in)
    rewrite_ml_paths(attempt, [ml / "input" / "data" / DRIVER_CHANNEL], ml)
    for name in _IGNORED_FIELDS:
        if request.get(name):
            attempt.warn(f"{name} is ignored in a local run")
    ended = attempt.launcher.run(command, attempt.stop)
    job.make_readable(ml)
    if checkpoints is not None:
        _upload_folder(attempt, "checkpoints", job.resolve_container_path(ml, checkpoints[0]), checkpoints[1])
    job.check_exit(
        ended,
        attempt,
        command.stdout,
        command.stderr,
        limit=command.timeout,
        failure=ml / "output" / "failure",
    )
    definitions = metrics.list_definitions(request["AlgorithmSpecification"])
    if stand_in is not None:
        definitions = local_image_job.add_metrics(definitions, stand_in)
    found = metrics.find_last_values(attempt, definitions, command.stdout, command.stderr)
    outputs = _upload_outputs(attempt, request, job_name, ml)
    properties = _properties(
        attempt, request, job_name=job_name, started=started, seconds=ended.seconds, found=found
    )
    return StepResult(
        properties, outputs, metrics=found, stand_in={} if stand_in is None else stand_in.as_dict()
    )


def _command(
    attempt: StepAttempt,
    request: Mapping[str, Any],
    job_name: str,
    channels: Mapping[str, Mapping[str, str]],
    stand_in: StandIn | None,
) -> Command:
    """Return the command, after preparing its configuration, code and Python environment."""
    ml = attempt.folder / "ml"
    instance, count = training_request.read_instances(request)
    job.warn_about_instance_count(attempt, count)
    resources = job.resource_config(instance)
    parameters = training_request.read_hyperparameters(request)
    environment = {
        **job.base_environment(attempt),
        "TRAINING_JOB_NAME": job_name,
        "TRAINING_JOB_ARN": attempt.place.arn("training-job", job_name),
        **job.request_environment(request),
    }
    algorithm = request["AlgorithmSpecification"]
    entrypoint, image = algorithm.get("ContainerEntrypoint"), attempt.launcher.isolation == "docker"
    command = Command(
        argv=container_command(algorithm, image=image),
        environment=environment,
        ml_folder=ml,
        working_directory=None,
        stdout=attempt.folder / "stdout.log",
        stderr=attempt.folder / "stderr.log",
        timeout=job.runtime_limit(request),
        image=algorithm.get("TrainingImage"),
        has_network=not request.get("EnableNetworkIsolation", False),
        has_program=bool(entrypoint),
    )
    requirements = find_driver_requirements(ml / "input" / "data")
    if requirements is not None:
        drivers = ml / "input" / "data" / DRIVER_CHANNEL
        skip_installation(attempt, drivers.rglob("*.sh"), requirements[1])
    if not entrypoint and training_toolkit.PROGRAM in parameters:
        decoded = training_toolkit.decode_hyperparameters(parameters)
        requirements = _fetch_code(attempt, decoded, ml)
        if image:
            # The image's own training_toolkit takes code that lies where it would unpack it, and asks S3 for nothing.
            parameters[training_toolkit.SUBMIT_DIRECTORY] = json.dumps(training_toolkit.CODE_PATH)
            if not attempt.options.requirements:
                # The toolkit installs this file whenever it is there.
                (ml / "code" / "requirements.txt").unlink(missing_ok=True)
        else:
            if (ml / "code" / "setup.py").is_file():
                attempt.warn("the code has a setup.py: it runs from its folder and is not installed")
            toolkit_variables = training_toolkit.script_variables(decoded, resources, channels, job_name)
            path = ":".join(filter(None, (training_toolkit.CODE_PATH, environment.get("PYTHONPATH"))))
            script = training_toolkit.script_arguments(decoded)
            command = replace(
                command,
                argv=training_toolkit.script_command(ml / "code", decoded[training_toolkit.PROGRAM], script),
                environment={**environment, **toolkit_variables, "PYTHONPATH": path},
                working_directory=training_toolkit.CODE_PATH,
                has_program=True,
            )
    if stand_in is not None:
        command = local_image_job.training_command(command, stand_in)
    if not command.argv:
        command = replace(command, argv=("train",))  # SageMaker starts an image by: docker run IMAGE train
    job.write_config(ml, "input/config/hyperparameters.json", parameters)
    job.write_config(ml, "input/config/inputdataconfig.json", channels)
    job.write_config(ml, "input/config/resourceconfig.json", resources)
    return replace(command, python=prepare_python(attempt, requirements))


def _fetch_code(attempt: StepAttempt, decoded: Mapping[str, Any], ml: Path) -> Requirements:
    """Unpack the code where the toolkit would, and return its requirements."""
    source = str(decoded.get(training_toolkit.SUBMIT_DIRECTORY, training_toolkit.CODE_PATH))
    code = ml / "code"
    if source.startswith("s3://"):
        archive = attempt.folder / "sourcedir.tar.gz"
        try:
            attempt.store.fetch_file(source, archive)
        except DagcastError as error:
            raise StepFailedError(f"ClientError: {training_toolkit.SUBMIT_DIRECTORY}: {error}") from error
        unpack_code(archive, code)
        archive.unlink()
    elif source != training_toolkit.CODE_PATH:
        archive = job.resolve_container_path(ml, source)
        if not archive.is_file():
            raise StepFailedError(
                f"ClientError: {training_toolkit.SUBMIT_DIRECTORY}: {source} does not exist"
            )
        unpack_code(archive, code)
    return (code, "requirements.txt") if (code / "requirements.txt").is_file() else None


def _fetch_checkpoints(attempt: StepAttempt, request: Mapping[str, Any], ml: Path) -> tuple[str, str] | None:
    """Restore the checkpoints of an earlier attempt. Return their path in the container and their S3 URI."""
    config = request.get("CheckpointConfig")
    if not config:
        return None
    path = str(config.get("LocalPath", training_request.DEFAULT_CHECKPOINT_PATH)).rstrip("/")
    folder = job.resolve_container_path(ml, path)
    folder.mkdir(parents=True, exist_ok=True)
    if attempt.store.exists(config["S3Uri"]):
        attempt.store.fetch(config["S3Uri"], folder)
    return path, config["S3Uri"]


def _upload_folder(
    attempt: StepAttempt, name: str, folder: Path, uri: str, *, compressed: bool = False
) -> bool:
    """Upload the files of a folder, or one archive of them. Return ``False`` for an empty folder."""
    if not job.has_files(folder):
        return False
    adapt_links(attempt, folder, archived=compressed)
    with job.collecting(name):
        if compressed:
            archive = attempt.folder / f"{name}.tar.gz"
            pack_tar_gz(folder, archive)
            folder = archive
        attempt.store.put(folder, uri)
    return True


def _upload_outputs(
    attempt: StepAttempt, request: Mapping[str, Any], job_name: str, ml: Path
) -> dict[str, str]:
    """Upload the model and the other output, if they exist."""
    compressed = training_request.is_compressed(request)
    uploaded: dict[str, str] = {}
    for name, path in (("model", f"{ML_PATH}/model"), ("output", f"{ML_PATH}/output/data")):
        folder = job.resolve_container_path(ml, path)
        uri = training_request.artifact_uri(request, job_name, name)
        if _upload_folder(attempt, name, folder, uri, compressed=compressed):
            uploaded[name] = uri
        elif name == "model":
            attempt.warn(
                f"the job left nothing in {path}, so there is no model at {uri}{job.hint_unmounted_path(attempt)}"
            )
    return uploaded


def _properties(
    attempt: StepAttempt,
    request: Mapping[str, Any],
    *,
    job_name: str,
    started: str,
    seconds: float,
    found: Mapping[str, float],
) -> dict[str, Any]:
    ended = job.utc_now()
    model = training_request.artifact_uri(request, job_name, "model")
    return {
        **job.request_without(request, "Tags", "ExperimentConfig"),
        "TrainingJobName": job_name,
        "TrainingJobArn": attempt.place.arn("training-job", job_name),
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": model},
        "FinalMetricDataList": [
            {"MetricName": name, "Value": value, "Timestamp": ended} for name, value in found.items()
        ],
        "CreationTime": started,
        "TrainingStartTime": started,
        "TrainingEndTime": ended,
        "TrainingTimeInSeconds": round(seconds),
        "BillableTimeInSeconds": round(seconds),
    }


_describe_job = describe_resource("TrainingJob", "training-job", "Completed")


def _describe(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a step that a stub stands for."""
    model = model_uri(request, str(request.get("TrainingJobName", attempt.job_name)))
    artifacts = {} if model is None else {"ModelArtifacts": {"S3ModelArtifacts": model}}
    return {**_describe_job(attempt, request), **artifacts}


def _output_uris(attempt: StepAttempt, properties: Mapping[str, Any]) -> dict[str, Any]:
    model = as_mapping(properties.get("ModelArtifacts")).get("S3ModelArtifacts")
    output = as_mapping(properties.get("OutputDataConfig"))
    named = properties.get("TrainingJobName")
    if not isinstance(named, str) or not isinstance(output.get("S3OutputPath"), str):
        return {"model": model}
    # What the script leaves beside the model.
    return {"model": model, "output": training_request.artifact_uri(properties, named, "output")}


EXECUTOR = Executor(
    check=check,
    run=run,
    stub=StubContract(
        describe=_describe, output_names=lambda step: ("model", "output"), output_uris=_output_uris
    ),
    reads_named_uris=True,
)
