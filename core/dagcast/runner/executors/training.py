"""A Training step: its script or command in a process of its own, with SageMaker's training contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner.container import job, metrics, toolkit, training_request
from dagcast.runner.container.channels import fetch_channels
from dagcast.runner.container.checks import container_command, refuse, without_nulls
from dagcast.runner.container.drivers import driver_requirements, settle_paths, unpack_code
from dagcast.runner.executor import StepFailedError, StepResult, StepRun
from dagcast.runner.files import pack_tar_gz
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.names import arn
from dagcast.runner.python_env import python_for

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

Requirements = tuple[Path, str] | None

_UNWATCHED = ("DebugRuleConfigurations", "ProfilerRuleConfigurations", "TensorBoardOutputConfig")


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say what of the step only its image, or only AWS, can do."""
    yield from training_request.problems(step.name, step.arguments, image=options.isolation == "docker")


def run(run: StepRun) -> StepResult:
    """Run the job; properties are those of ``DescribeTrainingJob``.

    Raises:
        StepFailedError: If an input is missing, the script fails, or what it left cannot be taken.
        StepStoppedError: If the run is being stopped.
    """
    return run_training(run, run.arguments, run.job_name, run.folder)


def run_training(run: StepRun, request: Mapping[str, Any], job_name: str, folder: Path) -> StepResult:
    """Run one training job; a tuning step does so once for each of its trials.

    Args:
        run: The attempt at the step that the job belongs to.
        request: A CreateTrainingJob request without references.
        job_name: The name of the job, unique in the runs folder.
        folder: A folder of the job's own, empty.

    Raises:
        StepFailedError: If an input is missing, the script fails, or what it left cannot be taken.
        StepStoppedError: If the run is being stopped.
    """
    run, request = replace(run, folder=folder), without_nulls(request)
    refuse(training_request.problems(run.step.name, request, image=run.launcher.isolation == "docker"))
    ml, started = folder / "ml", job.now()
    job.make_folders(ml, "input/config", "input/data", "model", "output/data", "code")
    channels = fetch_channels(run, request, ml / "input" / "data")
    checkpoints = _fetch_checkpoints(run, request, ml)
    command = _command(run, request, job_name, channels)
    settle_paths(run, [ml / "input" / "data" / "sm_drivers"], ml)
    for name in _UNWATCHED:
        if request.get(name):
            run.warn(f"{name}: here nothing watches the job")
    ended = run.launcher.run(command, run.stop)
    job.take_back(ml)
    if checkpoints is not None:
        _hand_over(run, "checkpoints", job.place(ml, checkpoints[0]), checkpoints[1])
    job.check_exit(
        ended, run, command.stdout, command.stderr, limit=command.timeout, failure=ml / "output" / "failure"
    )
    definitions = request["AlgorithmSpecification"].get("MetricDefinitions")
    found = metrics.last_values(run, definitions, command.stdout, command.stderr)
    outputs = _take_outputs(run, request, job_name, ml)
    properties = _properties(
        run, request, job_name=job_name, started=started, seconds=ended.seconds, found=found
    )
    return StepResult(properties, outputs, metrics=found)


def _command(
    run: StepRun, request: Mapping[str, Any], job_name: str, channels: Mapping[str, Mapping[str, str]]
) -> Command:
    """What runs, once its configuration, code and Python environment are there."""
    ml = run.folder / "ml"
    instance, count = training_request.instance(request)
    job.warn_of_hosts(run, count)
    resources = job.resource_config(instance)
    parameters = training_request.hyperparameters(request)
    environment = {
        **job.base_environment(run),
        "TRAINING_JOB_NAME": job_name,
        "TRAINING_JOB_ARN": arn(run.region, "training-job", job_name),
        **job.own_variables(request),
    }
    algorithm = request["AlgorithmSpecification"]
    entrypoint, image = algorithm.get("ContainerEntrypoint"), run.launcher.isolation == "docker"
    command = Command(
        argv=container_command(algorithm, image=image),
        environment=environment,
        ml_folder=ml,
        working_directory=ML_PATH,
        stdout=run.folder / "stdout.log",
        stderr=run.folder / "stderr.log",
        timeout=job.runtime_limit(request),
        image=algorithm.get("TrainingImage"),
        has_network=not request.get("EnableNetworkIsolation", False),
        has_program=bool(entrypoint),
    )
    requirements = driver_requirements(ml / "input" / "data")
    if not entrypoint and toolkit.PROGRAM in parameters:
        decoded = toolkit.decode(parameters)
        requirements = _fetch_code(run, decoded, ml)
        if image:
            # The image's own toolkit takes code that lies where it would unpack it, and asks S3 for nothing.
            parameters[toolkit.SUBMIT_DIRECTORY] = json.dumps(toolkit.CODE)
        else:
            _warn_of_script_mode(run, decoded, ml / "code")
            own = toolkit.variables(decoded, resources, channels, job_name)
            path = ":".join(filter(None, (toolkit.CODE, environment.get("PYTHONPATH"))))
            script = toolkit.script_arguments(decoded)
            command = replace(
                command,
                argv=toolkit.script_command(ml / "code", decoded[toolkit.PROGRAM], script),
                environment={**environment, **own, "PYTHONPATH": path},
                working_directory=toolkit.CODE,
                has_program=True,
            )
    if not command.argv:
        command = replace(command, argv=("train",))  # as SageMaker starts an image: docker run IMAGE train
    job.write_json(ml, "input/config/hyperparameters.json", parameters)
    job.write_json(ml, "input/config/inputdataconfig.json", channels)
    job.write_json(ml, "input/config/resourceconfig.json", resources)
    return replace(command, python=python_for(run, requirements))


def _warn_of_script_mode(run: StepRun, decoded: Mapping[str, Any], code: Path) -> None:
    for name, value in decoded.items():
        if name.startswith("sagemaker_") and name.endswith("_enabled") and value is True:
            run.warn(f"{name}: here the script runs once, and not once on each GPU or host")
    if (code / "setup.py").is_file():
        run.warn("the code has a setup.py: it runs from its folder, and is not installed")


def _fetch_code(run: StepRun, decoded: Mapping[str, Any], ml: Path) -> Requirements:
    """Unpack the code where the toolkit does, and find its requirements."""
    source = str(decoded.get(toolkit.SUBMIT_DIRECTORY, toolkit.CODE))
    code = ml / "code"
    if source.startswith("s3://"):
        archive = run.folder / "sourcedir.tar.gz"
        try:
            run.store.fetch_file(source, archive)
        except DagcastError as error:
            raise StepFailedError(f"ClientError: {toolkit.SUBMIT_DIRECTORY}: {error}") from error
        unpack_code(archive, code)
        archive.unlink()
    elif source != toolkit.CODE:
        archive = job.place(ml, source)
        if not archive.is_file():
            raise StepFailedError(f"ClientError: {toolkit.SUBMIT_DIRECTORY}: there is no {source}")
        unpack_code(archive, code)
    return (code, "requirements.txt") if (code / "requirements.txt").is_file() else None


def _fetch_checkpoints(run: StepRun, request: Mapping[str, Any], ml: Path) -> tuple[str, str] | None:
    """Bring back the checkpoints of an earlier attempt: where they are in the container, and in the store."""
    config = request.get("CheckpointConfig")
    if not config:
        return None
    path = str(config.get("LocalPath", training_request.CHECKPOINTS)).rstrip("/")
    folder = job.place(ml, path)
    folder.mkdir(parents=True, exist_ok=True)
    if run.store.exists(config["S3Uri"]):
        run.store.fetch(config["S3Uri"], folder)
    return path, config["S3Uri"]


def _hand_over(run: StepRun, what: str, folder: Path, uri: str, *, packed: bool = False) -> bool:
    """Hand over the files of a folder, or one archive of them; ``False`` if there are none."""
    if not job.has_files(folder):
        return False
    with job.taking(what):
        if packed:
            archive = run.folder / f"{what}.tar.gz"
            pack_tar_gz(folder, archive)
            folder = archive
        run.store.put(folder, uri)
    return True


def _take_outputs(run: StepRun, request: Mapping[str, Any], job_name: str, ml: Path) -> dict[str, str]:
    """Hand over the model and the other output, if there are any."""
    packed = training_request.is_packed(request)
    left: dict[str, str] = {}
    for name, path in (("model", f"{ML_PATH}/model"), ("output", f"{ML_PATH}/output/data")):
        folder = job.place(ml, path)
        uri = training_request.artifact_uri(request, job_name, name)
        if _hand_over(run, name, folder, uri, packed=packed):
            left[name] = uri
        elif name == "model":
            run.warn(f"the job left nothing in {path}: there is no model at {uri}{job.elsewhere(run)}")
    return left


def _properties(
    run: StepRun,
    request: Mapping[str, Any],
    *,
    job_name: str,
    started: str,
    seconds: float,
    found: Mapping[str, float],
) -> dict[str, Any]:
    ended = job.now()
    model = training_request.artifact_uri(request, job_name, "model")
    return {
        **job.request_without(request, "Tags", "ExperimentConfig"),
        "TrainingJobName": job_name,
        "TrainingJobArn": arn(run.region, "training-job", job_name),
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
