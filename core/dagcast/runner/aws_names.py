"""Names that AWS would give to jobs and resources."""

from __future__ import annotations

import hashlib

from dagcast.frozen_dataclass import dataclass

LOCAL_ACCOUNT = "123456789012"
"""The account ID of local runs: the one that AWS uses in its documentation."""

_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))
"""The partitions of regions, by the beginning of their names; ``aws`` for all others. Source: AWS General Reference,
"ARNs"."""

JOB_NAME_PREFIX = "pipelines-"
"""The prefix of the names of all jobs of pipelines."""


@dataclass(frozen=True)
class AwsPlace:
    """The account and the region that ARNs of a run name.

    Attributes:
        region: The region.
        account: The account's ID.
    """

    region: str
    account: str = LOCAL_ACCOUNT

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a resource.

        >>> AwsPlace("eu-west-1").arn("training-job", "Name")
        'arn:aws:sagemaker:eu-west-1:123456789012:training-job/name'
        """
        partition = next((name for begin, name in _PARTITIONS if self.region.startswith(begin)), "aws")
        return f"arn:{partition}:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"


def make_job_name(execution: str, step: str) -> str:
    """Return the name of a step's job, of at most 63 characters. It is the same at every attempt.

    Source of the length: SageMaker API reference, ``TrainingJobName``. A digest separates steps whose long names start
    alike.
    """
    digest = hashlib.sha256(step.encode()).hexdigest()[:10]
    return f"{JOB_NAME_PREFIX}{execution}-{step[:29].rstrip('-_')}-{digest}".replace("_", "-")
