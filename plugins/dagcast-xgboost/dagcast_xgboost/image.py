"""The local image: what it stands for, and what the XGBoost images refuse."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from dagcast.local_images import UNKNOWN, Finding, LocalImage, RequestBody, did_you_mean
from dagcast_xgboost import hyperparameters
from dagcast_xgboost.content_types import (
    CSV,
    DEFAULT,
    LIBSVM,
    PARQUET,
    RECORDIO,
    ContentTypeError,
    read_content_type,
)
from dagcast_xgboost.selected_output import ACCEPTED, KEYS, selected_keys
from dagcast_xgboost.tags import ALL_TAGS

_CHANNELS = ("train", "validation", "code")


def check_training(tag: str, job: RequestBody) -> Iterator[Finding]:
    """Find what an image refuses in a training job: hyperparameters, channels and content types."""
    parameters = job.part("HyperParameters")
    given = {name: _text(value) for name, value in parameters.data.items()}
    for problem in hyperparameters.find_problems(tag, given):
        if problem.name is None:
            yield job.finding(problem.message, "HyperParameters")
        else:
            yield parameters.finding(problem.message, problem.name, hint=_hint(problem.name))
    channels = list(job.items("InputDataConfig"))
    names = [channel.get("ChannelName") for channel in channels]
    if "train" not in names and UNKNOWN not in names:
        yield job.finding("Missing required channel: train", "InputDataConfig")
    for channel, name in zip(channels, names, strict=True):
        if isinstance(name, str) and name not in _CHANNELS:
            known = ", ".join(_CHANNELS)
            yield channel.finding(f"Extraneous channel found: {name}", "ChannelName", hint=f"known: {known}")
        elif name != "code":
            yield from _check_channel_type(channel, given)


def _check_channel_type(channel: RequestBody, given: dict[str, Any]) -> Iterator[Finding]:
    text = channel.text("ContentType")
    if text is None:
        return
    try:
        kind = read_content_type(text)
    except ContentTypeError as error:
        yield channel.finding(str(error), "ContentType")
        return
    yield from _check_readable(channel, kind)
    if kind != CSV and given.get("csv_weights") == "1":
        # The images read weights from the second column of CSV alone, and say nothing.
        yield channel.finding(f"csv_weights is 1, and {text} has no column of weights", "ContentType")


def _check_readable(body: RequestBody, kind: str) -> Iterator[Finding]:
    if kind == RECORDIO:
        message = "recordio-protobuf is not read on this machine"
        yield body.finding(message, "ContentType", hint="use CSV, libsvm or parquet, or --runner docker")
    elif kind == PARQUET and find_spec("pyarrow") is None:
        yield body.finding("parquet needs pyarrow", "ContentType", hint="pip install pyarrow")


def check_serving(tag: str, transform: RequestBody) -> Iterator[Finding]:
    """Find what an image refuses in a batch transform: content types and selected output."""
    source = transform.part("TransformInput")
    text = source.text("ContentType")
    if text is not None:
        try:
            kind = read_content_type(text)
        except ContentTypeError as error:
            yield source.finding(str(error), "ContentType")
        else:
            if kind not in (CSV, LIBSVM, RECORDIO):
                yield source.finding(f"Content-type {text} is not supported.", "ContentType")
            else:
                yield from _check_readable(source, kind)
    selected = transform.text("Container", "Environment", "SAGEMAKER_INFERENCE_OUTPUT")
    if selected is None:
        return
    unknown = [key for key in selected_keys(selected) if key not in KEYS]
    for key in unknown:
        message = f"SAGEMAKER_INFERENCE_OUTPUT has the unknown key {key!r}"
        hint = did_you_mean(key, KEYS) or f"known: {', '.join(KEYS)}"
        yield transform.finding(message, "Container", "Environment", "SAGEMAKER_INFERENCE_OUTPUT", hint=hint)
    accept = transform.text("TransformOutput", "Accept")
    if accept is not None and accept.partition(";")[0].strip().lower() not in ACCEPTED:
        message = f"selected predictions cannot be written as {accept}"
        yield transform.finding(message, "TransformOutput", "Accept", hint=f"known: {', '.join(ACCEPTED)}")


def _hint(name: str) -> str | None:
    if name in hyperparameters.KNOWN:
        return hyperparameters.tags_of(name)
    return did_you_mean(name, hyperparameters.KNOWN)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, str | int | float) else hyperparameters.UNKNOWN


XGBOOST = LocalImage(
    repository="sagemaker-xgboost",
    tags=ALL_TAGS,
    library="xgboost-cpu",
    title="xgboost",
    requirements=("xgboost-cpu>=3.2,<3.3",),
    train="dagcast_xgboost.train",
    serve="dagcast_xgboost.serve",
    channel_type=DEFAULT,
    content_type=DEFAULT,
    accept="text/csv",
    check_training=check_training,
    check_serving=check_serving,
)
"""The local image that the entry point names."""
