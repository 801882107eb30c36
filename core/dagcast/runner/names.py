"""The names that AWS would give: of jobs, and of resources."""

from __future__ import annotations

import hashlib

ACCOUNT = "123456789012"
"""The account that a run pretends to be in: the one that AWS' documentation uses in examples."""

JOBS = "pipelines-"
"""How the name of every job of a pipeline begins."""


def arn(region: str, kind: str, name: str) -> str:
    """The ARN of a resource, such as ``arn:aws:sagemaker:us-east-1:123456789012:training-job/name``."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name.lower()}"


def job_name(execution: str, step: str) -> str:
    """The name of a step's job, of at most 63 characters: the same at every attempt and in every run but for the id.

    Source of the length: SageMaker API reference, ``TrainingJobName``. What follows the step's name tells steps apart
    whose names begin alike.
    """
    digest = hashlib.sha256(step.encode()).hexdigest()[:10]
    return f"{JOBS}{execution}-{step[:29].rstrip('-_')}-{digest}".replace("_", "-")
