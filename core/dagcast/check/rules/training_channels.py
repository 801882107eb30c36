"""Rules of the channels of training jobs: where they read from, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import (
    all_of,
    inside,
    unique,
)
from dagcast.check.rules.examples import VPC
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, TRAINING_JOB, TRAINING_JOBS, PipelineFacts, Rule

_CHANNEL = {
    "ChannelName": "train",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://my-bucket/train"}},
}
_EFS = {
    "FileSystemId": "fs-12345678",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/x",
}


def input_mode(job: RequestBody, channel: RequestBody) -> Any:
    """Return how a channel is read: its own mode, else that of the job."""
    return channel.get("InputMode") or job.get("AlgorithmSpecification", "TrainingInputMode")


def _folder_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        name = channel.text("ChannelName")
        if name in (".", ".."):
            message = f"channel {name!r} cannot be a folder in /opt/ml/input/data"
            yield channel.finding(message, "ChannelName", hint="use another name")


def _compressed_channel(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        mode = input_mode(job, channel)
        if channel.get("CompressionType") == "Gzip" and mode in ("File", "FastFile"):
            message = (
                f"channel {channel.get('ChannelName')!r} is read in {mode} mode, which does not support Gzip"
            )
            yield channel.finding(message, "CompressionType", hint="only Pipe mode decompresses")


def _augmented_manifest(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        source = channel.part("DataSource", "S3DataSource")
        if source.get("S3DataType") != "AugmentedManifestFile":
            continue
        mode = input_mode(job, channel)
        if mode in ("File", "FastFile"):
            message = f"an augmented manifest is read in Pipe mode only, not in {mode} mode"
            yield source.finding(message, "S3DataType", hint="set the input mode of the channel to Pipe")


def _manifest_attributes(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        source = channel.part("DataSource", "S3DataSource")
        if source.get("S3DataType") == "AugmentedManifestFile" and not source.given("AttributeNames"):
            yield source.finding("an augmented manifest needs AttributeNames", "AttributeNames")


def _record_wrapper(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        if channel.get("RecordWrapperType") == "RecordIO" and input_mode(job, channel) == "File":
            message = "RecordWrapperType RecordIO cannot be used in File mode"
            yield channel.finding(message, "RecordWrapperType", hint="leave it out, or use Pipe mode")


def _one_source(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        source = channel.part("DataSource")
        given = [name for name in source.data if source.given(name)]
        if len(given) != 1 and channel.get("DataSource") is not UNKNOWN:
            found = " and ".join(given) or "none"
            yield channel.finding(f"a channel has one data source, this one has {found}", "DataSource")


def _file_system_in_vpc(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        if channel.given("DataSource", "FileSystemDataSource") and not job.given("VpcConfig"):
            yield channel.finding(
                "a file system is reached from a VPC only, and the job has no VpcConfig",
                "DataSource",
                "FileSystemDataSource",
                hint="give subnets and security groups",
            )


def _instance_group_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    groups = [group.get("InstanceGroupName") for group in job.items("ResourceConfig", "InstanceGroups")]
    channels = list(job.items("InputDataConfig"))
    names = [channel.get("DataSource", "S3DataSource", "InstanceGroupNames") for channel in channels]
    if any(names) and not all(names):
        channel = channels[[bool(name) for name in names].index(False)]
        message = "some channels name instance groups and this one does not: name them for all, or for none"
        yield channel.finding(message, "DataSource", "S3DataSource", "InstanceGroupNames")
    for channel, chosen in zip(channels, names, strict=True):
        for name in chosen if isinstance(chosen, list) else ():
            if isinstance(name, str) and name not in groups and UNKNOWN not in groups:
                message = f"unknown instance group {name!r}"
                yield channel.finding(message, "DataSource", "S3DataSource", "InstanceGroupNames")


def _channels(*channels: dict[str, Any]) -> dict[str, Any]:
    return {"InputDataConfig": list(channels)}


def _channel(**members: Any) -> dict[str, Any]:
    return _channels({**_CHANNEL, **members})


def _s3(**members: Any) -> dict[str, Any]:
    source = {**_CHANNEL["DataSource"]["S3DataSource"], **members}  # type: ignore[index]
    return {"DataSource": {"S3DataSource": source}}


_GROUPS = {
    "InstanceType": None,
    "InstanceCount": None,
    "InstanceGroups": [{"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "InstanceGroupName": "main"}],
}


RULES = (
    Rule(
        id="training.channel-name",
        summary="Channels have different names, each of which can name a folder",
        source="botocore, Channel: each is the folder of its name below /opt/ml/input/data",
        shapes=TRAINING_JOBS,
        check=all_of(unique("InputDataConfig", "ChannelName"), _folder_names),
        obeys=_channels(_CHANNEL, {**_CHANNEL, "ChannelName": "test"}),
        breaks=_channels(_CHANNEL, _CHANNEL),
    ),
    Rule(
        id="training.gzip-mode",
        summary="A channel with CompressionType Gzip is read in Pipe mode",
        source="Answer of the service, quoted in sagemaker-python-sdk issue 716; botocore, Channel.CompressionType",
        shapes=TRAINING_JOBS,
        check=_compressed_channel,
        severity="warning",
        obeys=_channel(CompressionType="Gzip", InputMode="Pipe"),
        breaks=_channel(CompressionType="Gzip"),
    ),
    Rule(
        id="training.manifest-mode",
        summary="An augmented manifest is read in Pipe mode",
        source="botocore, S3DataSource.S3DataType and TrainingInputMode",
        shapes=TRAINING_JOBS,
        check=_augmented_manifest,
        obeys=_channel(**_s3(S3DataType="AugmentedManifestFile", AttributeNames=["a"]), InputMode="Pipe"),
        breaks=_channel(**_s3(S3DataType="AugmentedManifestFile", AttributeNames=["a"])),
    ),
    Rule(
        id="training.manifest-attributes",
        summary="An augmented manifest needs AttributeNames",
        source=f"{DEVELOPER_GUIDE}, augmented-manifest",
        shapes=TRAINING_JOBS,
        check=_manifest_attributes,
        severity="warning",
        obeys=_channel(**_s3(S3DataType="AugmentedManifestFile", AttributeNames=["a"]), InputMode="Pipe"),
        breaks=_channel(**_s3(S3DataType="AugmentedManifestFile"), InputMode="Pipe"),
    ),
    Rule(
        id="training.record-wrapper",
        summary="RecordWrapperType RecordIO is not for File mode",
        source="botocore, Channel.RecordWrapperType",
        shapes=TRAINING_JOBS,
        check=_record_wrapper,
        severity="warning",
        obeys=_channel(RecordWrapperType="RecordIO", InputMode="Pipe"),
        breaks=_channel(RecordWrapperType="RecordIO"),
    ),
    Rule(
        id="training.data-source",
        summary="A channel has one data source",
        source="botocore, DataSource: its members are alternatives",
        shapes=TRAINING_JOBS,
        check=_one_source,
        severity="warning",
        obeys=_channel(),
        breaks=_channel(DataSource={}),
    ),
    Rule(
        id="training.file-system-vpc",
        summary="A channel on a file system needs VpcConfig",
        source=f"{DEVELOPER_GUIDE}, model-access-training-data",
        shapes=TRAINING_JOBS,
        check=_file_system_in_vpc,
        obeys={**_channel(DataSource={"FileSystemDataSource": _EFS}), "VpcConfig": VPC},
        breaks=_channel(DataSource={"FileSystemDataSource": _EFS}),
    ),
    Rule(
        id="training.instance-group-names",
        summary="All channels name instance groups that exist, or none does",
        source="Answer of the service, quoted in sagemaker-python-sdk issue 6089; botocore, InstanceGroup",
        shapes=TRAINING_JOB,
        check=all_of(
            _instance_group_names, inside("ResourceConfig", unique("InstanceGroups", "InstanceGroupName"))
        ),
        obeys={
            **_channel(**_s3(InstanceGroupNames=["main"])),
            "ResourceConfig": _GROUPS,
        },
        breaks={
            **_channel(**_s3(InstanceGroupNames=["other"])),
            "ResourceConfig": _GROUPS,
        },
    ),
)
