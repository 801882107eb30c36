"""Adapt the defaults of a request to its other members.

Some members of a request exclude each other. The config may set a member that excludes a default of dagcast. A plugin
may do so after the steps were lowered. The default is then removed or changed. Values that the user set are never
changed.

Sources of the rules: botocore's documentation of the members, and the code of the SageMaker Python SDK 2.257.7
(``estimator.py``, ``job.py``) for code that a channel provides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dagcast.compile.lower.s3_addresses import join_with_single_slashes, separate_destinations
from dagcast.compile.spec.edit import has, put, remove, replace_fields, value_at
from dagcast.compile.spec.pipeline import Origin, PipelineSpec, StepSpec, freeze_origins
from dagcast.definition.references import Reference
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS

CODE_CHANNEL = "code"
"""The channel that provides code to a container without network. Source: ``EstimatorBase.code_channel_name``."""

_CHANNEL_PATH = f"/opt/ml/input/data/{CODE_CHANNEL}"
_SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_ISOLATED = Origin("default", detail="network isolation: a channel brings the code")

_LocateField = Callable[[str, FieldPath], Location | None]
"""Returns the location of a step's field. Arguments: the step's name, and the path in the step's config."""


def adapt_pipeline(
    spec: PipelineSpec, sink: DiagnosticSink, locate: Callable[[FieldPath], Location]
) -> PipelineSpec:
    """Return the pipeline with defaults that are compatible with the other members of its requests.

    The function is idempotent.

    Args:
        spec: The pipeline.
        sink: Collects diagnostics.
        locate: Returns the location of a value in the config.
    """

    def locate_field(step: str, path: FieldPath) -> Location | None:
        return locate(("steps", step, *path))

    adapted = tuple(_adapt(step, sink, locate_field) for step in spec.steps)
    spec = separate_destinations(replace(spec, steps=adapted))
    return join_with_single_slashes(spec, sink, lambda name: locate(("parameters", name)))


def _adapt(step: StepSpec, sink: DiagnosticSink, locate: _LocateField) -> StepSpec:
    if step.step_type == "Training":
        return _bring_code(_adapt_training_job(step, ()), (), "HyperParameters", sink, locate)
    if step.step_type == "Tuning":
        job = ("TrainingJobDefinition",)
        step = _adapt_training_job(step, job)
        if has(step, (*job, "HyperParameterTuningResourceConfig")):
            step = _without_defaults(step, (*job, "ResourceConfig"), ("InstanceCount", "VolumeSizeInGB"))
        return _bring_code(step, job, "StaticHyperParameters", sink, locate)
    if step.step_type == "Processing":
        return _adapt_instances(step, ("ProcessingResources", "ClusterConfig"))
    # Only a version in a group has an approval status. Source: botocore, CreateModelPackageInput.
    if step.step_type == "RegisterModel" and has(step, "ModelPackageName"):
        return _without_defaults(step, (), ("ModelApprovalStatus",))
    return step


def _adapt_training_job(step: StepSpec, job: FieldPath) -> StepSpec:
    """Adapt the instances and the maximum run time of the training job at path ``job`` of the request."""
    resources = (*job, "ResourceConfig")
    if value_at(step, (*resources, "InstanceGroups")):
        step = _without_defaults(step, resources, ("InstanceCount",))
    step = _adapt_instances(step, resources)
    if has(step, (*job, "ServerlessJobConfig")):
        # The service chooses the instances of a serverless job. Source: TrainingJob of the SDK 3 trainers, which send
        # neither a ResourceConfig nor an AlgorithmSpecification.
        step = _without_defaults(step, resources, ("InstanceCount", "VolumeSizeInGB"))
        if set(value_at(step, (*job, "AlgorithmSpecification"), ())) == {"TrainingInputMode"}:
            step = _without_defaults(step, (*job, "AlgorithmSpecification"), ("TrainingInputMode",))
    return _limit_run_time(step, (*job, "StoppingCondition"))


def _adapt_instances(step: StepSpec, resources: FieldPath) -> StepSpec:
    """Remove the default instance count if an instance preference has its own count.

    Source: botocore, ``InstancePreference.InstanceCount``.
    """
    preferences = value_at(step, (*resources, "InstancePreferences"))
    if isinstance(preferences, tuple) and any(
        isinstance(item, dict) and "InstanceCount" in item for item in preferences
    ):
        return _without_defaults(step, resources, ("InstanceCount",))
    return step


def _limit_run_time(step: StepSpec, condition: FieldPath) -> StepSpec:
    """Limit the default run time to the maximum wait time of a spot job, in seconds.

    A reference as wait time also becomes the run time, because its value is unknown at compile time. Source:
    botocore, ``StoppingCondition.MaxWaitTimeInSeconds``.
    """
    place = (*condition, "MaxRuntimeInSeconds")
    wait = value_at(step, (*condition, "MaxWaitTimeInSeconds"))
    if wait is None or not _is_default(step, place) or value_at(step, place) == wait:
        return step
    if isinstance(wait, Reference) or (isinstance(wait, int) and wait < DEFAULT_RUN_TIME_SECONDS):
        step = put(step, place, wait)
        return _with_origin(step, place, Origin("default", detail="as long as the wait for spot instances"))
    return step


def _bring_code(
    step: StepSpec, job: FieldPath, parameters: str, sink: DiagnosticSink, locate: _LocateField
) -> StepSpec:
    """Provide the code of a script in a channel if its container has no network.

    A container without network cannot download the code from S3. The channel also works with network. It is therefore
    also used if network isolation is a reference. Source: ``EstimatorBase._prepare_for_training`` of SDK 2.257.7.
    """
    place = (*job, parameters, _SUBMIT_DIRECTORY)
    isolated = value_at(step, (*job, "EnableNetworkIsolation"), False)
    if isolated is False or not _is_default(step, place):
        return step
    uri = _decoded(value_at(step, place))
    if uri is None or not uri.startswith("s3://"):
        return step
    channels = value_at(step, (*job, "InputDataConfig"), ())
    if not isinstance(channels, tuple):
        return step
    names = [channel.get("ChannelName") for channel in channels if isinstance(channel, dict)]
    if CODE_CHANNEL in names:
        sink.error(
            f"step {step.name!r}: two channels are named {CODE_CHANNEL!r}: the input, and the one that brings the "
            "script into a container without network",
            locate(step.name, ("inputs", CODE_CHANNEL)),
            code="code.reserved-input",
            hint="rename the input",
        )
        return step
    channel = _code_channel(
        uri, value_at(step, (*job, "AlgorithmSpecification", "TrainingInputMode")), channels
    )
    step = put(step, (*job, "InputDataConfig"), (*channels, channel))
    step = put(step, place, json.dumps(f"{_CHANNEL_PATH}/{uri.rpartition('/')[2]}"))
    step = _with_origin(step, (*job, "InputDataConfig", len(channels)), _ISOLATED)
    return _with_origin(step, place, _ISOLATED)


def _code_channel(uri: str, input_mode: Any, channels: tuple[Any, ...]) -> dict[str, Any]:
    source: dict[str, Any] = {
        "S3DataType": "S3Prefix",
        "S3Uri": uri,
        "S3DataDistributionType": "FullyReplicated",
    }
    groups = _instance_groups(channels)
    if groups:
        source["InstanceGroupNames"] = groups
    channel: dict[str, Any] = {"ChannelName": CODE_CHANNEL, "DataSource": {"S3DataSource": source}}
    if input_mode != "File":
        channel["InputMode"] = "File"  # The toolkit opens the archive as a file.
    return channel


def _instance_groups(channels: tuple[Any, ...]) -> list[Any]:
    """Return the instance groups of all channels. If one channel names instance groups, every channel must.

    Source: https://github.com/aws/sagemaker-python-sdk/issues/6089.
    """
    sources = [
        channel.get("DataSource", {}).get("S3DataSource", {})
        for channel in channels
        if isinstance(channel, dict) and isinstance(channel.get("DataSource"), dict)
    ]
    names = (
        name
        for source in sources
        if isinstance(source, dict)
        for name in source.get("InstanceGroupNames", ())
    )
    return list(dict.fromkeys(names))


def _decoded(text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _without_defaults(step: StepSpec, around: FieldPath, names: tuple[str, ...]) -> StepSpec:
    """Remove the members that have their default, and the enclosing mapping if it is then empty."""
    for name in names:
        place = (*around, name)
        if has(step, place) and _is_default(step, place):
            step = remove(step, place)
    if around and value_at(step, around) == {}:
        step = remove(step, around)
    return step


def _is_default(step: StepSpec, place: FieldPath) -> bool:
    """Whether the value at a path of the request is a default of dagcast."""
    path: FieldPath = ("Arguments", *place)
    for length in range(len(path), -1, -1):
        origin = step.origins.get(path[:length])
        if origin is not None:
            return origin.kind == "default"
    return False


def _with_origin(step: StepSpec, place: FieldPath, origin: Origin) -> StepSpec:
    return replace_fields(step, origins=freeze_origins({**step.origins, ("Arguments", *place): origin}))
