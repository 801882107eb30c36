"""Pipelines for the tests of the plugins, and what is read from their definitions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from dagcast import PipelineDAGCompiler

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"

PIPELINE = {"name": "demo", "region": "us-east-1", "role": ROLE, "bucket": "my-bucket"}
PARAMETERS = {"Machine": "ml.m5.xlarge", "Data": "s3://parameter-bucket/in/", "Kind": {"type": "String"}}

MACHINE = {"image_uri": IMAGE, "instance_type": "ml.m5.xlarge"}
TRAINING = {"type": "Training", **MACHINE, "inputs": {"train": "s3://data/train"}}
TUNING = {
    "type": "Tuning",
    **MACHINE,
    "inputs": {"train": "s3://data/train"},
    "objective": {"name": "auc"},
    "metric_definitions": {"auc": "auc=(.*)"},
    "ranges": {"depth": {"type": "Integer", "min": 1, "max": 5}},
    "max_jobs": 3,
}

STEPS: dict[str, dict[str, Any]] = {
    "Processing": {
        "type": "Processing",
        **MACHINE,
        "inputs": {"raw": "s3://data/raw"},
        "outputs": {"train": "/opt/ml/processing/train"},
    },
    "QualityCheck": {
        "type": "QualityCheck",
        "image_uri": IMAGE,
        "dataset_format": {"csv": {"header": True}},
        "inputs": {"dataset": "s3://data/train"},
    },
    "ClarifyCheck": {
        "type": "ClarifyCheck",
        "image_uri": IMAGE,
        "check_type": "DATA_BIAS",
        "analysis_config": {"label": "y"},
        "inputs": {"dataset": "s3://data/train"},
    },
    "Training": TRAINING,
    "Tuning": TUNING,
    "Transform": {
        "type": "Transform",
        "instance_type": "ml.m5.xlarge",
        "inputs": {"model_name": "a-model", "data": "s3://data/batch"},
    },
    "CreateModel": {
        "type": "CreateModel",
        "image_uri": IMAGE,
        "inputs": {"model": "s3://models/model.tar.gz"},
    },
    "RegisterModel": {
        "type": "RegisterModel",
        "image_uri": IMAGE,
        "model_package_group_name": "group",
        "content_types": ["text/csv"],
        "response_types": ["text/csv"],
        "inputs": {"model": "s3://models/model.tar.gz"},
    },
    "AutoML": {"type": "AutoML", "target_attribute_name": "y", "inputs": {"train": "s3://data/train"}},
    "EndpointConfig": {
        "type": "EndpointConfig",
        "endpoint_config_name": "config",
        "instance_type": "ml.m5.xlarge",
        "inputs": {"model_name": "a-model"},
    },
    "Endpoint": {
        "type": "Endpoint",
        "endpoint_name": "endpoint",
        "inputs": {"endpoint_config_name": "config"},
    },
    "EMR": {
        "type": "EMR",
        "jar": "s3://code/app.jar",
        "outputs": {"clean": "s3://data/clean"},
        "cluster_config": {"Instances": {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge"}},
    },
    "Fail": {"type": "Fail", "error_message": "no"},
}
"""A step of each type that the plugins know, and one that they leave alone."""


def config(steps: dict[str, Any], options: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """A config of these steps, with options by plugin."""
    pipeline = {**PIPELINE, **sections.pop("pipeline", {})}
    plugins = {"options": options}
    return {"pipeline": pipeline, "parameters": PARAMETERS, "steps": steps, "plugins": plugins, **sections}


def compiled(steps: dict[str, Any], options: dict[str, Any], plugins: Sequence[str], **sections: Any) -> Any:
    """A compilation of these steps with these plugins."""
    return PipelineDAGCompiler(config(steps, options, **sections), plugins=plugins).compile_definition()


def arguments(definition: str) -> dict[str, dict[str, Any]]:
    """By step: its request, as the definition has it."""
    return {step["Name"]: step["Arguments"] for step in all_steps(json.loads(definition)["Steps"])}


def all_steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps of a definition, those in branches included."""
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from all_steps(step["Arguments"].get(branch, []))


def at(request: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, in which numbers are indexes."""
    value: Any = request
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value that holds no others, with its path."""
    if isinstance(value, (dict, list)) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths at which two definitions differ, as a compile report spells them."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from differences(old.get(key), new.get(key), f"{path}.{key}".removeprefix("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield path
