"""Definitions for measuring local runs: tiny Processing steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

FOLDER = "/opt/ml/processing"

INTERPRETER = ("python3", "-c", "pass")
"""A no-op step: the interpreter starts and ends."""

SHELL = ("/bin/sh", "-c", ":")
"""A no-op step that takes almost no time."""

COUNT = (
    "import sys; before, after = sys.argv[1:]; "
    "number = int(open(before + '/number').read()) if before else 0; "
    "open(after + '/number', 'w').write(str(number + 1))"
)
"""A step that adds one to the number in the folder of the first argument, and writes it to that of the second."""


def chain(size: int, argv: Sequence[str]) -> str:
    """Return a chain of steps."""
    after = {index: [name(index - 1)] if index else [] for index in range(size)}
    steps = [{**processing(name(index), argv), "DependsOn": after[index]} for index in range(size)]
    return definition(steps)


def counting(size: int) -> str:
    """Return a chain in which each step adds one to the number in the file of the one before it."""
    steps = [
        processing(
            name(index),
            ["python3", "-c", COUNT, f"{FOLDER}/{name(index - 1)}" if index else "", f"{FOLDER}/out"],
            reads=[name(index - 1)] if index else [],
            writes=True,
        )
        for index in range(size)
    ]
    return definition(steps)


def diamond(size: int, argv: Sequence[str]) -> str:
    """Return one step, then all but two in parallel, then one that waits for all of them."""
    middle = [name(index) for index in range(1, size - 1)]
    steps = [processing(name(0), argv)]
    steps += [{**processing(step, argv), "DependsOn": [name(0)]} for step in middle]
    steps.append({**processing(name(size - 1), argv), "DependsOn": middle})
    return definition(steps)


def definition(steps: Sequence[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": list(steps)})


def name(index: int) -> str:
    return f"step-{index:05}"


def processing(
    step: str, argv: Sequence[str], *, reads: Sequence[str] = (), writes: bool = False
) -> dict[str, Any]:
    """Return a Processing step; each input is in a folder with the name of the step that wrote it."""
    inputs = [
        {
            "InputName": other,
            "S3Input": {
                "S3Uri": {"Get": f"Steps.{other}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"},
                "LocalPath": f"{FOLDER}/{other}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for other in reads
    ]
    uri = {"Std:Join": {"On": "/", "Values": ["s3://bench", {"Get": "Execution.PipelineExecutionId"}, step]}}
    output = {
        "OutputName": "out",
        "S3Output": {"S3Uri": uri, "LocalPath": f"{FOLDER}/out", "S3UploadMode": "EndOfJob"},
    }
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
    return {
        "Name": step,
        "Type": "Processing",
        "Arguments": {
            "RoleArn": "arn:aws:iam::123456789012:role/Bench",
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "bench", "ContainerEntrypoint": list(argv)},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": [output] if writes else []},
        },
    }
