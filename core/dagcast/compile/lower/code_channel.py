"""The channel that brings a script into a container without network.

Source: ``estimator.py`` and ``job.py`` of the SageMaker Python SDK 2.257.7.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dagcast.compile.spec.edit import is_default, put, value_at, with_origin
from dagcast.compile.spec.pipeline import Origin, StepSpec
from dagcast.errors import DiagnosticSink, Location
from dagcast.paths import FieldPath

CODE_CHANNEL = "code"
"""The channel that provides code to a container without network. Source: ``EstimatorBase.code_channel_name``."""

_CHANNEL_PATH = f"/opt/ml/input/data/{CODE_CHANNEL}"
_SUBMIT_DIRECTORY = "sagemaker_submit_directory"
_ISOLATED = Origin("default", detail="network isolation: a channel brings the code")

LocateField = Callable[[str, FieldPath], Location | None]
"""Returns the location of a step's field. Arguments: the step's name, and the path in the step's config."""


def add_code_channel(
    step: StepSpec, job: FieldPath, parameters: str, sink: DiagnosticSink, locate: LocateField
) -> StepSpec:
    """Provide the code of a script in a channel if its container has no network.

    A container without network cannot download the code from S3. The channel also works with network. It is therefore
    also used if network isolation is a reference. Source: ``EstimatorBase._prepare_for_training`` of SDK 2.257.7.
    """
    place = (*job, parameters, _SUBMIT_DIRECTORY)
    isolated = value_at(step, (*job, "EnableNetworkIsolation"), False)
    if isolated is False or not is_default(step, place):
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
    step = with_origin(step, (*job, "InputDataConfig", len(channels)), _ISOLATED)
    return with_origin(step, place, _ISOLATED)


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
