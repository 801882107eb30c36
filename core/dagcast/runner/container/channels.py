"""Downloads the inputs of a job into its folders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagcast.definition.references import references
from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner.container.check_request import as_list, as_mapping, cannot_run_here
from dagcast.runner.executors.executor import StepAttempt, StepFailedError
from dagcast.runner.store.local_store import NotFoundError

_MODES = ("File", "FastFile")

_NAME = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,64}")
"""Source: SageMaker API reference, ``Channel``, ``ChannelName``. A channel's name is also the name of a folder."""


def fetch_input(attempt: StepAttempt, raw: Any, uri: str, folder: Path, data_type: str) -> None:
    """Copy the objects of one input into its folder.

    Args:
        attempt: The attempt at the step.
        raw: The input as the definition has it, with references: names the step that produces the data.
        uri: The S3 URI of a prefix, an object or a manifest.
        folder: The destination.
        data_type: ``S3Prefix`` or ``ManifestFile``.

    Raises:
        StepFailedError: If the data does not exist or cannot be copied.
    """
    try:
        if data_type == "ManifestFile":
            attempt.store.fetch_manifest(uri, folder)
        else:
            attempt.store.fetch(uri, folder)
    except NotFoundError as error:
        producers = find_producers(raw)
        if not producers:
            raise StepFailedError(f"ClientError: Data download failed: {error}") from error
        raise StepFailedError(
            f"ClientError: Data download failed: {uri} does not exist: step {', '.join(map(repr, producers))} left "
            "nothing there",
            origins=producers,
        ) from error
    except DagcastError as error:
        raise StepFailedError(f"ClientError: Data download failed: {error}") from error
    except OSError as error:
        raise StepFailedError(
            f"ClientError: Data download failed: {uri}: {error.strerror or error}"
        ) from error


def find_producers(raw: Any) -> list[str]:
    """Return the steps whose results a part of a request refers to."""
    return list(dict.fromkeys(step for reference in references(raw) for step in reference.steps))


def check_channels(step: str, arguments: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Find channels of a training job that a local run cannot provide."""
    default = as_mapping(arguments.get("AlgorithmSpecification")).get("TrainingInputMode")
    seen: set[str] = set()
    for channel in as_list(arguments.get("InputDataConfig")):
        channel = as_mapping(channel)
        name = channel.get("ChannelName")
        here = f"channel {name!r}"
        if isinstance(name, str):
            if name in seen:
                yield Diagnostic(f"step {step!r}: duplicate {here}", code="request.duplicate")
            if not _NAME.fullmatch(name):
                yield Diagnostic(f"step {step!r}: invalid channel name {name!r}", code="request.invalid-name")
            seen.add(name)
        mode = channel.get("InputMode", default) or default
        if isinstance(mode, str) and mode not in _MODES:
            yield cannot_run_here(
                step,
                f"{here} has input mode {mode}: a local run supports {' and '.join(_MODES)}",
                hint="use File",
            )
        wrapper = channel.get("RecordWrapperType", "None")
        if isinstance(wrapper, str) and wrapper != "None":
            yield cannot_run_here(
                step, f"{here} has RecordWrapperType {wrapper}, which needs input mode Pipe"
            )
        yield from _source_problems(step, here, as_mapping(channel.get("DataSource")))


def _source_problems(step: str, here: str, source: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for other in ("FileSystemDataSource", "DatasetSource"):
        if other in source:
            yield cannot_run_here(
                step,
                f"{here} is a {other}, which does not exist on this machine",
                hint="use an S3DataSource, and pass files with --input s3://BUCKET/KEY=PATH",
            )
            return
    data = source.get("S3DataSource")
    if not isinstance(data, Mapping) or "S3Uri" not in data:
        yield Diagnostic(
            f"step {step!r}: {here} has no S3DataSource with an S3Uri", code="request.missing-field"
        )
        return
    kind = data.get("S3DataType", "S3Prefix")
    if isinstance(kind, str) and kind not in ("S3Prefix", "ManifestFile"):
        yield cannot_run_here(step, f"{here} is a {kind}: a local run supports S3Prefix and ManifestFile")


def fetch_channels(attempt: StepAttempt, request: Mapping[str, Any], data: Path) -> dict[str, dict[str, str]]:
    """Download all channels of a training job.

    The only host gets all objects, so ``ShardedByS3Key`` equals ``FullyReplicated``. ``CompressionType`` applies to
    input mode Pipe only; mode File copies files unchanged (API reference, ``Channel``).

    Returns:
        The content of ``inputdataconfig.json``. Source: SageMaker Developer Guide, "Input Data Configuration".

    Raises:
        StepFailedError: If data does not exist.
    """
    raw = {
        channel.get("ChannelName"): channel
        for channel in map(as_mapping, as_list(attempt.step.arguments.get("InputDataConfig")))
        if isinstance(channel.get("ChannelName"), str)
    }
    default = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    config: dict[str, dict[str, str]] = {}
    for channel in request.get("InputDataConfig", ()):
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        if channel.get("CompressionType", "None") == "Gzip":
            attempt.warn(
                f"channel {name!r}: CompressionType Gzip applies to input mode Pipe only, so nothing is decompressed"
            )
        kind = source.get("S3DataType", "S3Prefix")
        fetch_input(attempt, raw.get(name), source["S3Uri"], data / name, kind)
        config[name] = {
            "TrainingInputMode": channel.get("InputMode") or default,
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": "None",
            **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
        }
    return config
