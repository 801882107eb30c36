"""Rules of batch transform jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dagcast.check.rules.combinators import at_most
from dagcast.check.rules.machines import local_storage_key
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import DEVELOPER_GUIDE, Check, PipelineFacts, Rule
from dagcast.lazy_pattern import lazy_pattern

_JOB = ("CreateTransformJobRequest",)
_JOINED_TYPES = ("text/csv", "application/json", "application/jsonlines")
_FILTERS = ("InputFilter", "OutputFilter")
_NAME = r"""(?:'[^']*'|"[^"]*")"""
_RANGE = r"(?:-?\d+(?:\s*:\s*-?\d*)?|\s*:\s*-?\d+|-?\d+\s*:)"
_JSON_PATH = lazy_pattern(
    rf"""\$(?:
        \.?\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\]      # ['name', 'other']
        | \.?\[\s*{_RANGE}(?:\s*,\s*{_RANGE})*\s*\]   # [0], [1:3], [0, 2:]
        | \.\* | \.?\[\s*\*\s*\]
        | \.[^.\[\]*\s'",:]+                          # .name
    )*""",
    re.VERBOSE,
)
"""The JSONPaths that a filter may have. The local run, whose programs import nothing of this package, parses the same
ones in ``runner/in_job/transform_output.py``; a test compares both. Source: SageMaker Developer Guide,
batch-transform-data-processing: the supported JSONPath operators."""
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


def _combined(job: RequestBody, *, joined: bool) -> bool:
    """Return whether a job joins its input to its predictions, or, without that, filters one of them."""
    processing = job.part("DataProcessing")
    if processing.get("JoinSource") == "Input":
        return joined
    return not joined and any(map(processing.given, _FILTERS))


def _one_type(*, joined: bool) -> Check:
    verb = "joining" if joined else "filtering"

    def check(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if not _combined(job, joined=joined):
            return
        content, accept = job.get("TransformInput", "ContentType"), job.get("TransformOutput", "Accept")
        for value, path in (
            (content, ("TransformInput", "ContentType")),
            (accept, ("TransformOutput", "Accept")),
        ):
            if value is None or (isinstance(value, str) and value.partition(";")[0] not in _JOINED_TYPES):
                found = "missing" if value is None else repr(value)
                message = f"{verb} needs {path[1]} to be one of {', '.join(_JOINED_TYPES)}; it is {found}"
                yield job.finding(message, *path)
                return
        if isinstance(content, str) and isinstance(accept, str) and content != accept:
            message = f"{verb} needs one type for input and output, not {content!r} and {accept!r}"
            yield job.finding(message, "TransformOutput", "Accept")

    return check


def _lines(*, joined: bool) -> Check:
    verb = "joining" if joined else "filtering"

    def check(job: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if not _combined(job, joined=joined) or job.get("TransformInput", "ContentType") != "text/csv":
            return
        for path in (("TransformInput", "SplitType"), ("TransformOutput", "AssembleWith")):
            value = job.get(*path)
            if value != "Line" and value is not UNKNOWN:
                yield job.finding(f"{verb} CSV needs {path[1]} Line", *path)

    return check


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
        elif text and not csv and not _JSON_PATH.fullmatch(text):
            message = f"{member} {text!r} is not a JSONPath that batch transform supports"
            yield job.finding(
                message, "DataProcessing", member, hint="such as $.features, $['id'], $[0] or $[1:3]"
            )


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


_FILTERED = {"DataProcessing": {"OutputFilter": "$[0]"}}

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
        summary="Joining needs one type for input and output: CSV, JSON or JSON lines",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing",
        shapes=_JOB,
        check=_one_type(joined=True),
        obeys=_io("application/json", "application/json"),
        breaks=_io("application/json", "text/csv"),
    ),
    Rule(
        id="transform.filtered-types",
        summary="Filtering needs one type for input and output: CSV, JSON or JSON lines",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing; it says so of joining alone with certainty",
        shapes=_JOB,
        check=_one_type(joined=False),
        severity="warning",
        obeys={**_io("text/csv", "text/csv"), **_FILTERED},
        breaks={**_io("text/csv", "application/json"), **_FILTERED},
    ),
    Rule(
        id="transform.joined-lines",
        summary="Joining CSV needs SplitType and AssembleWith Line",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing",
        shapes=_JOB,
        check=_lines(joined=True),
        obeys=_io("text/csv", "text/csv"),
        breaks=_io("text/csv", "text/csv", TransformInput={"ContentType": "text/csv"}),
    ),
    Rule(
        id="transform.filtered-lines",
        summary="Filtering CSV needs SplitType and AssembleWith Line",
        source=f"{DEVELOPER_GUIDE}, batch-transform-data-processing; it says so of joining alone with certainty",
        shapes=_JOB,
        check=_lines(joined=False),
        severity="warning",
        obeys={**_io("text/csv", "text/csv"), **_FILTERED},
        breaks={**_io("text/csv", "text/csv", TransformInput={"ContentType": "text/csv"}), **_FILTERED},
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
