"""Rules that hold for members of many requests: tags, buckets, regions and partitions."""

from __future__ import annotations

from collections.abc import Iterator

from dagcast.check.rules.each_text import EachText
from dagcast.check.rules.request_body import Finding, RequestBody
from dagcast.check.rules.rule import TAGGED, PipelineFacts, Rule
from dagcast.lazy_pattern import lazy_pattern
from dagcast.sagemaker.regions import partition_of

_ADDRESSING = (
    "CreateTrainingJobRequest",
    "HyperParameterTrainingJobDefinition",
    "CreateProcessingJobRequest",
    "CreateTransformJobRequest",
    "CreateModelInput",
    "CreateModelPackageInput",
    "CreateEndpointConfigInput",
    "CreateAutoMLJobRequest",
)
"""Shapes of requests that hold S3 URIs and ARNs."""
_IMAGED = (
    "CreateTrainingJobRequest",
    "HyperParameterTrainingJobDefinition",
    "CreateProcessingJobRequest",
    "CreateModelInput",
    "CreateModelPackageInput",
)
_IMAGE = lazy_pattern(
    r"\d{12}\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<domain>amazonaws\.com(\.cn)?|[a-z0-9.]+)/.+"
)
_ARN = lazy_pattern(r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):\d*:.+")
_KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
_NEW_BUCKET = lazy_pattern(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")
_OLD_BUCKET = lazy_pattern(r"[A-Za-z0-9._-]{3,255}")


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


def _bucket(text: str, facts: PipelineFacts) -> tuple[str, str | None] | None:
    if not text.startswith("s3://"):
        return None
    bucket = text.removeprefix("s3://").partition("/")[0]
    # Buckets in us-east-1 that are older than March 2018 may have other names; access points have ARNs.
    old = facts.region in (None, "us-east-1") and _OLD_BUCKET.fullmatch(bucket)
    if _NEW_BUCKET.fullmatch(bucket) or old or bucket.startswith("arn:"):
        return None
    return f"{bucket!r} is not the name of a bucket: 3 to 63 small letters, digits, dots and hyphens", None


def _image_region(text: str, facts: PipelineFacts) -> tuple[str, str | None] | None:
    match = _IMAGE.fullmatch(text)
    if facts.region is None or match is None or match["region"] == facts.region:
        return None
    message = f"the image is in {match['region']}, and the pipeline in {facts.region}"
    return message, f"use the image's address in {facts.region}"


def _arn_region(text: str, facts: PipelineFacts) -> tuple[str, str | None] | None:
    match = _ARN.fullmatch(text)
    if facts.region is None or match is None or match["service"] != "sagemaker":
        return None
    if match["region"] in ("", facts.region):
        return None
    return f"{text!r} is in {match['region']}, and the pipeline in {facts.region}", None


def _foreign_arn(text: str, facts: PipelineFacts) -> tuple[str, str | None] | None:
    match = _ARN.fullmatch(text)
    if facts.region is None or match is None:
        return None
    expected = partition_of(facts.region)
    if match["partition"] != expected:
        return f"{text!r} is of partition {match['partition']}, and {facts.region} of {expected}", None
    if match["service"] in ("kms", "lambda", "sqs") and match["region"] != facts.region:
        return f"{text!r} is in {match['region']}, and the pipeline in {facts.region}", None
    return None


RULES = (
    Rule(
        id="tags.keys",
        summary="Tags have different keys, none of them beginning with aws:",
        source="botocore, Tag.Key; AWS General Reference, tagging",
        shapes=TAGGED,
        check=_tags,
        obeys={"Tags": [{"Key": "team", "Value": "ml"}, {"Key": "cost", "Value": "1"}]},
        breaks={"Tags": [{"Key": "team", "Value": "ml"}, {"Key": "team", "Value": "risk"}]},
    ),
    Rule(
        id="s3.bucket-name",
        summary="The bucket in an S3 URI has a valid name",
        source="Amazon S3 User Guide, bucket naming rules",
        shapes=_ADDRESSING,
        check=EachText(_bucket),
        severity="warning",
        obeys={},
        breaks={"OutputDataConfig": {"S3OutputPath": "s3://b/models"}},
        breaks_for={
            "CreateProcessingJobRequest": {
                "ProcessingInputs": [
                    {
                        "InputName": "data",
                        "S3Input": {
                            "S3Uri": "s3://b/data",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                            "LocalPath": "/opt/ml/processing/data",
                        },
                    }
                ]
            },
            "CreateTransformJobRequest": {"TransformOutput": {"S3OutputPath": "s3://b/out"}},
            "CreateModelInput": {"PrimaryContainer": {"ModelDataUrl": "s3://b/model.tar.gz"}},
            "CreateModelPackageInput": {"SamplePayloadUrl": "s3://b/payload.tar.gz"},
            "CreateEndpointConfigInput": {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 10,
                    "DestinationS3Uri": "s3://b/capture",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
        },
    ),
    Rule(
        id="region.image",
        summary="The region in an image's address is that of the pipeline",
        source="Answers of the service to cross-region pulls, quoted in amazon-sagemaker-examples issue 2422",
        shapes=_IMAGED,
        check=EachText(_image_region),
        obeys={},
        breaks={},
        breaks_in="eu-west-1",
    ),
    Rule(
        id="region.arn",
        summary="ARNs of SageMaker's resources are in the region of the pipeline",
        source="Answer of the service, quoted in amazon-sagemaker-examples issue 1438",
        shapes=("CreateModelPackageInput", "CreateModelInput"),
        check=EachText(_arn_region),
        obeys={},
        breaks={
            "ModelPackageGroupName": "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/churn"
        },
        breaks_for={
            "CreateModelInput": {
                "PrimaryContainer": {
                    "Image": None,
                    "ModelDataUrl": None,
                    "ModelPackageName": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/1",
                }
            }
        },
    ),
    Rule(
        id="region.partition",
        summary="ARNs are of the partition of the pipeline, and those of keys, functions and queues of its region",
        source="AWS General Reference, ARNs; AWS KMS Developer Guide: keys are regional",
        shapes=_ADDRESSING,
        check=EachText(_foreign_arn),
        severity="warning",
        obeys={},
        breaks={},
        breaks_for={
            "CreateTransformJobRequest": {"TransformOutput": {"KmsKeyId": _KEY}},
            "CreateModelPackageInput": {"SkipModelValidation": "None", "SecurityConfig": {"KmsKeyId": _KEY}},
            "CreateEndpointConfigInput": {"KmsKeyId": _KEY},
        },
        breaks_in="cn-north-1",
    ),
)
