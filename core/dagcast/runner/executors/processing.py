"""Runs Processing steps: downloads inputs, runs the command in a process of its own, and uploads outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic, did_you_mean
from dagcast.runner.container import job, processing_request
from dagcast.runner.container.channels import fetch_input
from dagcast.runner.container.check_request import (
    Schema,
    as_list,
    as_mapping,
    check_schema,
    container_command,
    raise_problems,
    remove_nulls,
)
from dagcast.runner.container.driver_scripts import (
    find_processing_requirements,
    rewrite_ml_paths,
    skip_installation,
)
from dagcast.runner.container.job_links import adapt_links
from dagcast.runner.container.processing_request import Output
from dagcast.runner.describe_response import describe_resource, processing_output_names
from dagcast.runner.executors.executor import Executor, StepAttempt, StepFailedError, StepResult, StubContract
from dagcast.runner.files import check_links, copy_tree
from dagcast.runner.launch.command import ML_PATH, Command
from dagcast.runner.python_env import prepare_python

if TYPE_CHECKING:
    from dagcast.definition.model import Step
    from dagcast.runner.options import RunOptions

_PROPERTY_FILES: Schema = [{"PropertyFileName": "string", "OutputName": "string", "FilePath": "string"}]


def check(step: Step, options: RunOptions) -> Iterator[Diagnostic]:
    """Find what only the image or AWS can do."""
    yield from processing_request.check_request(
        step.name, step.arguments, image=options.isolation == "docker"
    )
    yield from _property_file_problems(step.name, step.fields.get("PropertyFiles"), step.arguments)


def run(attempt: StepAttempt) -> StepResult:
    """Run the job. The properties are those of ``DescribeProcessingJob``.

    Raises:
        StepFailedError: If an input is missing, the command fails, or an output cannot be collected.
        StepStoppedError: If the run is stopping.
    """
    request = remove_nulls(attempt.arguments)
    raise_problems(
        processing_request.check_request(
            attempt.step.name, request, image=attempt.launcher.isolation == "docker"
        )
    )
    raise_problems(_property_file_problems(attempt.step.name, attempt.fields.get("PropertyFiles"), request))
    ml, started = attempt.folder / "ml", job.utc_now()
    inputs = processing_request.read_inputs(request, attempt.step.arguments)
    outputs = processing_request.read_outputs(request)
    places = [
        job.resolve_container_path(ml, path)
        for path in (*(item.path for item in inputs), *(each.path for each in outputs))
    ]
    names = [str(place.relative_to(ml)) for place in places]
    job.make_folders(ml, "config", "output", "processing", *names)
    for item in inputs:
        fetch_input(attempt, item.raw, item.uri, job.resolve_container_path(ml, item.path), item.data_type)
    _configure(attempt, request, ml)
    command = _command(
        attempt, request, {item.name: job.resolve_container_path(ml, item.path) for item in inputs}
    )
    ended = attempt.launcher.run(command, attempt.stop)
    job.make_readable(ml)
    message = ml / "output" / "message"
    job.check_exit(ended, attempt, command.stdout, command.stderr, limit=command.timeout, failure=message)
    properties = {
        **job.request_without(request, "Tags", "ExperimentConfig"),
        "ProcessingJobName": attempt.job_name,
        "ProcessingJobArn": attempt.place.arn("processing-job", attempt.job_name),
        "ProcessingJobStatus": "Completed",
        "StoppingCondition": {"MaxRuntimeInSeconds": int(command.timeout or 0)},
        "CreationTime": started,
        "ProcessingStartTime": started,
        "ProcessingEndTime": job.utc_now(),
        **_exit_message(message),
    }
    for output in outputs:
        adapt_links(attempt, job.resolve_container_path(ml, output.path), archived=False)
    files = _property_files(attempt, ml, outputs)
    return StepResult(properties, _upload_outputs(attempt, ml, outputs), property_files=files)


def _command(attempt: StepAttempt, request: Mapping[str, Any], folders: Mapping[str, Path]) -> Command:
    """Return the command, after preparing its Python environment.

    Args:
        attempt: The attempt at the step.
        request: The request.
        folders: The folder of each input, by name.
    """
    ml, image = attempt.folder / "ml", attempt.launcher.isolation == "docker"
    launchers = sorted(folders["entrypoint"].glob("*.sh")) if "entrypoint" in folders else []
    requirements = (
        find_processing_requirements(attempt, folders["code"], launchers) if "code" in folders else None
    )
    rewrite_ml_paths(attempt, [folders["entrypoint"]] if launchers else [], ml)
    if requirements is not None:
        skip_installation(attempt, launchers, requirements[1])
    return Command(
        argv=container_command(request["AppSpecification"], image=image),
        environment=_environment(attempt, request),
        ml_folder=ml,
        working_directory=None,
        stdout=attempt.folder / "stdout.log",
        stderr=attempt.folder / "stderr.log",
        timeout=job.runtime_limit(request),
        python=prepare_python(attempt, requirements),
        image=request["AppSpecification"].get("ImageUri"),
        has_program=bool(request["AppSpecification"].get("ContainerEntrypoint")),
        has_network=not (request.get("NetworkConfig") or {}).get("EnableNetworkIsolation", False),
    )


def _configure(attempt: StepAttempt, request: Mapping[str, Any], ml: Path) -> None:
    """Write the files of ``/opt/ml/config``.

    Source: SageMaker Developer Guide, "How Amazon SageMaker Processing Configures Your Processing Container".
    """
    cluster = as_mapping(as_mapping(request.get("ProcessingResources")).get("ClusterConfig"))
    job.warn_about_instance_count(attempt, cluster.get("InstanceCount"))
    config = {
        "ProcessingJobArn": attempt.place.arn("processing-job", attempt.job_name),
        "ProcessingJobName": attempt.job_name,
        **job.request_without(request, "Tags", "ExperimentConfig"),
    }
    resources = job.resource_config(str(cluster.get("InstanceType", "local")))
    job.write_config(ml, "config/processingjobconfig.json", config)
    job.write_config(ml, "config/resourceconfig.json", resources)


def _environment(attempt: StepAttempt, request: Mapping[str, Any]) -> dict[str, str]:
    return {
        **job.base_environment(attempt),
        "PROCESSING_JOB_NAME": attempt.job_name,
        "PROCESSING_JOB_ARN": attempt.place.arn("processing-job", attempt.job_name),
        **job.request_environment(request),
    }


def _property_file_problems(step: str, files: Any, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Find property files whose output does not exist, or whose path is outside its folder.

    Args:
        step: The name of the step.
        files: Its ``PropertyFiles``; any value can be a reference.
        request: Its request.
    """
    wrong = list(check_schema(step, files, _PROPERTY_FILES, "PropertyFiles"))
    yield from wrong
    if wrong:
        return
    names = _output_names(request)
    for item in map(as_mapping, as_list(files)):
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
                hint="use a path below its output's folder, without ..",
            )


def _output_names(request: Mapping[str, Any]) -> list[str] | None:
    """Return the names of a request's outputs; ``None`` if some are references."""
    config = request.get("ProcessingOutputConfig")
    outputs = as_mapping(config).get("Outputs")
    names = [as_mapping(item).get("OutputName") for item in as_list(outputs)]
    known = [name for name in names if isinstance(name, str)]
    if isinstance(config, Reference) or isinstance(outputs, Reference) or len(known) < len(names):
        return None
    return known


def _property_files(attempt: StepAttempt, ml: Path, outputs: tuple[Output, ...]) -> dict[str, str]:
    """Return the URI of each property file by name, after checking that it exists."""
    by_name = {output.name: output for output in outputs}
    found: dict[str, str] = {}
    for item in attempt.fields.get("PropertyFiles") or ():
        name, output, path = item["PropertyFileName"], by_name[item["OutputName"]], item["FilePath"]
        folder = job.resolve_container_path(ml, output.path)
        if not (folder / path).is_file() or not (folder / path).resolve().is_relative_to(folder.resolve()):
            raise StepFailedError(f"property file {name!r}: the job left no {path} in output {output.name!r}")
        found[name] = f"{output.uri.rstrip('/')}/{path}"
    return found


def _upload_outputs(attempt: StepAttempt, ml: Path, outputs: tuple[Output, ...]) -> dict[str, str]:
    """Upload what the job left. An output without files is skipped, because S3 has no empty folders."""
    uploaded: dict[str, str] = {}
    for number, output in enumerate(outputs):
        folder = job.resolve_container_path(ml, output.path)
        if folder.is_file():
            raise StepFailedError(f"output {output.name!r}: {output.path} is a file, expected a folder")
        if not job.has_files(folder):
            attempt.warn(
                f"output {output.name!r}: the job left nothing in {output.path}{job.hint_unmounted_path(attempt)}"
            )
            continue
        with job.collecting(f"output {output.name!r}"):
            if any(_overlap(output, other) for other in outputs if other is not output):
                # The store moves files, and another output has the same ones.
                shared = attempt.folder / f"output-{number}"
                check_links(folder)
                copy_tree(folder, shared)
                folder = shared
            attempt.store.put(folder, output.uri)
        uploaded[output.name] = output.uri
    return uploaded


def _overlap(output: Output, other: Output) -> bool:
    return f"{output.path}/".startswith(f"{other.path}/") or f"{other.path}/".startswith(f"{output.path}/")


def _exit_message(message: Path) -> dict[str, str]:
    try:
        told = job.read_message_file(message)
    except UnicodeDecodeError:
        raise StepFailedError(f"ClientError: {ML_PATH}/output/message is not UTF-8") from None
    return {} if told is None else {"ExitMessage": told}


EXECUTOR = Executor(
    check=check,
    run=run,
    stub=StubContract(
        describe=describe_resource("ProcessingJob", "processing-job", "Completed"),
        output_names=processing_output_names,
        outputs_are_folders=True,
    ),
    reads_named_uris=True,
)
