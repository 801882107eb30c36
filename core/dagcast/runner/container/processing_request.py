"""Reads and checks a CreateProcessingJob request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.frozen_dataclass import dataclass
from dagcast.runner.container.check_request import (
    Schema,
    as_list,
    as_mapping,
    cannot_run_here,
    check_entrypoint,
    check_schema,
    describe_local_path_problem,
    describe_name_problem,
    needs_image,
)

BASE_PATH = "/opt/ml/processing"
"""The folder of every local path.

Source: SageMaker Developer Guide, "How Amazon SageMaker Processing Configures Input and Output For Your Processing
Container".
"""

_SHAPE: Schema = {
    "AppSpecification": {
        "ImageUri": "string",
        "ContainerEntrypoint": ["scalar"],
        "ContainerArguments": ["scalar"],
    },
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "string", "InstanceCount": "count"}},
    "Environment": {"*": "scalar"},
    "StoppingCondition": {"MaxRuntimeInSeconds": "count"},
    "NetworkConfig": {"EnableNetworkIsolation": "boolean"},
    "ProcessingInputs": [
        {
            "InputName": "string",
            "AppManaged": "boolean",
            "S3Input": {
                "S3Uri": "uri",
                "LocalPath": "string",
                "S3DataType": "string",
                "S3InputMode": "string",
                "S3CompressionType": "string",
            },
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "string",
                "AppManaged": "boolean",
                "S3Output": {"S3Uri": "uri", "LocalPath": "string"},
            }
        ]
    },
}


@dataclass(frozen=True)
class Input:
    """An input of a job.

    Attributes:
        name: Its name.
        uri: The S3 URI of its source.
        path: Its path in the container.
        data_type: ``S3Prefix`` or ``ManifestFile``.
        raw: The input as the definition has it, with references.
    """

    name: str
    uri: str
    path: str
    data_type: str
    raw: Any = None


@dataclass(frozen=True)
class Output:
    """An output of a job.

    Attributes:
        name: Its name.
        uri: The S3 URI of its destination.
        path: Its path in the container.
    """

    name: str
    uri: str
    path: str


def read_inputs(request: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[Input, ...]:
    """Return the inputs of a checked request, sorted so that a folder comes before inputs inside it."""
    written = as_list(raw.get("ProcessingInputs"))
    found = [
        Input(
            item["InputName"],
            item["S3Input"]["S3Uri"],
            item["S3Input"]["LocalPath"].rstrip("/"),
            item["S3Input"].get("S3DataType", "S3Prefix"),
            written[number] if number < len(written) else None,
        )
        for number, item in enumerate(request.get("ProcessingInputs") or ())
    ]
    return tuple(sorted(found, key=lambda item: item.path.count("/")))


def read_outputs(request: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return the outputs of a checked request."""
    config = request.get("ProcessingOutputConfig") or {}
    return tuple(
        Output(item["OutputName"], item["S3Output"]["S3Uri"], item["S3Output"]["LocalPath"].rstrip("/"))
        for item in config.get("Outputs", ())
    )


def declared_output_uris(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the S3 URI of each output by name, of any type, for a request that has not been checked."""
    config = as_mapping(request.get("ProcessingOutputConfig"))
    return {
        str(output.get("OutputName")): as_mapping(output.get("S3Output")).get("S3Uri")
        for output in map(as_mapping, as_list(config.get("Outputs")))
    }


def check_request(step: str, request: Mapping[str, Any], *, image: bool) -> Iterator[Diagnostic]:
    """Find what cannot run here.

    Args:
        step: The name of the step.
        request: The request; any value can be a reference.
        image: Whether the job runs in its image.
    """
    wrong = list(check_schema(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    specification = as_mapping(request.get("AppSpecification"))
    entrypoint = specification.get("ContainerEntrypoint")
    if not image:
        if not entrypoint:
            yield needs_image(step, "it has no ContainerEntrypoint, and only its image knows what to run")
        yield from check_entrypoint(step, as_list(entrypoint))
    yield from _input_problems(step, as_list(request.get("ProcessingInputs")))
    config = as_mapping(request.get("ProcessingOutputConfig"))
    yield from _output_problems(step, as_list(config.get("Outputs")))


def _input_problems(step: str, items: list[Any]) -> Iterator[Diagnostic]:
    paths: dict[str, Any] = {}
    for item in map(as_mapping, items):
        here = f"input {item.get('InputName')!r}"
        if problem := describe_name_problem(item.get("InputName")):
            yield cannot_run_here(step, f"{here} {problem}", hint="use another name")
        if "DatasetDefinition" in item:
            yield cannot_run_here(step, f"{here} is a DatasetDefinition, which reads from Athena or Redshift")
            continue
        if item.get("AppManaged") is True:
            yield cannot_run_here(step, f"{here} is AppManaged: its image reads it from S3 itself")
            continue
        source = as_mapping(item.get("S3Input"))
        if "S3Uri" not in source:
            yield Diagnostic(
                f"step {step!r}: {here} has no S3Input with an S3Uri", code="request.missing-field"
            )
            continue
        path = source.get("LocalPath")
        yield from _path_problems(step, here, path)
        if isinstance(path, str):
            if path.rstrip("/") in paths:
                other = paths[path.rstrip("/")]
                yield Diagnostic(
                    f"step {step!r}: {here} and {other} have the same LocalPath, {path}",
                    code="request.duplicate",
                )
            paths[path.rstrip("/")] = here
        if source.get("S3InputMode") == "Pipe":
            yield cannot_run_here(
                step, f"{here} has S3InputMode Pipe: a local run supports File", hint="use File"
            )
        elif source.get("S3CompressionType") == "Gzip":
            yield cannot_run_here(
                step, f"{here} has S3CompressionType Gzip, which needs S3InputMode Pipe", hint="use None"
            )


def _output_problems(step: str, items: list[Any]) -> Iterator[Diagnostic]:
    names: set[str] = set()
    for item in map(as_mapping, items):
        name = item.get("OutputName")
        here = f"output {name!r}"
        if problem := describe_name_problem(name):
            yield cannot_run_here(step, f"{here} {problem}", hint="use another name")
        if isinstance(name, str):
            if name in names:
                yield Diagnostic(f"step {step!r}: duplicate {here}", code="request.duplicate")
            names.add(name)
        if "FeatureStoreOutput" in item:
            yield cannot_run_here(
                step, f"{here} is a FeatureStoreOutput, and a local run has no feature store"
            )
            continue
        if item.get("AppManaged") is True:
            yield cannot_run_here(step, f"{here} is AppManaged: its image writes it to S3 itself")
            continue
        target = as_mapping(item.get("S3Output"))
        if "S3Uri" not in target:
            yield Diagnostic(
                f"step {step!r}: {here} has no S3Output with an S3Uri", code="request.missing-field"
            )
        else:
            yield from _path_problems(step, here, target.get("LocalPath"))


def _path_problems(step: str, here: str, path: Any) -> Iterator[Diagnostic]:
    problem = describe_local_path_problem(path, BASE_PATH)
    if problem is None:
        return
    if isinstance(path, str) and f"{normpath(path)}/".startswith(f"{BASE_PATH}/") and "\0" not in path:
        # SageMaker takes the folder itself, and a path with .. that stays inside.
        yield cannot_run_here(step, f"{here} {problem}", hint=f"use a folder below {BASE_PATH}, without ..")
    else:
        yield Diagnostic(f"step {step!r}: {here} {problem}", code="request.unsafe-path")
