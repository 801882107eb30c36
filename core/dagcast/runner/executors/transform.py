"""A Transform step: a batch goes through the model's own inference script, in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner import in_job, transform_request
from dagcast.runner.container import job
from dagcast.runner.container.channels import fetch
from dagcast.runner.container.checks import mapping, refuse, without_nulls
from dagcast.runner.executor import StepFailedError, StepResult, StepRun
from dagcast.runner.files import copy_file, unpack
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.models import containers, model_data, unpackaged
from dagcast.runner.names import arn
from dagcast.runner.python_env import python_for

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_OWN_DEFAULTS = ("pytorch", "xgboost", "huggingface", "tensorflow", "mxnet")
"""Framework images whose defaults for missing functions are made of the framework; they are not imitated."""


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say what of the request the serving here does not know, and whether no step makes the model."""
    yield from transform_request.problems(step.name, step.arguments)


def run(run: StepRun) -> StepResult:
    """Serve every object of the input; ``KEY`` becomes ``KEY.out`` under the output path.

    Requests go one by one to a single process, which loads the model once. Nothing is handed over if one object
    fails. Source: SageMaker Developer Guide, "Use batch transform to get inferences from large datasets".

    Raises:
        StepFailedError: If the model, its script or its data is missing, or the script fails.
        StepStoppedError: If the run is being stopped.
    """
    run = replace(run, arguments=without_nulls(run.arguments))
    refuse(
        problem for problem in transform_request.problems(run.step.name, {**run.arguments, "ModelName": {}})
    )
    ml, started = run.folder / "ml", job.now()
    model, container = _container(run)
    environment = {str(name): str(value) for name, value in mapping(container.get("Environment")).items()}
    code = _lay_out(run, container, environment, ml)
    settings = _settings(run, environment, code, str(container.get("Image", "")))
    job.write_json(ml, "input/config/transform.json", settings)
    for name in ("serving.py", "joining.py"):
        copy_file(Path(in_job.__path__[0]) / name, ml / name)
    requirements = (ml / code, "requirements.txt") if (ml / code / "requirements.txt").is_file() else None
    command = Command(
        argv=("python", f"{ML_PATH}/serving.py"),
        environment={**job.base_environment(run), **environment, **_variables(run, settings)},
        ml_folder=ml,
        working_directory=f"{ML_PATH}/{code}",
        stdout=run.folder / "stdout.log",
        stderr=run.folder / "stderr.log",
        python=python_for(run, requirements),
        image=container.get("Image"),
        has_network=not model.get("EnableNetworkIsolation", False),
    )
    ended = run.launcher.run(command, run.stop)
    job.check_exit(ended, run, command.stdout, command.stderr)
    destination = str(run.arguments["TransformOutput"]["S3OutputPath"]).rstrip("/")
    run.store.put(job.place(ml, f"{ML_PATH}/output/data"), destination)
    properties = {
        **job.request_without(run.arguments, "Tags", "ExperimentConfig"),
        "TransformJobName": run.job_name,
        "TransformJobArn": arn(run.region, "transform-job", run.job_name),
        "TransformJobStatus": "Completed",
        "CreationTime": started,
        "TransformStartTime": started,
        "TransformEndTime": job.now(),
    }
    return StepResult(properties, {"predictions": destination})


def _container(run: StepRun) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The model that an earlier step made, and its one container."""
    wanted = run.arguments["ModelName"]
    for name in run.waits_for:
        model = run.properties_of(name)
        if model.get("ModelName") == wanted:
            found = containers(model)
            if len(found) != 1:
                raise StepFailedError(
                    f"model {wanted!r} is a pipeline of {len(found)} containers, and here one can be served"
                )
            return model, unpackaged(run, found[0])
    raise StepFailedError(
        f"ValidationException: could not find model {wanted!r}: no step before this one made it"
    )


def _lay_out(run: StepRun, container: Mapping[str, Any], environment: Mapping[str, str], ml: Path) -> str:
    """Fetch the model, its code and the input; where the code is, below ``ml``."""
    job.make_folders(ml, "model", "code", "input/config", "input/data", "output/data")
    data = model_data(container)
    submitted = environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    code = "code" if submitted.startswith("s3://") else "model/code"
    try:
        if data is not None:
            _fetch(run, data, ml / "model")
        if submitted.startswith("s3://"):
            _fetch(run, submitted, ml / code)
    except DagcastError as error:
        raise StepFailedError(f"ClientError: the model cannot be had: {error}") from error
    if not (ml / code / _program(environment)).is_file():
        raise StepFailedError(
            f"ClientError: the model has no {_program(environment)} in {ML_PATH}/{code}, and without a script only its "
            f"image can predict (--stub {run.step.name}=OUTPUTS.json replaces the step)"
        )
    source = run.arguments["TransformInput"]["DataSource"]["S3DataSource"]
    raw = mapping(run.step.arguments).get("TransformInput")
    fetch(run, raw, source["S3Uri"], ml / "input/data/transform", source.get("S3DataType", "S3Prefix"))
    return code


def _fetch(run: StepRun, uri: str, folder: Path) -> None:
    """Unpack an archive, or copy what lies below a prefix."""
    if uri.endswith(".tar.gz"):
        archive = run.folder / "fetched.tar.gz"
        run.store.fetch_file(uri, archive)
        unpack(archive, folder)
        archive.unlink()
    else:
        run.store.fetch(uri, folder)


def _program(environment: Mapping[str, str]) -> str:
    """The script. Source of the default: ``sagemaker_inference.environment``."""
    return environment.get("SAGEMAKER_PROGRAM", "inference.py")


def _settings(run: StepRun, environment: Mapping[str, str], code: str, image: str) -> dict[str, Any]:
    request = run.arguments
    source, output = request["TransformInput"], request["TransformOutput"]
    accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", transform_request.DEFAULT_TYPE)
    client = mapping(request.get("ModelClientConfig"))
    return {
        "program": _program(environment),
        "code": code,
        "defaults": not any(name in image for name in _OWN_DEFAULTS),
        "content_type": source.get("ContentType") or transform_request.DEFAULT_TYPE,
        "accept": output.get("Accept") or accept,
        "split": source.get("SplitType", "None"),
        "gzip": source.get("CompressionType", "None") == "Gzip",
        "strategy": request.get("BatchStrategy", "MultiRecord"),
        "max_payload": int(float(request.get("MaxPayloadInMB", transform_request.MAX_PAYLOAD_IN_MB))),
        "assemble": output.get("AssembleWith", "None"),
        "seconds": float(client.get("InvocationsTimeoutInSeconds", transform_request.TIMEOUT)),
        "processing": transform_request.processing(request),
    }


def _variables(run: StepRun, settings: Mapping[str, Any]) -> dict[str, str]:
    """What the service tells a container of a batch. Source: ``sagemaker.local.entities`` of SageMaker's SDK."""
    strategy = "SINGLE_RECORD" if settings["strategy"] == "SingleRecord" else "MULTI_RECORD"
    return {
        "SAGEMAKER_BATCH": "True",
        "SAGEMAKER_BATCH_STRATEGY": strategy,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(settings["max_payload"]),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
        **{str(name): str(value) for name, value in mapping(run.arguments.get("Environment")).items()},
    }
