"""Configs for the tests of mods-plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
STATED = {"author": "risk", "version": "1.4.0", "description": "Finds who leaves."}
CODE = {"package_name": "ChurnModels", "commit_id": "0123abcd"}


def config(options: Mapping[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    """A pipeline of three steps with its metadata, and options of the plugin."""
    base: dict[str, Any] = {
        "pipeline": {"name": "churn", "region": "us-east-1", "role": ROLE, "bucket": "my-bucket", **STATED},
        "defaults": {"image_uri": IMAGE, "instance_type": "ml.m5.xlarge"},
        "steps": {
            "load": {"type": "Processing", "outputs": {"data": None}},
            "train": {"type": "Training", "inputs": {"data": {}}},
            "stop": {"type": "Fail", "error_message": "stopped"},
        },
        "edges": ["load -> train", "train => stop"],
        "plugins": {"options": {"mods": {**CODE, **(options or {})}}},
    }
    return {**base, **sections}


def unlabelled(options: Mapping[str, Any] | None = None, **pipeline: Any) -> dict[str, Any]:
    """The same pipeline without any metadata but what is given."""
    base = {key: value for key, value in config()["pipeline"].items() if key not in STATED}
    return config(pipeline={**base, **pipeline}, plugins={"options": {"mods": dict(options or {})}})
