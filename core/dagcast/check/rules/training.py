"""Rules of training jobs, by themselves or inside a tuning job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import (
    all_of,
    at_most,
    excluded_by,
    excludes,
    inside,
    unique,
)
from dagcast.check.rules.request_body import UNKNOWN, Finding, PartialText, RequestBody, starts_with
from dagcast.check.rules.rule import TRAINING_JOBS, PipelineFacts, Rule
from dagcast.sagemaker.instances import has_local_storage

_GUIDE = "SageMaker Developer Guide"
_ISOLATED = {"EnableNetworkIsolation": True}
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
_VPC = {"Subnets": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}
_LONGEST_RUN = 2_419_200


def hyperparameters(job: RequestBody) -> RequestBody:
    """Return the hyperparameters of a training job; those of a definition in a tuning job are the static ones."""
    return job.part("HyperParameters" if job.given("HyperParameters") else "StaticHyperParameters")


def input_mode(job: RequestBody, channel: RequestBody) -> Any:
    """Return how a channel is read: its own mode, else that of the job."""
    return channel.get("InputMode") or job.get("AlgorithmSpecification", "TrainingInputMode")


def _isolated_script(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.get("EnableNetworkIsolation") is not True:
        return
    values = hyperparameters(job)
    archive = values.get("sagemaker_submit_directory")
    if starts_with(_unquoted(archive), "s3://"):
        yield values.finding(
            "the container has no network, so it cannot fetch its script from S3",
            "sagemaker_submit_directory",
            hint="bring the archive by a channel, and name its path below /opt/ml/input/data",
        )


def _unquoted(value: Any) -> Any:
    """Return a hyperparameter without the quotes that script mode puts around texts."""
    if isinstance(value, PartialText):
        return PartialText(value.start.removeprefix('"'), value.end.removesuffix('"'))
    return value.strip('"') if isinstance(value, str) else value


def _spot_needs_wait(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    stopping = job.part("StoppingCondition")
    if job.get("EnableManagedSpotTraining") is True and not stopping.given("MaxWaitTimeInSeconds"):
        least = stopping.number("MaxRuntimeInSeconds")
        value = f", at least MaxRuntimeInSeconds ({least:,})" if least is not None else ""
        message = f"MaxWaitTimeInSeconds is missing: spot training needs it{value}"
        yield stopping.finding(message, "MaxWaitTimeInSeconds")


def _wait_covers_runtime(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    stopping = job.part("StoppingCondition")
    wait, runtime = stopping.number("MaxWaitTimeInSeconds"), stopping.number("MaxRuntimeInSeconds")
    # The service's own default. Source: botocore, StoppingCondition.MaxRuntimeInSeconds.
    if wait is not None and runtime is None and not stopping.given("MaxRuntimeInSeconds"):
        runtime = 86_400
    if wait is not None and runtime is not None and wait < runtime:
        message = f"MaxWaitTimeInSeconds is {wait:,}, less than MaxRuntimeInSeconds, which is {runtime:,}"
        yield stopping.finding(message, "MaxWaitTimeInSeconds", hint="the wait includes the run")


def _wait_needs_spot(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    spot = job.get("EnableManagedSpotTraining")
    if spot in (None, False) and job.given("StoppingCondition", "MaxWaitTimeInSeconds"):
        message = "MaxWaitTimeInSeconds is for spot training, which is off"
        hint = "set EnableManagedSpotTraining, or leave the wait out"
        yield job.finding(message, "StoppingCondition", "MaxWaitTimeInSeconds", hint=hint)


def _machines(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if job.given("ServerlessJobConfig"):
        return
    resources = job.part("ResourceConfig")
    tuning = job.given("HyperParameterTuningResourceConfig")
    named = any(map(resources.given, ("InstanceType", "InstanceGroups", "InstancePreferences")))
    if not named and not tuning and job.get("ResourceConfig") is not UNKNOWN:
        yield resources.finding("no instance type is given", "InstanceType")
    elif resources.get("InstanceCount") == 0 and not isinstance(resources.get("InstanceCount"), bool):
        yield resources.finding("InstanceCount is 0, at least 1 is needed", "InstanceCount")


def _compressed_channel(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for channel in job.items("InputDataConfig"):
        mode = input_mode(job, channel)
        if channel.get("CompressionType") == "Gzip" and mode in ("File", "FastFile"):
            message = f"channel {channel.get('ChannelName')!r} is read in {mode} mode, which takes no Gzip"
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
                message = f"there is no instance group {name!r}"
                yield channel.finding(message, "DataSource", "S3DataSource", "InstanceGroupNames")


def _metric_patterns_compile(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for metric in job.items("AlgorithmSpecification", "MetricDefinitions"):
        regex = metric.text("Regex")
        try:
            re.compile(regex or "")
        except re.error as error:
            yield metric.finding(f"the regex of metric {metric.get('Name')!r} is invalid: {error}", "Regex")


def _metric_patterns_capture(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for metric in job.items("AlgorithmSpecification", "MetricDefinitions"):
        regex = metric.text("Regex")
        try:
            groups = re.compile(regex).groups if regex is not None else 1
        except re.error:
            continue
        if not groups:
            yield metric.finding(
                f"the regex of metric {metric.get('Name')!r} has no group, so it never yields a value",
                "Regex",
                hint="put the number into parentheses, such as 'auc=([0-9.]+)'",
            )


def _checkpoint_path(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    path = job.text("CheckpointConfig", "LocalPath")
    for taken in ("/opt/ml/input", "/opt/ml/output", "/opt/ml/model", "/opt/ml/code"):
        if path is not None and (path.rstrip("/") == taken or path.startswith(f"{taken}/")):
            message = f"checkpoints cannot be kept in {taken}, which the container uses itself"
            yield job.finding(message, "CheckpointConfig", "LocalPath", hint="such as /opt/ml/checkpoints")


def _no_isolation_image(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    image = job.text("AlgorithmSpecification", "TrainingImage") or ""
    name = image.rpartition("/")[2]
    if job.get("EnableNetworkIsolation") is True and re.match(
        r"sagemaker-(chainer|rl-|mxnet-rl|tensorflow-rl)", name
    ):
        message = f"the image {name!r} does not support network isolation"
        yield job.finding(message, "EnableNetworkIsolation")


def _express_bucket_key(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    output = job.part("OutputDataConfig")
    bucket = (output.text("S3OutputPath") or "").removeprefix("s3://").partition("/")[0]
    if output.given("KmsKeyId") and bucket.endswith("--x-s3"):
        message = f"a KMS key cannot be used with the S3 Express One Zone bucket {bucket!r}"
        yield output.finding(message, "KmsKeyId")


def _private_registry(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    image = job.part("AlgorithmSpecification", "TrainingImageConfig")
    mode = image.get("TrainingRepositoryAccessMode")
    if mode == "Vpc" and not job.given("VpcConfig"):
        message = "an image from a registry in a VPC needs VpcConfig"
        yield image.finding(message, "TrainingRepositoryAccessMode")
    if mode == "Platform" and image.given("TrainingRepositoryAuthConfig"):
        message = "TrainingRepositoryAuthConfig is for TrainingRepositoryAccessMode Vpc only"
        yield image.finding(message, "TrainingRepositoryAuthConfig")


def preference_counts(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    """Yield what is wrong with the counts of a cluster that has InstancePreferences."""
    counts = [item.given("InstanceCount") for item in cluster.items("InstancePreferences")]
    if not counts:
        return
    if any(counts) and cluster.given("InstanceCount"):
        message = "InstanceCount is on the cluster and on its InstancePreferences: give it in one place"
        yield cluster.finding(message, "InstanceCount")
    elif any(counts) and not all(counts):
        at = counts.index(False)
        message = "some InstancePreferences have an InstanceCount and this one has none"
        yield cluster.finding(message, "InstancePreferences", at, "InstanceCount")
    elif not any(counts) and not cluster.given("InstanceCount"):
        message = "InstancePreferences need an InstanceCount, on the cluster or on each of them"
        yield cluster.finding(message, "InstanceCount")


def _local_storage_key(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for name in ("ResourceConfig", "HyperParameterTuningResourceConfig"):
        yield from local_storage_key(
            job.part(name), "InstanceGroups", "InstancePreferences", "InstanceConfigs"
        )


def local_storage_key(cluster: RequestBody, *choices: str) -> Iterator[Finding]:
    """Yield what is wrong with a volume's key beside machines that have local storage.

    Args:
        cluster: What has ``InstanceType`` and ``VolumeKmsKeyId``.
        choices: Members that list further machines. The key is wrong if each of them has local storage.
    """
    if not cluster.given("VolumeKmsKeyId"):
        return
    types = [cluster.get("InstanceType")]
    types += [item.get("InstanceType") for name in choices for item in cluster.items(name)]
    named = [kind for kind in types if kind is not None]
    if named and all(isinstance(kind, str) and has_local_storage(kind) for kind in named):
        yield cluster.finding(
            f"VolumeKmsKeyId cannot be given for {named[0]}, which has local storage",
            "VolumeKmsKeyId",
            hint="leave the key out: local storage is encrypted by the machine itself",
        )


def _mixed_storage_key(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    for name in ("ResourceConfig", "HyperParameterTuningResourceConfig"):
        cluster = job.part(name)
        if not cluster.given("VolumeKmsKeyId"):
            continue
        for choices in ("InstanceGroups", "InstancePreferences", "InstanceConfigs"):
            types = [kind for item in cluster.items(choices) if (kind := item.text("InstanceType"))]
            local = [kind for kind in types if has_local_storage(kind)]
            if local and len(local) < len(types):
                message = f"VolumeKmsKeyId does not apply to {local[0]}, which has local storage"
                yield cluster.finding(message, "VolumeKmsKeyId")


def _rule_names(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    seen: set[str] = set()
    for member in ("DebugRuleConfigurations", "ProfilerRuleConfigurations"):
        for item in job.items(member):
            name = item.text("RuleConfigurationName")
            if name in seen:
                yield item.finding(f"a second rule is named {name!r}", "RuleConfigurationName")
            if name is not None:
                seen.add(name)


_INTERVALS = (100, 200, 500, 1000, 5000, 60000)


def _profiling_interval(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    value = job.number("ProfilerConfig", "ProfilingIntervalInMilliseconds")
    if value is not None and value not in _INTERVALS:
        known = ", ".join(map(str, _INTERVALS))
        message = f"ProfilingIntervalInMilliseconds is {value:,}, expected one of {known}"
        yield job.finding(message, "ProfilerConfig", "ProfilingIntervalInMilliseconds")


def read_only_members(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    """Yield the members that only the service writes."""
    for member in ("SelectedInstanceType", "SelectedInstanceCount"):
        if cluster.given(member):
            yield cluster.finding(f"{member} is an answer of the service, not a choice", member)


def _repeated_preference(cluster: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from unique("InstancePreferences", "InstanceType")(cluster, facts)


def _algorithm_or_image(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    specification = job.part("AlgorithmSpecification")
    if job.given("ServerlessJobConfig") or job.get("AlgorithmSpecification") is UNKNOWN:
        return
    if not specification.given("TrainingImage") and not specification.given("AlgorithmName"):
        yield specification.finding("neither TrainingImage nor AlgorithmName is given", "TrainingImage")


def _groups(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    yield from excludes("InstanceGroups", "InstanceType", "InstanceCount")(job.part("ResourceConfig"), facts)


def _channels(*channels: dict[str, Any]) -> dict[str, Any]:
    return {"InputDataConfig": list(channels)}


def _channel(**members: Any) -> dict[str, Any]:
    return _channels({**_CHANNEL, **members})


def _s3(**members: Any) -> dict[str, Any]:
    source = {**_CHANNEL["DataSource"]["S3DataSource"], **members}  # type: ignore[index]
    return {"DataSource": {"S3DataSource": source}}


def _stopping(**members: Any) -> dict[str, Any]:
    return {"StoppingCondition": members}


def _resources(**members: Any) -> dict[str, Any]:
    return {"ResourceConfig": members}


def _metrics(*metrics: dict[str, str]) -> dict[str, Any]:
    return {"AlgorithmSpecification": {"MetricDefinitions": list(metrics)}}


def _preferences(*preferences: dict[str, Any], **members: Any) -> dict[str, Any]:
    unset = {"InstanceType": None, "InstanceCount": None}
    return _resources(**{**unset, **members}, InstancePreferences=list(preferences))


_ONE = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}
_TWO = {"InstanceType": "ml.m5.2xlarge", "InstanceCount": 1}
_BARE = {"InstanceType": "ml.m5.4xlarge"}
_GROUP = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "InstanceGroupName": "main"}
_AUC = {"Name": "auc", "Regex": "auc=(.*?);"}
_TRAINING_JOB = ("CreateTrainingJobRequest",)

RULES = (
    Rule(
        id="training.isolated-script",
        summary="A training job with network isolation gets its script by a channel, not from S3",
        source=f"{_GUIDE}, mkt-algo-model-internet-free; SageMaker Python SDK 2.257, Framework.hyperparameters",
        shapes=("CreateTrainingJobRequest",),
        check=_isolated_script,
        obeys={
            **_ISOLATED,
            "HyperParameters": {"sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'},
        },
        breaks={
            **_ISOLATED,
            "HyperParameters": {"sagemaker_submit_directory": '"s3://my-bucket/code.tar.gz"'},
        },
    ),
    Rule(
        id="tuning.isolated-script",
        summary="The training jobs of a tuning job with network isolation get their script by a channel, not from S3",
        source=f"{_GUIDE}, mkt-algo-model-internet-free",
        shapes=("HyperParameterTrainingJobDefinition",),
        check=_isolated_script,
        obeys={
            **_ISOLATED,
            "StaticHyperParameters": {
                "sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'
            },
        },
        breaks={
            **_ISOLATED,
            "StaticHyperParameters": {"sagemaker_submit_directory": '"s3://my-bucket/code.tar.gz"'},
        },
    ),
    Rule(
        id="training.spot-wait",
        summary="Spot training needs MaxWaitTimeInSeconds",
        source=f"{_GUIDE}, model-managed-spot-training",
        shapes=TRAINING_JOBS,
        check=_spot_needs_wait,
        obeys={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=7200)},
        breaks={"EnableManagedSpotTraining": True},
    ),
    Rule(
        id="training.wait-below-runtime",
        summary="MaxWaitTimeInSeconds is at least MaxRuntimeInSeconds",
        source="botocore, StoppingCondition.MaxWaitTimeInSeconds",
        shapes=TRAINING_JOBS,
        check=_wait_covers_runtime,
        obeys={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=3600)},
        breaks={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=3599)},
    ),
    Rule(
        id="training.wait-without-spot",
        summary="MaxWaitTimeInSeconds is for spot training alone",
        source="Answer of the service, quoted in amazon-sagemaker-examples issue 869",
        shapes=TRAINING_JOBS,
        check=_wait_needs_spot,
        obeys={"EnableManagedSpotTraining": True, **_stopping(MaxWaitTimeInSeconds=7200)},
        breaks=_stopping(MaxWaitTimeInSeconds=7200),
    ),
    Rule(
        id="training.no-machine",
        summary="A training job names its machines, at least one of them",
        source="botocore, ResourceConfig.InstancePreferences and InstanceCount; sagemaker-python-sdk pull request 5564",
        shapes=TRAINING_JOBS,
        check=_machines,
        obeys=_resources(InstanceType="ml.m5.large"),
        breaks=_resources(InstanceType=None),
    ),
    Rule(
        id="training.local-storage-key",
        summary="VolumeKmsKeyId is not for machines with local storage",
        source="botocore, ResourceConfig.VolumeKmsKeyId",
        shapes=TRAINING_JOBS,
        check=_local_storage_key,
        obeys=_resources(VolumeKmsKeyId="alias/ml"),
        breaks=_resources(InstanceType="ml.g5.xlarge", VolumeKmsKeyId="alias/ml"),
    ),
    Rule(
        id="training.mixed-storage-key",
        summary="VolumeKmsKeyId does not apply to those machines of a cluster that have local storage",
        source="botocore, ResourceConfig.VolumeKmsKeyId",
        shapes=_TRAINING_JOB,
        check=_mixed_storage_key,
        severity="warning",
        obeys=_preferences(_ONE, _TWO, VolumeKmsKeyId="alias/ml"),
        breaks=_preferences(
            _ONE, {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}, VolumeKmsKeyId="alias/ml"
        ),
    ),
    Rule(
        id="training.groups-and-type",
        summary="InstanceGroups exclude InstanceType and InstanceCount",
        source="Answer of the service, quoted in sagemaker-python-sdk pull request 5564",
        shapes=_TRAINING_JOB,
        check=_groups,
        obeys=_resources(InstanceType=None, InstanceCount=None, InstanceGroups=[_GROUP]),
        breaks=_resources(InstanceGroups=[_GROUP]),
    ),
    Rule(
        id="training.preference-count",
        summary="InstanceCount is on every preference or on the cluster, not on both",
        source="botocore, InstancePreference.InstanceCount",
        shapes=_TRAINING_JOB,
        check=inside("ResourceConfig", preference_counts),
        obeys=_preferences(_ONE, _TWO),
        breaks=_preferences(_ONE, _BARE),
    ),
    Rule(
        id="training.repeated-preference",
        summary="Each instance type stands once among the InstancePreferences",
        source="botocore, InstancePreference.InstanceType",
        shapes=_TRAINING_JOB,
        check=inside("ResourceConfig", _repeated_preference),
        obeys=_preferences(_ONE, _TWO),
        breaks=_preferences(_ONE, _ONE),
    ),
    Rule(
        id="training.preferences-exclude",
        summary="InstancePreferences exclude an instance type, groups, placement and spot training",
        source="botocore, ResourceConfig.InstancePreferences",
        shapes=_TRAINING_JOB,
        check=all_of(
            inside(
                "ResourceConfig",
                excludes("InstancePreferences", "InstanceType", "InstanceGroups", "InstancePlacementConfig"),
            ),
            excluded_by(("ResourceConfig", "InstancePreferences"), "EnableManagedSpotTraining", True),
        ),
        obeys=_preferences(_ONE),
        breaks=_preferences(_ONE, InstanceType="ml.m5.xlarge"),
    ),
    Rule(
        id="training.read-only-member",
        summary="SelectedInstanceType and SelectedInstanceCount are answers of the service",
        source="botocore, ResourceConfig.SelectedInstanceType",
        shapes=_TRAINING_JOB,
        check=inside("ResourceConfig", read_only_members),
        obeys={},
        breaks=_resources(SelectedInstanceCount=1),
    ),
    Rule(
        id="training.warm-pool",
        summary="KeepAlivePeriodInSeconds is neither for spot training nor for instance groups",
        source=f"{_GUIDE}, train-warm-pools, Considerations",
        shapes=_TRAINING_JOB,
        check=all_of(
            inside("ResourceConfig", excludes("KeepAlivePeriodInSeconds", "InstanceGroups")),
            excluded_by(("ResourceConfig", "KeepAlivePeriodInSeconds"), "EnableManagedSpotTraining", True),
        ),
        obeys=_resources(KeepAlivePeriodInSeconds=600),
        breaks={
            **_resources(KeepAlivePeriodInSeconds=600),
            "EnableManagedSpotTraining": True,
            **_stopping(MaxWaitTimeInSeconds=7200),
        },
    ),
    Rule(
        id="training.channel-name",
        summary="Channels have different names",
        source="botocore, Channel: each is the folder of its name below /opt/ml/input/data",
        shapes=TRAINING_JOBS,
        check=unique("InputDataConfig", "ChannelName"),
        obeys=_channels(_CHANNEL, {**_CHANNEL, "ChannelName": "test"}),
        breaks=_channels(_CHANNEL, _CHANNEL),
    ),
    Rule(
        id="training.metric-name",
        summary="Metrics have different names",
        source="botocore, MetricDefinition.Name",
        shapes=TRAINING_JOBS,
        check=inside("AlgorithmSpecification", unique("MetricDefinitions", "Name")),
        severity="warning",
        obeys=_metrics(_AUC, {**_AUC, "Name": "loss"}),
        breaks=_metrics(_AUC, _AUC),
    ),
    Rule(
        id="training.metric-regex",
        summary="The regex of a metric is valid",
        source="botocore, MetricDefinition.Regex",
        shapes=TRAINING_JOBS,
        check=_metric_patterns_compile,
        severity="warning",
        obeys=_metrics(_AUC),
        breaks=_metrics({"Name": "auc", "Regex": "auc=(.*"}),
    ),
    Rule(
        id="training.metric-group",
        summary="The regex of a metric captures its number in a group",
        source=f"{_GUIDE}, training-metrics",
        shapes=TRAINING_JOBS,
        check=_metric_patterns_capture,
        severity="warning",
        obeys=_metrics(_AUC),
        breaks=_metrics({"Name": "auc", "Regex": "auc=.*"}),
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
        source=f"{_GUIDE}, augmented-manifest",
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
        source=f"{_GUIDE}, model-access-training-data",
        shapes=TRAINING_JOBS,
        check=_file_system_in_vpc,
        obeys={**_channel(DataSource={"FileSystemDataSource": _EFS}), "VpcConfig": _VPC},
        breaks=_channel(DataSource={"FileSystemDataSource": _EFS}),
    ),
    Rule(
        id="training.instance-group-names",
        summary="All channels name instance groups that exist, or none does",
        source="Answer of the service, quoted in sagemaker-python-sdk issue 6089; botocore, InstanceGroup",
        shapes=_TRAINING_JOB,
        check=all_of(
            _instance_group_names, inside("ResourceConfig", unique("InstanceGroups", "InstanceGroupName"))
        ),
        obeys={
            **_channel(**_s3(InstanceGroupNames=["main"])),
            **_resources(InstanceType=None, InstanceCount=None, InstanceGroups=[_GROUP]),
        },
        breaks={
            **_channel(**_s3(InstanceGroupNames=["other"])),
            **_resources(InstanceType=None, InstanceCount=None, InstanceGroups=[_GROUP]),
        },
    ),
    Rule(
        id="training.checkpoint-path",
        summary="Checkpoints are kept outside of /opt/ml/input, output, model and code",
        source=f"{_GUIDE}, model-checkpoints",
        shapes=TRAINING_JOBS,
        check=_checkpoint_path,
        severity="warning",
        obeys={"CheckpointConfig": {"S3Uri": "s3://my-bucket/c", "LocalPath": "/opt/ml/checkpoints"}},
        breaks={"CheckpointConfig": {"S3Uri": "s3://my-bucket/c", "LocalPath": "/opt/ml/model/c"}},
    ),
    Rule(
        id="training.isolation-image",
        summary="The Chainer and reinforcement learning images do not support network isolation",
        source=f"{_GUIDE}, mkt-algo-model-internet-free",
        shapes=TRAINING_JOBS,
        check=_no_isolation_image,
        obeys=_ISOLATED,
        breaks={
            **_ISOLATED,
            "AlgorithmSpecification": {
                "TrainingImage": "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-chainer:5.0.0-cpu-py3"
            },
        },
    ),
    Rule(
        id="training.algorithm",
        summary="A training job has TrainingImage or AlgorithmName",
        source="botocore, AlgorithmSpecification.AlgorithmName",
        shapes=TRAINING_JOBS,
        check=_algorithm_or_image,
        obeys={},
        breaks={"AlgorithmSpecification": {"TrainingImage": None}},
    ),
    Rule(
        id="training.image-and-algorithm",
        summary="TrainingImage and AlgorithmName exclude each other",
        source="botocore, AlgorithmSpecification.AlgorithmName",
        shapes=TRAINING_JOBS,
        check=inside("AlgorithmSpecification", excludes("AlgorithmName", "TrainingImage")),
        severity="warning",
        obeys={"AlgorithmSpecification": {"TrainingImage": None, "AlgorithmName": "mine"}},
        breaks={"AlgorithmSpecification": {"AlgorithmName": "mine"}},
    ),
    Rule(
        id="training.private-registry",
        summary="An image from a registry in a VPC needs VpcConfig, and only such a registry takes credentials",
        source="botocore, TrainingImageConfig.TrainingRepositoryAccessMode, TrainingRepositoryAuthConfig",
        shapes=_TRAINING_JOB,
        check=_private_registry,
        obeys={
            "AlgorithmSpecification": {"TrainingImageConfig": {"TrainingRepositoryAccessMode": "Vpc"}},
            "VpcConfig": _VPC,
        },
        breaks={"AlgorithmSpecification": {"TrainingImageConfig": {"TrainingRepositoryAccessMode": "Vpc"}}},
    ),
    Rule(
        id="training.runtime",
        summary="A training job runs for at most 28 days",
        source="botocore, StoppingCondition.MaxRuntimeInSeconds",
        shapes=TRAINING_JOBS,
        check=at_most(("StoppingCondition", "MaxRuntimeInSeconds"), _LONGEST_RUN, "seconds (28 days)"),
        obeys=_stopping(MaxRuntimeInSeconds=_LONGEST_RUN),
        breaks=_stopping(MaxRuntimeInSeconds=_LONGEST_RUN + 1),
    ),
    Rule(
        id="training.express-bucket-key",
        summary="KmsKeyId is not for outputs in an S3 Express One Zone bucket",
        source="botocore, OutputDataConfig.KmsKeyId",
        shapes=TRAINING_JOBS,
        check=_express_bucket_key,
        severity="warning",
        obeys={"OutputDataConfig": {"KmsKeyId": "alias/ml"}},
        breaks={
            "OutputDataConfig": {"S3OutputPath": "s3://models--use1-az4--x-s3/out", "KmsKeyId": "alias/ml"}
        },
    ),
    Rule(
        id="training.rule-name",
        summary="Debugger and profiler rules have different names",
        source="botocore, DebugRuleConfiguration.RuleConfigurationName",
        shapes=_TRAINING_JOB,
        check=_rule_names,
        obeys={"DebugRuleConfigurations": [{"RuleConfigurationName": "a", "RuleEvaluatorImage": "i"}]},
        breaks={
            "DebugRuleConfigurations": [
                {"RuleConfigurationName": "a", "RuleEvaluatorImage": "i"},
                {"RuleConfigurationName": "a", "RuleEvaluatorImage": "i"},
            ]
        },
    ),
    Rule(
        id="training.profiling-interval",
        summary="ProfilingIntervalInMilliseconds is 100, 200, 500, 1000, 5000 or 60000",
        source="botocore, ProfilerConfig.ProfilingIntervalInMilliseconds",
        shapes=_TRAINING_JOB,
        check=_profiling_interval,
        obeys={
            "ProfilerConfig": {"S3OutputPath": "s3://my-bucket/p", "ProfilingIntervalInMilliseconds": 500}
        },
        breaks={
            "ProfilerConfig": {"S3OutputPath": "s3://my-bucket/p", "ProfilingIntervalInMilliseconds": 300}
        },
    ),
)
