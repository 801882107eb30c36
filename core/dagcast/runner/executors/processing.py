"""A Processing step: its command in a process of its own, between its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.runner.container import job, processing_request
from dagcast.runner.container.channels import fetch
from dagcast.runner.container.checks import (
    Shape,
    container_command,
    listed,
    mapping,
    refuse,
    shape_problems,
    without_nulls,
)
from dagcast.runner.container.drivers import processing_requirements, settle_paths
from dagcast.runner.container.processing_request import Output
from dagcast.runner.executor import StepFailedError, StepResult, StepRun
from dagcast.runner.files import copy_tree, refuse_links_out
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.names import arn
from dagcast.runner.python_env import python_for

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_PROPERTY_FILES: Shape = [{"PropertyFileName": "text", "OutputName": "text", "FilePath": "text"}]


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Say what of the step only its image, or only AWS, can do."""
    yield from processing_request.problems(step.name, step.arguments, image=options.isolation == "docker")
    yield from _property_file_problems(step.name, step.fields.get("PropertyFiles"), step.arguments)


def run(run: StepRun) -> StepResult:
    """Run the job; properties are those of ``DescribeProcessingJob``.

    Raises:
        StepFailedError: If an input is missing, the command fails, or an output cannot be taken.
        StepStoppedError: If the run is being stopped.
    """
    request = without_nulls(run.arguments)
    refuse(processing_request.problems(run.step.name, request, image=run.launcher.isolation == "docker"))
    refuse(_property_file_problems(run.step.name, run.fields.get("PropertyFiles"), request))
    ml, started = run.folder / "ml", job.now()
    inputs = processing_request.inputs(request, run.step.arguments)
    outputs = processing_request.outputs(request)
    places = [
        job.place(ml, path) for path in (*(item.path for item in inputs), *(each.path for each in outputs))
    ]
    names = [str(place.relative_to(ml)) for place in places]
    job.make_folders(ml, "config", "output", "processing", *names)
    for item in inputs:
        fetch(run, item.raw, item.uri, job.place(ml, item.path), item.data_type)
    _configure(run, request, ml)
    command = _command(run, request, {item.name: job.place(ml, item.path) for item in inputs})
    ended = run.launcher.run(command, run.stop)
    job.take_back(ml)
    message = ml / "output" / "message"
    job.check_exit(ended, run, command.stdout, command.stderr, limit=command.timeout, failure=message)
    properties = {
        **job.request_without(request, "Tags", "ExperimentConfig"),
        "ProcessingJobName": run.job_name,
        "ProcessingJobArn": arn(run.region, "processing-job", run.job_name),
        "ProcessingJobStatus": "Completed",
        "StoppingCondition": {"MaxRuntimeInSeconds": int(command.timeout or 0)},
        "CreationTime": started,
        "ProcessingStartTime": started,
        "ProcessingEndTime": job.now(),
        **_exit_message(message),
    }
    files = _property_files(run, ml, outputs)
    return StepResult(properties, _take_outputs(run, ml, outputs), property_files=files)


def _command(run: StepRun, request: Mapping[str, Any], folders: Mapping[str, Path]) -> Command:
    """What runs, once its Python environment is there.

    Args:
        run: The attempt.
        request: The request.
        folders: By name: where each input lies.
    """
    ml, image = run.folder / "ml", run.launcher.isolation == "docker"
    launchers = sorted(folders["entrypoint"].glob("*.sh")) if "entrypoint" in folders else []
    requirements = processing_requirements(run, folders["code"], launchers) if "code" in folders else None
    settle_paths(run, [folders["entrypoint"]] if launchers else [], ml)
    return Command(
        argv=container_command(request["AppSpecification"], image=image),
        environment=_environment(run, request),
        ml_folder=ml,
        working_directory=ML_PATH,
        stdout=run.folder / "stdout.log",
        stderr=run.folder / "stderr.log",
        timeout=job.runtime_limit(request),
        python=python_for(run, requirements),
        image=request["AppSpecification"].get("ImageUri"),
        has_program=bool(request["AppSpecification"].get("ContainerEntrypoint")),
        has_network=not (request.get("NetworkConfig") or {}).get("EnableNetworkIsolation", False),
    )


def _configure(run: StepRun, request: Mapping[str, Any], ml: Path) -> None:
    """Write the files of ``/opt/ml/config``.

    Source: SageMaker Developer Guide, "How Amazon SageMaker Processing Configures Your Processing Container".
    """
    cluster = mapping(mapping(request.get("ProcessingResources")).get("ClusterConfig"))
    job.warn_of_hosts(run, cluster.get("InstanceCount"))
    described = {
        "ProcessingJobArn": arn(run.region, "processing-job", run.job_name),
        "ProcessingJobName": run.job_name,
        **job.request_without(request, "Tags", "ExperimentConfig"),
    }
    resources = job.resource_config(str(cluster.get("InstanceType", "local")))
    job.write_json(ml, "config/processingjobconfig.json", described)
    job.write_json(ml, "config/resourceconfig.json", resources)


def _environment(run: StepRun, request: Mapping[str, Any]) -> dict[str, str]:
    return {
        **job.base_environment(run),
        "PROCESSING_JOB_NAME": run.job_name,
        "PROCESSING_JOB_ARN": arn(run.region, "processing-job", run.job_name),
        **job.own_variables(request),
    }


def _property_file_problems(step: str, files: Any, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Say which property files are in no output of the step, or in none of its folders.

    Args:
        step: The name of the step.
        files: Its ``PropertyFiles``; references may stand for any value.
        request: Its request.
    """
    wrong = list(shape_problems(step, files, _PROPERTY_FILES, "PropertyFiles"))
    yield from wrong
    if wrong:
        return
    names = _output_names(request)
    for item in map(mapping, listed(files)):
        here = f"step {step!r}: property file {item.get('PropertyFileName')!r}"
        output, path = item.get("OutputName"), item.get("FilePath")
        if names is not None and isinstance(output, str) and output not in names:
            yield Diagnostic(
                f"{here} is in output {output!r}, which the step does not have",
                code="reference.unknown-output",
                hint=did_you_mean(output, names) or f"known: {', '.join(names) or 'none'}",
            )
        if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
            yield Diagnostic(
                f"{here} has the FilePath {path}",
                code="request.unsafe-path",
                hint="a path in its output's folder, with no .. on the way",
            )


def _output_names(request: Mapping[str, Any]) -> list[str] | None:
    """The names of a request's outputs; ``None`` if a reference stands for some of them."""
    config = request.get("ProcessingOutputConfig")
    outputs = mapping(config).get("Outputs")
    names = [mapping(item).get("OutputName") for item in listed(outputs)]
    known = [name for name in names if isinstance(name, str)]
    if isinstance(config, Reference) or isinstance(outputs, Reference) or len(known) < len(names):
        return None
    return known


def _property_files(run: StepRun, ml: Path, outputs: tuple[Output, ...]) -> dict[str, str]:
    """By name: the URI of each property file, which has to be there."""
    by_name = {output.name: output for output in outputs}
    found: dict[str, str] = {}
    for item in run.fields.get("PropertyFiles") or ():
        name, output, path = item["PropertyFileName"], by_name[item["OutputName"]], item["FilePath"]
        if not job.place(ml, f"{output.path}/{path}").is_file():
            raise StepFailedError(f"property file {name!r}: the job left no {path} in output {output.name!r}")
        found[name] = f"{output.uri.rstrip('/')}/{path}"
    return found


def _take_outputs(run: StepRun, ml: Path, outputs: tuple[Output, ...]) -> dict[str, str]:
    """Hand over what the job left; an output without files is not there, as S3 has no empty folders."""
    left: dict[str, str] = {}
    for number, output in enumerate(outputs):
        folder = job.place(ml, output.path)
        if folder.is_file():
            raise StepFailedError(f"output {output.name!r}: {output.path} is a file, expected a folder")
        if not job.has_files(folder):
            run.warn(f"output {output.name!r}: the job left nothing in {output.path}{job.elsewhere(run)}")
            continue
        with job.taking(f"output {output.name!r}"):
            if any(_share(output, other) for other in outputs if other is not output):
                # Handing over moves the files, and another output has them too.
                shared = run.folder / f"output-{number}"
                refuse_links_out(folder)
                copy_tree(folder, shared)
                folder = shared
            run.store.put(folder, output.uri)
        left[output.name] = output.uri
    return left


def _share(output: Output, other: Output) -> bool:
    return f"{output.path}/".startswith(f"{other.path}/") or f"{other.path}/".startswith(f"{output.path}/")


def _exit_message(message: Path) -> dict[str, str]:
    try:
        told = job.read_told(message)
    except UnicodeDecodeError:
        raise StepFailedError(f"ClientError: {ML_PATH}/output/message is not UTF-8") from None
    return {} if told is None else {"ExitMessage": told}
