"""Reads a CreateTransformJob request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.errors import Diagnostic
from dagcast.runner.container.checks import Shape, cannot, mapping, shape_problems, without_nulls
from dagcast.runner.in_job import joining

MAX_PAYLOAD_IN_MB = 6
"""Source: SageMaker API reference, CreateTransformJob, ``MaxPayloadInMB``."""

TIMEOUT = 600.0
"""Seconds for one request. Source: SageMaker API reference, ``ModelClientConfig``, ``InvocationsTimeoutInSeconds``."""

DEFAULT_TYPE = "application/json"
"""What a model gets and gives if nothing is said. Source: ``sagemaker_containers._worker``; an environment variable
``SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`` says another for what it gives."""

_PROCESSED = (joining.CSV, joining.JSON, joining.LINES)


_SHAPE: Shape = {
    "MaxPayloadInMB": "number",
    "BatchStrategy": "text",
    "Environment": {"*": "scalar"},
    "ModelClientConfig": {"InvocationsTimeoutInSeconds": "number"},
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3Uri": "uri", "S3DataType": "text"}},
        "ContentType": "text",
        "CompressionType": "text",
        "SplitType": "text",
    },
    "TransformOutput": {"S3OutputPath": "uri", "Accept": "text", "AssembleWith": "text"},
    "DataProcessing": {"InputFilter": "text", "OutputFilter": "text", "JoinSource": "text"},
}


def problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Say what of a request cannot run here; references may stand for any value."""
    request = without_nulls(request)
    wrong = list(shape_problems(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    source = mapping(request.get("TransformInput"))
    split = source.get("SplitType", "None")
    if isinstance(split, str) and split not in ("None", "Line"):
        yield cannot(step, f"SplitType {split}: here records are lines, or whole objects")
    data = mapping(mapping(source.get("DataSource")).get("S3DataSource"))
    if "S3Uri" not in data:
        yield Diagnostic(
            f"step {step!r}: TransformInput has no S3DataSource with an S3Uri", code="request.missing-field"
        )
    kind = data.get("S3DataType", "S3Prefix")
    if isinstance(kind, str) and kind not in ("S3Prefix", "ManifestFile"):
        yield cannot(step, f"the input is a {kind}: here there are only S3Prefix and ManifestFile")
    if "S3OutputPath" not in mapping(request.get("TransformOutput")):
        yield Diagnostic(f"step {step!r}: TransformOutput has no S3OutputPath", code="request.missing-field")
    if "ModelName" not in request:
        yield Diagnostic(f"step {step!r}: it names no ModelName", code="request.missing-field")
    if isinstance(request.get("ModelName"), str):
        yield cannot(step, f"model {request['ModelName']!r} is in AWS: no step of this pipeline makes it")
    yield from _processing_problems(step, request)


def _processing_problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    filters = processing(request)
    if filters is None:
        return
    source, output = mapping(request.get("TransformInput")), mapping(request.get("TransformOutput"))
    kinds = [source.get("ContentType"), output.get("Accept")]
    if any(isinstance(kind, Mapping) for kind in kinds):
        return  # known when the step runs
    if any(kind not in _PROCESSED for kind in kinds) or (joining.CSV in kinds and kinds[0] != kinds[1]):
        message = (
            f"step {step!r}: DataProcessing takes a ContentType and an Accept of the same kind, out of "
            f"{', '.join(_PROCESSED)}, and here they are {kinds[0]} and {kinds[1]}"
        )
        yield Diagnostic(message, code="transform.data-processing")
        return
    both = (source.get("SplitType", "None"), output.get("AssembleWith", "None"))
    if joining.CSV in kinds and all(isinstance(one, str) for one in both) and both != ("Line", "Line"):
        message = f"step {step!r}: DataProcessing of CSV takes SplitType Line and AssembleWith Line"
        yield Diagnostic(message, code="transform.data-processing")
    for name in ("input_filter", "output_filter"):
        if isinstance(filters[name], str):
            try:
                joining.selector(filters[name], columns=joining.CSV in kinds)
            except joining.PathError as error:
                yield Diagnostic(f"step {step!r}: {error}", code="transform.data-processing")


def processing(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of :class:`~dagcast.runner.in_job.joining.Joining`; ``None`` if records stay as they are."""
    given = mapping(request.get("DataProcessing"))
    filters = {"input_filter": given.get("InputFilter", "$"), "output_filter": given.get("OutputFilter", "$")}
    join = given.get("JoinSource", "None") != "None"
    return {**filters, "join": join} if join or set(filters.values()) != {"$"} else None
