"""Runs Transform steps: a batch goes through the model's inference script, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner import in_job
from dagcast.runner.check_local_images import check_serving_request, serving_stand_in
from dagcast.runner.container import job, transform_request
from dagcast.runner.container.channels import fetch_input
from dagcast.runner.container.check_request import as_mapping, raise_problems, remove_nulls
from dagcast.runner.container.local_image_job import job_environment, raise_image_problems
from dagcast.runner.describe_response import describe_resource
from dagcast.runner.executors.executor import Executor, StepAttempt, StepFailedError, StepResult, StubContract
from dagcast.runner.files import copy_file, unpack
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.local_images import NO_LOCAL_IMAGES, StandIn
from dagcast.runner.model_containers import list_containers, model_data_uri, resolve_model_package
from dagcast.runner.python_env import prepare_python

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_OWN_DEFAULTS = ("pytorch", "xgboost", "huggingface", "tensorflow", "mxnet")
"""Framework images whose defaults for missing functions need the framework; a local run has none for them."""


DEFAULT_PROGRAM = "inference.py"
"""The name of the script of a model that names none. Source: ``sagemaker_inference.environment``."""


def has_default_functions(image: str) -> bool:
    """Return whether a local run has the defaults of an image for functions that an inference script lacks."""
    return not any(name in image for name in _OWN_DEFAULTS)


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find what a local run does not support, and a model that no step creates."""
    yield from transform_request.check_request(step.name, step.arguments)


def run(attempt: StepAttempt) -> StepResult:
    """Predict every object of the input. ``KEY`` becomes ``KEY.out`` below the output path.

    Requests go one by one to a single process, which loads the model once. Nothing is uploaded if one object fails.
    Source: SageMaker Developer Guide, "Use batch transform to get inferences from large datasets".

    Raises:
        StepFailedError: If the model, its script or its data is missing, or the script fails.
        StepStoppedError: If the run is stopping.
    """
    attempt = replace(attempt, arguments=remove_nulls(attempt.arguments))
    raise_problems(
        problem
        for problem in transform_request.check_request(
            attempt.step.name, {**attempt.arguments, "ModelName": {}}
        )
    )
    ml, started = attempt.folder / "ml", job.utc_now()
    model, container = _container(attempt)
    environment = {str(name): str(value) for name, value in as_mapping(container.get("Environment")).items()}
    local_images = NO_LOCAL_IMAGES if attempt.launcher.isolation == "docker" else attempt.options.local_images
    raise_image_problems(check_serving_request(attempt.arguments, container, local_images))
    stand_in = serving_stand_in(container, local_images)
    code = _fetch_files(attempt, container, environment, ml, has_script=stand_in is None)
    settings = _settings(attempt, environment, code, str(container.get("Image", "")))
    if stand_in is not None:
        settings |= _local_image_settings(attempt, stand_in)
    job.write_config(ml, "input/config/transform.json", settings)
    for name in ("serving.py", "transform_output.py"):
        copy_file(Path(in_job.__path__[0]) / name, ml / name)
    has_requirements = stand_in is None and (ml / code / "requirements.txt").is_file()
    requirements = (ml / code, "requirements.txt") if has_requirements else None
    argv: tuple[str, ...] = ("python", f"{ML_PATH}/serving.py")
    if requirements is not None and attempt.options.requirements and attempt.launcher.isolation == "docker":
        # As the image's own server does. Without a container, the requirements are in the step's environment.
        install = 'python -m pip install --requirement "$1" && exec python "$2"'
        argv = ("/bin/sh", "-c", install, "sh", f"{ML_PATH}/{code}/requirements.txt", argv[1])
    variables = {**job.base_environment(attempt), **environment, **_variables(attempt, settings)}
    command = Command(
        argv=argv,
        environment=variables if stand_in is None else job_environment(variables, stand_in),
        ml_folder=ml,
        working_directory=f"{ML_PATH}/{code}",
        stdout=attempt.folder / "stdout.log",
        stderr=attempt.folder / "stderr.log",
        python=prepare_python(attempt, requirements),
        image=container.get("Image"),
        has_network=not model.get("EnableNetworkIsolation", False),
    )
    ended = attempt.launcher.run(command, attempt.stop)
    job.check_exit(ended, attempt, command.stdout, command.stderr)
    destination = str(attempt.arguments["TransformOutput"]["S3OutputPath"]).rstrip("/")
    attempt.store.put(job.resolve_container_path(ml, f"{ML_PATH}/output/data"), destination)
    properties = {
        **job.request_without(attempt.arguments, "Tags", "ExperimentConfig"),
        "TransformJobName": attempt.job_name,
        "TransformJobArn": attempt.place.arn("transform-job", attempt.job_name),
        "TransformJobStatus": "Completed",
        "CreationTime": started,
        "TransformStartTime": started,
        "TransformEndTime": job.utc_now(),
    }
    return StepResult(
        properties,
        {"predictions": destination},
        stand_in={} if stand_in is None else stand_in.as_dict(),
    )


def _container(attempt: StepAttempt) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the model that an earlier step created, and its only container."""
    wanted = attempt.arguments["ModelName"]
    for name in attempt.waits_for:
        model = attempt.properties_of(name)
        if model.get("ModelName") == wanted:
            found = list_containers(model)
            if len(found) != 1:
                raise StepFailedError(
                    f"model {wanted!r} has {len(found)} containers: a local run supports one"
                )
            return model, resolve_model_package(attempt, found[0])
    raise StepFailedError(f"ValidationException: could not find model {wanted!r}: no earlier step created it")


def _fetch_files(
    attempt: StepAttempt,
    container: Mapping[str, Any],
    environment: Mapping[str, str],
    ml: Path,
    *,
    has_script: bool,
) -> str:
    """Fetch the model, its code and the input. Return the folder of the code, relative to ``ml``."""
    job.make_folders(ml, "model", "code", "input/config", "input/data", "output/data")
    data = model_data_uri(container)
    submitted = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    code = "code" if submitted.startswith("s3://") else "model/code"
    try:
        if data is not None:
            _fetch(attempt, data, ml / "model")
        if submitted.startswith("s3://"):
            _fetch(attempt, submitted, ml / code)
    except DagcastError as error:
        raise StepFailedError(f"ClientError: the model cannot be fetched: {error}") from error
    if not has_script:
        code = "model"
    elif not (ml / code / _program(environment)).is_file():
        raise StepFailedError(
            f"ClientError: the model has no {_program(environment)} in {ML_PATH}/{code}, and without a script only its "
            f"image can predict (--stub {attempt.step.name}=OUTPUTS.json replaces the step)"
        )
    source = attempt.arguments["TransformInput"]["DataSource"]["S3DataSource"]
    raw = as_mapping(attempt.step.arguments).get("TransformInput")
    fetch_input(
        attempt, raw, source["S3Uri"], ml / "input/data/transform", source.get("S3DataType", "S3Prefix")
    )
    return code


def _fetch(attempt: StepAttempt, uri: str, folder: Path) -> None:
    """Unpack an archive, or copy the objects below a prefix."""
    if uri.endswith(".tar.gz"):
        archive = attempt.folder / "fetched.tar.gz"
        attempt.store.fetch_file(uri, archive)
        unpack(archive, folder)
        archive.unlink()
    else:
        attempt.store.fetch(uri, folder)


def _program(environment: Mapping[str, str]) -> str:
    """Return the script's name."""
    return environment.get("SAGEMAKER_PROGRAM", DEFAULT_PROGRAM)


def _settings(attempt: StepAttempt, environment: Mapping[str, str], code: str, image: str) -> dict[str, Any]:
    request = attempt.arguments
    source, output = request["TransformInput"], request["TransformOutput"]
    accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", transform_request.DEFAULT_TYPE)
    client = as_mapping(request.get("ModelClientConfig"))
    return {
        "program": _program(environment),
        "code": code,
        "defaults": has_default_functions(image),
        "content_type": source.get("ContentType") or transform_request.DEFAULT_TYPE,
        "accept": output.get("Accept") or accept,
        "split": source.get("SplitType", "None"),
        "gzip": source.get("CompressionType", "None") == "Gzip",
        "strategy": request.get("BatchStrategy", "MultiRecord"),
        "max_payload": int(float(request.get("MaxPayloadInMB", transform_request.MAX_PAYLOAD_IN_MB))),
        "assemble": output.get("AssembleWith", "None"),
        "seconds": float(client.get("InvocationsTimeoutInSeconds", transform_request.TIMEOUT)),
        "processing": transform_request.read_data_processing(request),
    }


def _local_image_settings(attempt: StepAttempt, stand_in: StandIn) -> dict[str, Any]:
    """Return the settings of a batch that the serving module of a local image predicts."""
    source, output = attempt.arguments["TransformInput"], attempt.arguments["TransformOutput"]
    image = stand_in.image
    return {
        "module": image.serve,
        "content_type": source.get("ContentType") or image.content_type or transform_request.DEFAULT_TYPE,
        "accept": output.get("Accept") or image.accept or transform_request.DEFAULT_TYPE,
    }


def _variables(attempt: StepAttempt, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a batch job's container. Source: ``sagemaker.local.entities`` of SageMaker's SDK."""
    strategy = "SINGLE_RECORD" if settings["strategy"] == "SingleRecord" else "MULTI_RECORD"
    return {
        "SAGEMAKER_BATCH": "True",
        "SAGEMAKER_BATCH_STRATEGY": strategy,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(settings["max_payload"]),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
        **{str(name): str(value) for name, value in as_mapping(attempt.arguments.get("Environment")).items()},
    }


def _predictions(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"predictions": as_mapping(request.get("TransformOutput")).get("S3OutputPath")}


EXECUTOR = Executor(
    check=check,
    run=run,
    stub=StubContract(
        describe=describe_resource("TransformJob", "transform-job", "Completed"),
        output_names=lambda step: ("predictions",),
        output_uris=lambda attempt, properties: _predictions(properties),
    ),
    reads_named_uris=True,
    model_name=lambda arguments: arguments.get("ModelName"),
    fixed_output_uris=_predictions,
)
