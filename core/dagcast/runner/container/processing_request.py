"""Reads a CreateProcessingJob request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.runner.container.checks import (
    Shape,
    cannot,
    listed,
    local_path_problem,
    mapping,
    name_problem,
    needs_image,
    program_problems,
    shape_problems,
)

BASE = "/opt/ml/processing"
"""What every local path is below. Source: SageMaker Developer Guide, "How Amazon SageMaker Processing Configures Input
and Output For Your Processing Container"."""

_SHAPE: Shape = {
    "AppSpecification": {
        "ImageUri": "text",
        "ContainerEntrypoint": ["scalar"],
        "ContainerArguments": ["scalar"],
    },
    "ProcessingResources": {"ClusterConfig": {"InstanceType": "text", "InstanceCount": "whole"}},
    "Environment": {"*": "scalar"},
    "StoppingCondition": {"MaxRuntimeInSeconds": "whole"},
    "NetworkConfig": {"EnableNetworkIsolation": "truth"},
    "ProcessingInputs": [
        {
            "InputName": "text",
            "AppManaged": "truth",
            "S3Input": {
                "S3Uri": "uri",
                "LocalPath": "text",
                "S3DataType": "text",
                "S3InputMode": "text",
                "S3CompressionType": "text",
            },
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {"OutputName": "text", "AppManaged": "truth", "S3Output": {"S3Uri": "uri", "LocalPath": "text"}}
        ]
    },
}


@dataclass(frozen=True)
class Input:
    """An input of a job.

    Attributes:
        name: Its name.
        uri: Where it comes from.
        path: Where the container finds it.
        data_type: ``S3Prefix`` or ``ManifestFile``.
        raw: As the definition has it, with references.
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
        uri: Where it goes.
        path: Where the container leaves it.
    """

    name: str
    uri: str
    path: str


def inputs(request: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[Input, ...]:
    """The inputs of a request without problems; those whose folder others are in come first."""
    written = listed(raw.get("ProcessingInputs"))
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


def outputs(request: Mapping[str, Any]) -> tuple[Output, ...]:
    """The outputs of a request without problems."""
    config = request.get("ProcessingOutputConfig") or {}
    return tuple(
        Output(item["OutputName"], item["S3Output"]["S3Uri"], item["S3Output"]["LocalPath"].rstrip("/"))
        for item in config.get("Outputs", ())
    )


def declared_places(request: Mapping[str, Any]) -> dict[str, Any]:
    """By name of an output: where it goes, whatever stands there; for requests that nobody has checked."""
    config = mapping(request.get("ProcessingOutputConfig"))
    return {
        str(output.get("OutputName")): mapping(output.get("S3Output")).get("S3Uri")
        for output in map(mapping, listed(config.get("Outputs")))
    }


def problems(step: str, request: Mapping[str, Any], *, image: bool) -> Iterator[Diagnostic]:
    """Say what of a request cannot run here.

    Args:
        step: The name of the step.
        request: The request; references may stand for any value.
        image: Whether it will run in its own image.
    """
    wrong = list(shape_problems(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    specification = mapping(request.get("AppSpecification"))
    entrypoint = specification.get("ContainerEntrypoint")
    if not image:
        if not entrypoint:
            yield needs_image(step, "it has no ContainerEntrypoint: what runs is known to its image alone")
        yield from program_problems(step, listed(entrypoint))
    yield from _input_problems(step, listed(request.get("ProcessingInputs")))
    config = mapping(request.get("ProcessingOutputConfig"))
    yield from _output_problems(step, listed(config.get("Outputs")))


def _input_problems(step: str, items: list[Any]) -> Iterator[Diagnostic]:
    paths: dict[str, Any] = {}
    for item in map(mapping, items):
        here = f"input {item.get('InputName')!r}"
        if problem := name_problem(item.get("InputName")):
            yield Diagnostic(f"step {step!r}: {here} {problem}", code="request.unsafe-path")
        if "DatasetDefinition" in item:
            yield cannot(step, f"{here} is a DatasetDefinition, which reads Athena or Redshift")
            continue
        if item.get("AppManaged") is True:
            yield cannot(step, f"{here} is AppManaged: its image reads it from S3 itself")
            continue
        source = mapping(item.get("S3Input"))
        if "S3Uri" not in source:
            yield Diagnostic(
                f"step {step!r}: {here} has no S3Input with an S3Uri", code="request.missing-field"
            )
            continue
        path = source.get("LocalPath")
        if problem := local_path_problem(path, BASE):
            yield Diagnostic(f"step {step!r}: {here} {problem}", code="request.unsafe-path")
        if isinstance(path, str):
            if path.rstrip("/") in paths:
                other = paths[path.rstrip("/")]
                yield Diagnostic(
                    f"step {step!r}: {here} and {other} have one LocalPath, {path}", code="request.duplicate"
                )
            paths[path.rstrip("/")] = here
        if source.get("S3InputMode") == "Pipe":
            yield cannot(step, f"{here} has S3InputMode Pipe: here there is only File", hint="use File")
        elif source.get("S3CompressionType") == "Gzip":
            yield cannot(
                step, f"{here} has S3CompressionType Gzip, which belongs to S3InputMode Pipe", hint="use None"
            )


def _output_problems(step: str, items: list[Any]) -> Iterator[Diagnostic]:
    names: set[str] = set()
    for item in map(mapping, items):
        name = item.get("OutputName")
        here = f"output {name!r}"
        if problem := name_problem(name):
            yield Diagnostic(f"step {step!r}: {here} {problem}", code="request.unsafe-path")
        if isinstance(name, str):
            if name in names:
                yield Diagnostic(f"step {step!r}: there is a second {here}", code="request.duplicate")
            names.add(name)
        if "FeatureStoreOutput" in item:
            yield cannot(step, f"{here} is a FeatureStoreOutput, and here is no feature store")
            continue
        if item.get("AppManaged") is True:
            yield cannot(step, f"{here} is AppManaged: its image writes it to S3 itself")
            continue
        target = mapping(item.get("S3Output"))
        if "S3Uri" not in target:
            yield Diagnostic(
                f"step {step!r}: {here} has no S3Output with an S3Uri", code="request.missing-field"
            )
        elif problem := local_path_problem(target.get("LocalPath"), BASE):
            yield Diagnostic(f"step {step!r}: {here} {problem}", code="request.unsafe-path")
