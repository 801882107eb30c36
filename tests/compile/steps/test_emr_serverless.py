"""EMRServerless: a job in an application that runs, or in one of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import ROLE, error_in, step_of

DRIVER = {"sparkSubmit": {"entryPoint": "s3://b/job.py", "entryPointArguments": ["a"]}}
APPLICATION = {"releaseLabel": "emr-7.0.0", "type": "SPARK"}


def test_minimal() -> None:
    step = step_of({"type": "EMRServerless", "application_id": "00abc", "job_driver": DRIVER})
    assert step == {
        "Name": "step",
        "Type": "EMRServerless",
        "Arguments": {
            "ExecutionRoleArn": ROLE,
            "JobConfig": {"executionRoleArn": ROLE, "jobDriver": DRIVER, "applicationId": "00abc"},
            "ApplicationId": "00abc",
        },
    }


def test_full() -> None:
    fields = {
        "type": "EMRServerless",
        "role": "${param.Role}",
        "application_config": APPLICATION,
        "job_driver": {"sparkSubmit": {"entryPoint": "${param.Script}"}},
        "configuration_overrides": {
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://b/l"}}
        },
        "execution_timeout_minutes": 60,
        "job_name": "job",
        "tags": {"team": "risk"},
        "cache": True,
        "retry_policies": [
            {
                "exception_types": ["Step.THROTTLING"],
                "max_attempts": 2,
                "interval_seconds": 5,
                "backoff_rate": 1.5,
            }
        ],
    }
    role = {"Get": "Parameters.Role"}
    assert step_of(fields, parameters={"Role": ROLE, "Script": "s3://b/job.py"}) == {
        "Name": "step",
        "Type": "EMRServerless",
        "Arguments": {
            "ExecutionRoleArn": role,
            "ApplicationConfig": APPLICATION,
            "JobConfig": {
                "executionRoleArn": role,
                "jobDriver": {"sparkSubmit": {"entryPoint": {"Get": "Parameters.Script"}}},
                "configurationOverrides": {
                    "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://b/l"}}
                },
                "executionTimeoutMinutes": 60,
                "name": "job",
                "tags": {"team": "risk"},
            },
        },
        "RetryPolicies": [
            {"BackoffRate": 1.5, "IntervalSeconds": 5, "MaxAttempts": 2, "ExceptionType": ["Step.THROTTLING"]}
        ],
        "CacheConfig": {"Enabled": True},
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"application_id": None},
            "step 'step' (EMRServerless): an EMRServerless step takes one of application_id and application_config",
        ),
        (
            {"application_config": APPLICATION},
            "step 'step' (EMRServerless): an EMRServerless step takes one of application_id and application_config",
        ),
        ({"job_driver": None}, "step 'step' (EMRServerless): 'job_driver' is missing"),
        (
            {"job_driver": {"hive": {"query": "q"}, "spark": {}}},
            "step 'step': JobConfig.jobDriver.spark is not a field of JobDriver",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    step = {"type": "EMRServerless", "application_id": "00abc", "job_driver": DRIVER, **fields}
    assert error_in(step).message == message
