"""Adapt what dagcast wrote unasked to the rest of a request.

Some members of a request exclude each other. The config, or a plugin after the steps were lowered, may set one that
dagcast's default excludes: then the default goes. What the user wrote is never changed.

Sources of the rules: botocore's documentation of the members; the code of the SageMaker Python SDK 2.257.7
(``estimator.py``, ``job.py``) for code that a channel brings.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dagcast.compile.lower.addresses import join_with_single_slashes, separate_destinations
from dagcast.compile.spec.edit import changed, has, put, remove, value_at
from dagcast.compile.spec.pipeline import Origin, PipelineSpec, StepSpec, freeze_origins
from dagcast.definition.references import Reference
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath
from dagcast.sagemaker.limits import DEFAULT_RUN_TIME_SECONDS

CODE_CHANNEL = "code"
"""The channel that brings code to a container without network. Source: ``EstimatorBase.code_channel_name``."""

_CHANNEL_PATH = f"/opt/ml/input/data/{CODE_CHANNEL}"
_SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_ISOLATED = Origin("default", detail="network isolation: a channel brings the code")

_Locate = Callable[[str, FieldPath], Location | None]
"""Gives the place of a field of a step: the step's name, and the path in the step's config."""


def adapt_pipeline(
    spec: PipelineSpec, sink: DiagnosticSink, locate: Callable[[FieldPath], Location]
) -> PipelineSpec:
    """Return the pipeline with defaults that agree with the rest of its requests.

    Adapting a pipeline a second time changes nothing.

    Args:
        spec: The pipeline.
        sink: Collects mistakes.
        locate: Gives the place of a value in the config.
    """

    def locate_field(step: str, path: FieldPath) -> Location | None:
        return locate(("steps", step, *path))

    adapted = tuple(_adapt(step, sink, locate_field) for step in spec.steps)
    spec = separate_destinations(replace(spec, steps=adapted))
    return join_with_single_slashes(spec, sink, lambda name: locate(("parameters", name)))


def _adapt(step: StepSpec, sink: DiagnosticSink, locate: _Locate) -> StepSpec:
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
    # The approval status is that of a version in a group. Source: botocore, CreateModelPackageInput.
    if step.step_type == "RegisterModel" and has(step, "ModelPackageName"):
        return _without_defaults(step, (), ("ModelApprovalStatus",))
    return step


def _adapt_training_job(step: StepSpec, job: FieldPath) -> StepSpec:
    """Adapt the machines and the time limit of a training job, which is at ``job`` in the request."""
    resources = (*job, "ResourceConfig")
    if value_at(step, (*resources, "InstanceGroups")):
        step = _without_defaults(step, resources, ("InstanceCount",))
    step = _adapt_instances(step, resources)
    if has(step, (*job, "ServerlessJobConfig")):
        # The service chooses the machines of a serverless job. Source: TrainingJob of the SDK 3 trainers, which send
        # neither a ResourceConfig nor an AlgorithmSpecification.
        step = _without_defaults(step, resources, ("InstanceCount", "VolumeSizeInGB"))
        if set(value_at(step, (*job, "AlgorithmSpecification"), ())) == {"TrainingInputMode"}:
            step = _without_defaults(step, (*job, "AlgorithmSpecification"), ("TrainingInputMode",))
    return _limit_run_time(step, (*job, "StoppingCondition"))


def _adapt_instances(step: StepSpec, resources: FieldPath) -> StepSpec:
    """Leave out the default instance count beside preferences that have counts of their own.

    Source: botocore, ``InstancePreference.InstanceCount``.
    """
    preferences = value_at(step, (*resources, "InstancePreferences"))
    if isinstance(preferences, tuple) and any(
        isinstance(item, dict) and "InstanceCount" in item for item in preferences
    ):
        return _without_defaults(step, resources, ("InstanceCount",))
    return step


def _limit_run_time(step: StepSpec, condition: FieldPath) -> StepSpec:
    """Keep the default run time within the time to wait for a spot instance.

    A wait that is a reference becomes the run time as well, since its value is unknown here. Source: botocore,
    ``StoppingCondition.MaxWaitTimeInSeconds``.
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
    step: StepSpec, job: FieldPath, parameters: str, sink: DiagnosticSink, locate: _Locate
) -> StepSpec:
    """Bring the code of a script by a channel if its container has no network.

    Without network the container cannot fetch the code from S3 itself. The channel works with network, too, so it is
    also used if only a start of the pipeline tells. Source: ``EstimatorBase._prepare_for_training`` of SDK 2.257.7.
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
    """Return the instance groups that the channels name: if one channel names some, every channel has to.

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
    """Leave out those members that nobody asked for, and what is around them if it holds nothing else."""
    for name in names:
        place = (*around, name)
        if has(step, place) and _is_default(step, place):
            step = remove(step, place)
    if around and value_at(step, around) == {}:
        step = remove(step, around)
    return step


def _is_default(step: StepSpec, place: FieldPath) -> bool:
    """Whether dagcast itself set the value at a place of the request."""
    path: FieldPath = ("Arguments", *place)
    for length in range(len(path), -1, -1):
        origin = step.origins.get(path[:length])
        if origin is not None:
            return origin.kind == "default"
    return False


def _with_origin(step: StepSpec, place: FieldPath, origin: Origin) -> StepSpec:
    return changed(step, origins=freeze_origins({**step.origins, ("Arguments", *place): origin}))
