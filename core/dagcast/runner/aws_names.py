"""Names that AWS would give to jobs and resources."""

from __future__ import annotations

import hashlib

ACCOUNT = "123456789012"
"""The account ID of local runs: the one that AWS uses in its documentation."""

JOB_NAME_PREFIX = "pipelines-"
"""The prefix of the names of all jobs of pipelines."""


def make_arn(region: str, kind: str, name: str) -> str:
    """Return the ARN of a resource, such as ``arn:aws:sagemaker:us-east-1:123456789012:training-job/name``."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name.lower()}"


def make_job_name(execution: str, step: str) -> str:
    """Return the name of a step's job, of at most 63 characters. It is the same at every attempt.

    Source of the length: SageMaker API reference, ``TrainingJobName``. A digest separates steps whose long names start
    alike.
    """
    digest = hashlib.sha256(step.encode()).hexdigest()[:10]
    return f"{JOB_NAME_PREFIX}{execution}-{step[:29].rstrip('-_')}-{digest}".replace("_", "-")
