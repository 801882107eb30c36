"""Rules of batch transform jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import at_most
from dagcast.check.rules.machines import local_storage_key
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, PipelineFacts, Rule

_JOB = ("CreateTransformJobRequest",)
_JOINED_TYPES = ("text/csv", "application/json", "application/jsonlines")
_FILTERS = ("InputFilter", "OutputFilter")
MOST_PAYLOAD = 100
"""Megabytes of all payloads at a time. Source: botocore, CreateTransformJobRequest.MaxPayloadInMB."""


def _payload(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    payload, parallel = job.number("MaxPayloadInMB"), job.number("MaxConcurrentTransforms")
    if payload is not None and payload > MOST_PAYLOAD:
        yield job.finding(f"MaxPayloadInMB is {payload}, at most {MOST_PAYLOAD} is allowed", "MaxPayloadInMB")
    elif payload is not None and parallel is not None and payload * parallel > MOST_PAYLOAD:
        message = (
            f"MaxConcurrentTransforms times MaxPayloadInMB is {payload * parallel}, above {MOST_PAYLOAD} MB"
        )
        yield job.finding(message, "MaxConcurrentTransforms")


def _joined(job: RequestBody) -> bool:
    processing = job.part("DataProcessing")
    return processing.get("JoinSource") == "Input" or any(map(processing.given, _FILTERS))


def _joined_types(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if not _joined(job):
        return
    content, accept = job.get("TransformInput", "ContentType"), job.get("TransformOutput", "Accept")
    for value, path in (
        (content, ("TransformInput", "ContentType")),
        (accept, ("TransformOutput", "Accept")),
    ):
        if value is None or (isinstance(value, str) and value.partition(";")[0] not in _JOINED_TYPES):
            found = "missing" if value is None else repr(value)
            message = (
                f"joining or filtering needs {path[1]} to be one of {', '.join(_JOINED_TYPES)}; it is {found}"
            )
            yield job.finding(message, *path)
            return
    if isinstance(content, str) and isinstance(accept, str) and content != accept:
        message = f"joining or filtering needs one type for input and output, not {content!r} and {accept!r}"
        yield job.finding(message, "TransformOutput", "Accept")


def _joined_lines(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    if not _joined(job) or job.get("TransformInput", "ContentType") != "text/csv":
        return
    for path in (("TransformInput", "SplitType"), ("TransformOutput", "AssembleWith")):
        value = job.get(*path)
        if value != "Line" and value is not UNKNOWN:
            yield job.finding(f"joining or filtering CSV needs {path[1]} Line", *path)


def _filters(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    csv = job.get("TransformInput", "ContentType") == "text/csv"
    for member in _FILTERS:
        text = job.text("DataProcessing", member)
        if text is not None and text and not text.startswith("$"):
            message = f"{member} {text!r} is not a JSONPath: it begins with $"
            yield job.finding(message, "DataProcessing", member)
        elif text is not None and csv and not re.fullmatch(r"\$?(\[[-0-9:, ]*\])?", text):
            message = f"{member} {text!r} names a member, and CSV has only positions"
            yield job.finding(message, "DataProcessing", member, hint="such as $[1:]")


def _split(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
    split = job.get("TransformInput", "SplitType")
    if job.get("BatchStrategy") == "MultiRecord" and split in (None, "None"):
        message = "BatchStrategy MultiRecord has no effect without a SplitType: Line, RecordIO or TFRecord"
        yield job.finding(message, "TransformInput", "SplitType")


def _io(content: str, accept: str, **members: Any) -> dict[str, Any]:
    return {
        "DataProcessing": {"JoinSource": "Input"},
        "TransformInput": {"ContentType": content, "SplitType": "Line"},
        "TransformOutput": {"Accept": accept, "AssembleWith": "Line"},
        **members,
    }


RULES = (
    Rule(
        id="transform.payload",
        summary=f"MaxPayloadInMB, and the payloads that are sent at a time, are at most {MOST_PAYLOAD} MB",
        source="botocore, CreateTransformJobRequest.MaxPayloadInMB; SageMaker Developer Guide, batch-transform-errors",
        shapes=_JOB,
        check=_payload,
        obeys={"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 2},
        breaks={"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 3},
    ),
    Rule(
        id="transform.instance-count",
        summary="A transform job has at most 100 machines",
        source="botocore, TransformResources.InstanceCount",
        shapes=_JOB,
        check=at_most(("TransformResources", "InstanceCount"), 100),
        obeys={"TransformResources": {"InstanceCount": 100}},
        breaks={"TransformResources": {"InstanceCount": 101}},
    ),
    Rule(
        id="transform.joined-types",
        summary="Joining or filtering needs one type for input and output: CSV, JSON or JSON lines",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing",
        shapes=_JOB,
        check=_joined_types,
        obeys=_io("application/json", "application/json"),
        breaks=_io("application/json", "text/csv"),
    ),
    Rule(
        id="transform.joined-lines",
        summary="Joining or filtering CSV needs SplitType and AssembleWith Line",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing",
        shapes=_JOB,
        check=_joined_lines,
        obeys=_io("text/csv", "text/csv"),
        breaks=_io("text/csv", "text/csv", TransformInput={"ContentType": "text/csv"}),
    ),
    Rule(
        id="transform.filter",
        summary="A filter is a JSONPath from $, for CSV by position",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing",
        shapes=_JOB,
        check=_filters,
        obeys={**_io("text/csv", "text/csv"), "DataProcessing": {"InputFilter": "$[1:]"}},
        breaks={**_io("text/csv", "text/csv"), "DataProcessing": {"InputFilter": "$.id"}},
    ),
    Rule(
        id="transform.split",
        summary="BatchStrategy MultiRecord joins records only where SplitType says how they are split",
        source="botocore, CreateTransformJobRequest.BatchStrategy",
        shapes=_JOB,
        check=_split,
        severity="warning",
        obeys={"BatchStrategy": "MultiRecord", "TransformInput": {"SplitType": "Line"}},
        breaks={"BatchStrategy": "MultiRecord"},
    ),
    Rule(
        id="transform.local-storage-key",
        summary="VolumeKmsKeyId is not for machines with local storage",
        source="botocore, TransformResources.VolumeKmsKeyId",
        shapes=_JOB,
        check=local_storage_key(("TransformResources",)),
        obeys={"TransformResources": {"VolumeKmsKeyId": "alias/ml"}},
        breaks={"TransformResources": {"InstanceType": "ml.g4dn.xlarge", "VolumeKmsKeyId": "alias/ml"}},
    ),
)
