"""What a job finds in its folders: objects of the store, as SageMaker would download them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagcast.definition.references import references
from dagcast.errors import DagcastError, Diagnostic
from dagcast.runner.container.checks import cannot, listed, mapping
from dagcast.runner.executor import StepFailedError, StepRun

_MODES = ("File", "FastFile")

_NAME = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,64}")
"""Source: SageMaker API reference, ``Channel``, ``ChannelName``; a folder of that name has to be possible."""


def fetch(run: StepRun, raw: Any, uri: str, folder: Path, data_type: str) -> None:
    """Copy the objects of one input into its folder.

    Args:
        run: The attempt.
        raw: The input as the definition has it, with references: says which step should have made the data.
        uri: The S3 URI of a prefix, an object or a manifest.
        folder: Where the data goes.
        data_type: ``S3Prefix`` or ``ManifestFile``.

    Raises:
        StepFailedError: If there is no such data, or it cannot lie in the folder.
    """
    try:
        if data_type == "ManifestFile":
            run.store.fetch_manifest(uri, folder)
        else:
            run.store.fetch(uri, folder)
    except DagcastError as error:
        raise StepFailedError(f"ClientError: Data download failed: {error}{_maker(raw)}") from error
    except OSError as error:
        raise StepFailedError(
            f"ClientError: Data download failed: {uri}: {error.strerror or error}"
        ) from error


def _maker(raw: Any) -> str:
    makers = dict.fromkeys(step for reference in references(raw) for step in reference.steps)
    return f"; it is an output of step {', '.join(map(repr, makers))}" if makers else ""


def channel_problems(step: str, arguments: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Say which channels of a training job cannot be had here."""
    default = mapping(arguments.get("AlgorithmSpecification")).get("TrainingInputMode")
    seen: set[str] = set()
    for channel in listed(arguments.get("InputDataConfig")):
        channel = mapping(channel)
        name = channel.get("ChannelName")
        here = f"channel {name!r}"
        if isinstance(name, str):
            if name in seen:
                yield Diagnostic(f"step {step!r}: there is a second {here}", code="request.duplicate")
            if not _NAME.fullmatch(name):
                yield Diagnostic(
                    f"step {step!r}: {name!r} is no name of a channel", code="request.unsafe-path"
                )
            seen.add(name)
        mode = channel.get("InputMode", default) or default
        if isinstance(mode, str) and mode not in _MODES:
            yield cannot(
                step,
                f"{here} has input mode {mode}: here there are only {' and '.join(_MODES)}",
                hint="use File",
            )
        wrapper = channel.get("RecordWrapperType", "None")
        if isinstance(wrapper, str) and wrapper != "None":
            yield cannot(step, f"{here} is wrapped as {wrapper}, which belongs to input mode Pipe")
        yield from _source_problems(step, here, mapping(channel.get("DataSource")))


def _source_problems(step: str, here: str, source: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for other in ("FileSystemDataSource", "DatasetSource"):
        if other in source:
            yield cannot(
                step,
                f"{here} is a {other}, which is not on this machine",
                hint="give it an S3DataSource, and the files with --input s3://BUCKET/KEY=PATH",
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
        yield cannot(step, f"{here} is a {kind}: here there are only S3Prefix and ManifestFile")


def fetch_channels(run: StepRun, request: Mapping[str, Any], data: Path) -> dict[str, dict[str, str]]:
    """Download all channels of a training job.

    One host gets all objects, so ``ShardedByS3Key`` is the same as ``FullyReplicated``. ``CompressionType`` holds in
    input mode Pipe alone; in mode File the files come as they are (API reference, ``Channel``).

    Returns:
        ``inputdataconfig.json``. Source: SageMaker Developer Guide, "Input Data Configuration".

    Raises:
        StepFailedError: If there is no such data.
    """
    raw = {
        channel.get("ChannelName"): channel
        for channel in map(mapping, listed(run.step.arguments.get("InputDataConfig")))
        if isinstance(channel.get("ChannelName"), str)
    }
    default = request["AlgorithmSpecification"].get("TrainingInputMode", "File")
    config: dict[str, dict[str, str]] = {}
    for channel in request.get("InputDataConfig", ()):
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        if channel.get("CompressionType", "None") == "Gzip":
            run.warn(
                f"channel {name!r}: CompressionType Gzip holds in input mode Pipe alone, nothing is unpacked"
            )
        kind = source.get("S3DataType", "S3Prefix")
        fetch(run, raw.get(name), source["S3Uri"], data / name, kind)
        config[name] = {
            "TrainingInputMode": channel.get("InputMode") or default,
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": "None",
            **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
        }
    return config
