"""Reads and checks a CreateTransformJob request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagcast.definition.references import Reference
from dagcast.errors import Diagnostic
from dagcast.runner.container.check_request import (
    Schema,
    as_mapping,
    cannot_run_here,
    check_schema,
    remove_nulls,
)
from dagcast.runner.in_job import transform_output

MAX_PAYLOAD_IN_MB = 6
"""Source: SageMaker API reference, CreateTransformJob, ``MaxPayloadInMB``."""

TIMEOUT = 600.0
"""Seconds for one request.

Source: SageMaker API reference, ``ModelClientConfig``, ``InvocationsTimeoutInSeconds``.
"""

DEFAULT_TYPE = "application/json"
"""The default content type of a model's input and output. Source: ``sagemaker_containers._worker``.

The environment variable ``SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`` overrides it for the output.
"""

_RECORD_TYPES = (transform_output.CSV, transform_output.JSON, transform_output.JSON_LINES)


_SHAPE: Schema = {
    "MaxPayloadInMB": "number",
    "BatchStrategy": "string",
    "Environment": {"*": "scalar"},
    "ModelClientConfig": {"InvocationsTimeoutInSeconds": "number"},
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3Uri": "uri", "S3DataType": "string"}},
        "ContentType": "string",
        "CompressionType": "string",
        "SplitType": "string",
    },
    "TransformOutput": {"S3OutputPath": "uri", "Accept": "string", "AssembleWith": "string"},
    "DataProcessing": {"InputFilter": "string", "OutputFilter": "string", "JoinSource": "string"},
}


def check_request(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Find what cannot run here; any value can be a reference."""
    request = remove_nulls(request)
    wrong = list(check_schema(step, request, _SHAPE))
    if wrong:
        yield from wrong
        return
    source = as_mapping(request.get("TransformInput"))
    split = source.get("SplitType", "None")
    if isinstance(split, str) and split not in ("None", "Line"):
        yield cannot_run_here(step, f"SplitType {split}: a local run supports None and Line")
    data = as_mapping(as_mapping(source.get("DataSource")).get("S3DataSource"))
    if "S3Uri" not in data:
        yield Diagnostic(
            f"step {step!r}: TransformInput has no S3DataSource with an S3Uri", code="request.missing-field"
        )
    kind = data.get("S3DataType", "S3Prefix")
    if isinstance(kind, str) and kind not in ("S3Prefix", "ManifestFile"):
        yield cannot_run_here(step, f"the input is a {kind}: a local run supports S3Prefix and ManifestFile")
    if "S3OutputPath" not in as_mapping(request.get("TransformOutput")):
        yield Diagnostic(f"step {step!r}: TransformOutput has no S3OutputPath", code="request.missing-field")
    if "ModelName" not in request:
        yield Diagnostic(f"step {step!r}: ModelName is missing", code="request.missing-field")
    if isinstance(request.get("ModelName"), str):
        yield cannot_run_here(
            step, f"model {request['ModelName']!r} exists in AWS only: no step of this pipeline creates it"
        )
    yield from _processing_problems(step, request)


def _processing_problems(step: str, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    filters = read_data_processing(request)
    if filters is None:
        return
    source, output = as_mapping(request.get("TransformInput")), as_mapping(request.get("TransformOutput"))
    kinds = [source.get("ContentType"), output.get("Accept")]
    if any(isinstance(kind, Reference) for kind in kinds):
        return  # known when the step runs
    if any(kind not in _RECORD_TYPES for kind in kinds) or (
        transform_output.CSV in kinds and kinds[0] != kinds[1]
    ):
        message = (
            f"step {step!r}: DataProcessing needs a ContentType and an Accept of the same kind, out of "
            f"{', '.join(_RECORD_TYPES)}, not {kinds[0]} and {kinds[1]}"
        )
        yield Diagnostic(message, code="transform.data-processing")
        return
    both = (source.get("SplitType", "None"), output.get("AssembleWith", "None"))
    if (
        transform_output.CSV in kinds
        and all(isinstance(option, str) for option in both)
        and both != ("Line", "Line")
    ):
        message = f"step {step!r}: DataProcessing of CSV needs SplitType Line and AssembleWith Line"
        yield Diagnostic(message, code="transform.data-processing")
    for name in ("input_filter", "output_filter"):
        if isinstance(filters[name], str):
            try:
                transform_output.compile_json_path(filters[name], columns=transform_output.CSV in kinds)
            except transform_output.JsonPathError as error:
                yield Diagnostic(f"step {step!r}: {error}", code="transform.data-processing")


def read_data_processing(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of ``transform_output.DataProcessing``; ``None`` if records are not changed."""
    given = as_mapping(request.get("DataProcessing"))
    filters = {"input_filter": given.get("InputFilter", "$"), "output_filter": given.get("OutputFilter", "$")}
    join = given.get("JoinSource", "None") != "None"
    return {**filters, "join": join} if join or set(filters.values()) != {"$"} else None
