"""Requirements of the service, and small configs that break and obey each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.compiling import ALWAYS, JOB, config

REQUEST = "s3://my-bucket/data"
VPC = {"subnets": ["subnet-12345678"], "security_group_ids": ["sg-12345678"]}
_BASES: Mapping[str, Mapping[str, Any]] = {
    "Training": {**JOB, "inputs": {"train": "s3://my-bucket/train"}},
    "Tuning": {
        **JOB,
        "max_jobs": 4,
        "objective": {"name": "auc"},
        "metric_definitions": {"auc": "auc=(.*?);"},
        "ranges": {"eta": {"type": "Continuous", "min": 0.1, "max": 0.9}},
        "inputs": {"train": "s3://my-bucket/train"},
    },
    "Processing": {**JOB, "inputs": {"data": "s3://my-bucket/in"}},
    "Transform": {
        "instance_type": "ml.m5.xlarge",
        "inputs": {"model_name": "churn", "data": "s3://my-bucket/in"},
    },
    "CreateModel": {"image_uri": JOB["image_uri"], "inputs": {"model": "s3://my-bucket/m/model.tar.gz"}},
    "RegisterModel": {
        "image_uri": JOB["image_uri"],
        "model_package_group_name": "churn",
        "content_types": ["text/csv"],
        "response_types": ["text/csv"],
        "inputs": {"model": "s3://my-bucket/m/model.tar.gz"},
    },
    "EndpointConfig": {
        "endpoint_config_name": "churn-${exec.PipelineExecutionId}",
        "instance_type": "ml.m5.xlarge",
        "inputs": {"model_name": "churn"},
    },
    "Endpoint": {"endpoint_name": "churn", "inputs": {"endpoint_config_name": "churn"}},
    "AutoML": {"target_attribute_name": "label", "inputs": {"train": "s3://my-bucket/train"}},
    "EMR": {"jar": "command-runner.jar", "cluster_id": "j-1"},
    "Fail": {"error_message": "no"},
    "Lambda": {"function_arn": "arn:aws:lambda:us-east-1:123456789012:function:call"},
    "Callback": {"sqs_queue_url": "https://sqs.us-east-1.amazonaws.com/123456789012/q"},
    "Condition": {"conditions": ALWAYS, "if_steps": [], "else_steps": []},
}


@dataclass(frozen=True)
class Case:
    """A config that breaks a requirement, and one that obeys it and differs in nothing else.

    Attributes:
        rule: The id that is reported.
        broken: The config that breaks it.
        obeying: The config that obeys it.
        severity: Whether the service is known to refuse it.
    """

    rule: str
    broken: dict[str, Any]
    obeying: dict[str, Any]
    severity: str = "error"


def warning(rule: str, broken: dict[str, Any], obeying: dict[str, Any]) -> Case:
    """Return a case of something that the service may accept."""
    return Case(rule, broken, obeying, "warning")


def step(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a valid step of a type with other fields; ``None`` leaves a field out."""
    merged = {"type": kind, **_BASES[kind], **fields}
    return {name: value for name, value in merged.items() if value is not None}


def one(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a config with one step."""
    return config({"it": step(kind, **fields)})


def requested(kind: str, members: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a config with one step that has members of its request under ``request``."""
    return one(kind, request=dict(members), **fields)


def in_region(region: str, built: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config for another region."""
    return {**built, "pipeline": {**built["pipeline"], "region": region}}
