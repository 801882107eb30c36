"""Rules that hold for members of many requests: tags, buckets, regions and partitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import PipelineFacts, Rule
from dagcast.paths import FieldPath

_TAGGED = (
    "CreateTrainingJobRequest",
    "CreateHyperParameterTuningJobRequest",
    "CreateProcessingJobRequest",
    "CreateTransformJobRequest",
    "CreateModelInput",
    "CreateModelPackageInput",
    "CreateEndpointConfigInput",
    "CreateEndpointInput",
    "CreateAutoMLJobRequest",
)
_IMAGED = (
    "CreateTrainingJobRequest",
    "HyperParameterTrainingJobDefinition",
    "CreateProcessingJobRequest",
    "CreateModelInput",
    "CreateModelPackageInput",
)
_IMAGE = re.compile(
    r"\d{12}\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<domain>amazonaws\.com(\.cn)?|[a-z0-9.]+)/.+"
)
_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):\d*:.+")
_NEW_BUCKET = re.compile(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")
_OLD_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")


def partition_of(region: str) -> str:
    """Return the partition of a region.

    Example:
        >>> partition_of("cn-north-1"), partition_of("us-gov-west-1"), partition_of("eu-west-1")
        ('aws-cn', 'aws-us-gov', 'aws')
    """
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-iso", "aws-iso")):
        if region.startswith(prefix):
            return partition
    return "aws"


def texts(value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, str]]:
    """Yield every text in a body with its path. Free text of the user is left out: hyperparameters, variables, tags."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in (
                "Environment",
                "HyperParameters",
                "StaticHyperParameters",
                "Tags",
                "ContainerArguments",
            ):
                yield from texts(inner, (*path, name))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))


def _tags(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    seen: set[str] = set()
    for tag in request.items("Tags"):
        key = tag.text("Key")
        if key is None:
            continue
        if key in seen:
            yield tag.finding(f"a second tag has the key {key!r}", "Key")
        if key.lower().startswith("aws:"):
            yield tag.finding(f"tag {key!r}: keys that begin with aws: are AWS' own", "Key")
        seen.add(key)


def _buckets(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for path, text in texts(request.data):
        if not text.startswith("s3://"):
            continue
        bucket = text.removeprefix("s3://").partition("/")[0]
        # Buckets in us-east-1 that are older than March 2018 may have other names; access points have ARNs.
        old = facts.region in (None, "us-east-1") and _OLD_BUCKET.fullmatch(bucket)
        if not (_NEW_BUCKET.fullmatch(bucket) or old or bucket.startswith("arn:")):
            message = (
                f"{bucket!r} is not the name of a bucket: 3 to 63 small letters, digits, dots and hyphens"
            )
            yield Finding((*request.path, *path), message)


def _image_region(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if facts.region is None:
        return
    for path, text in texts(request.data):
        match = _IMAGE.fullmatch(text)
        if match and match["region"] != facts.region:
            message = f"the image is in {match['region']}, and the pipeline in {facts.region}"
            hint = f"use the image's address in {facts.region}"
            yield Finding((*request.path, *path), message, hint)


def _arn_region(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for path, match in _arns(request):
        region = match["region"]
        if facts.region is not None and match["service"] == "sagemaker" and region not in ("", facts.region):
            message = f"{match[0]!r} is in {region}, and the pipeline in {facts.region}"
            yield Finding((*request.path, *path), message)


def _foreign_arn(request: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if facts.region is None:
        return
    expected = partition_of(facts.region)
    for path, match in _arns(request):
        if match["partition"] != expected:
            message = f"{match[0]!r} is of partition {match['partition']}, and {facts.region} of {expected}"
            yield Finding((*request.path, *path), message)
        elif match["service"] in ("kms", "lambda", "sqs") and match["region"] != facts.region:
            message = f"{match[0]!r} is in {match['region']}, and the pipeline in {facts.region}"
            yield Finding((*request.path, *path), message)


def _arns(request: RequestBody) -> Iterator[tuple[FieldPath, re.Match[str]]]:
    for path, text in texts(request.data):
        match = _ARN.fullmatch(text)
        if match:
            yield path, match


RULES = (
    Rule(
        id="tags.keys",
        summary="Tags have different keys, none of them beginning with aws:",
        source="botocore, Tag.Key; AWS General Reference, tagging",
        shapes=_TAGGED,
        check=_tags,
        obeys={"Tags": [{"Key": "team", "Value": "ml"}, {"Key": "cost", "Value": "1"}]},
        breaks={"Tags": [{"Key": "team", "Value": "ml"}, {"Key": "team", "Value": "risk"}]},
    ),
    Rule(
        id="s3.bucket-name",
        summary="The bucket in an S3 URI has a valid name",
        source="Amazon S3 User Guide, bucket naming rules",
        shapes=("CreateTrainingJobRequest", "HyperParameterTrainingJobDefinition"),
        check=_buckets,
        severity="warning",
        obeys={},
        breaks={"OutputDataConfig": {"S3OutputPath": "s3://b/models"}},
    ),
    Rule(
        id="region.image",
        summary="The region in an image's address is that of the pipeline",
        source="Answers of the service to cross-region pulls, quoted in amazon-sagemaker-examples issue 2422",
        shapes=_IMAGED,
        check=_image_region,
        obeys={},
        breaks={},
        breaks_in="eu-west-1",
    ),
    Rule(
        id="region.arn",
        summary="ARNs of SageMaker's resources are in the region of the pipeline",
        source="Answer of the service, quoted in amazon-sagemaker-examples issue 1438",
        shapes=("CreateModelPackageInput",),
        check=_arn_region,
        obeys={"ModelPackageGroupName": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/churn"},
        breaks={
            "ModelPackageGroupName": "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/churn"
        },
    ),
    Rule(
        id="region.partition",
        summary="ARNs are of the partition of the pipeline, and those of keys, functions and queues of its region",
        source="AWS General Reference, ARNs; AWS KMS Developer Guide: keys are regional",
        shapes=(*_IMAGED[:4], "CreateAutoMLJobRequest"),
        check=_foreign_arn,
        severity="warning",
        obeys={},
        breaks={},
        breaks_in="cn-north-1",
    ),
)
