"""Filters and joins the records of a batch transform: ``DataProcessing`` of CreateTransformJob.

Source: SageMaker Developer Guide, "Associate Prediction Results with Input Records". It lists the subset of JSONPath
that the service supports, and says that a slice includes its end: ``$[1:4]`` is the second through the fifth column.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"

_NAME = r"""'[^']*'|"[^"]*\""""
_PART = re.compile(
    rf"""
    \.?\[\s*(?P<names>(?:{_NAME})(?:\s*,\s*(?:{_NAME}))*)\s*\]
    | \.?\[\s*(?P<numbers>-?\d*(?:\s*:\s*-?\d*)?(?:\s*,\s*-?\d+(?:\s*:\s*-?\d*)?|\s*,\s*:\s*-?\d+)*)\s*\]
    | (?P<all>\.\*|\.?\[\s*\*\s*\])
    | \.(?P<name>[^.\[\]*\s'",:]+)
    """,
    re.VERBOSE,
)

Selector = Callable[[Any], Any]


class JsonPathError(ValueError):
    """A JSONPath is invalid, or selects nothing in a record."""


def compile_json_path(path: str, *, columns: bool) -> Selector:
    """Return a function that applies a JSONPath to a record.

    Args:
        path: The JSONPath.
        columns: Whether records are CSV rows, which only numbers select from.

    Raises:
        JsonPathError: If the service does not support the path.
    """
    if not path.startswith("$"):
        raise JsonPathError(f"{path!r} does not start with $")
    steps: list[Selector] = []
    position = 1
    while position < len(path):
        match = _PART.match(path, position)
        if match is None or match["numbers"] in ("", ":"):
            raise JsonPathError(
                f"{path!r} is not a JSONPath that SageMaker supports, from {path[position:]!r} on"
            )
        if columns and (match["numbers"] is None or steps):
            raise JsonPathError(f"{path!r}: only numbers select from a CSV row, such as $[0] or $[1:]")
        steps.append(_compile_part(match, path))
        position = match.end()

    def select(record: Any) -> Any:
        for step in steps:
            record = step(record)
        return record

    return select


def _compile_part(match: re.Match[str], path: str) -> Selector:
    if match["all"] is not None:
        return lambda record: _select_all(record, path)
    if match["name"] is not None:
        return lambda record: _select_child(record, match["name"], path)
    if match["names"] is not None:
        names = [name[1:-1] for name in re.findall(_NAME, match["names"])]
        if len(names) == 1:
            return lambda record: _select_child(record, names[0], path)
        return lambda record: {name: _select_child(record, name, path) for name in names}
    parts = [part.strip() for part in match["numbers"].split(",")]
    if len(parts) == 1 and ":" not in parts[0]:
        return lambda record: _select_items(record, parts[0], path)[0]
    return lambda record: [item for part in parts for item in _select_items(record, part, path)]


def _select_all(record: Any, path: str) -> list[Any]:
    if isinstance(record, dict):
        return list(record.values())
    if isinstance(record, list):
        return record
    raise JsonPathError(f"{path!r}: * selects from objects and arrays, not from {record!r:.80}")


def _select_child(record: Any, name: str, path: str) -> Any:
    if not isinstance(record, dict) or name not in record:
        raise JsonPathError(f"{path!r} selects nothing: {name!r} is missing in {record!r:.80}")
    return record[name]


def _select_items(record: Any, part: str, path: str) -> list[Any]:
    if not isinstance(record, list):
        raise JsonPathError(f"{path!r}: {part} selects from an array, not from {record!r:.80}")
    start, colon, end = (text.strip() for text in part.partition(":"))
    first = _find_index(start or "0", record, path)
    if not colon:
        return [record[first]]
    return record[first : _find_index(end, record, path) + 1 if end else len(record)]


def _find_index(text: str, record: list[Any], path: str) -> int:
    number = int(text)
    place = number + len(record) if number < 0 else number
    if not 0 <= place < len(record):
        raise JsonPathError(f"{path!r}: index {number} is out of range for {len(record)} items")
    return place


class DataProcessing:
    """Filters and joins the records of a batch before and after prediction.

    Args:
        content_type: The type of the input: CSV, JSON or JSON Lines.
        accept: The type of the output; CSV if the input is CSV.
        input_filter: A JSONPath: the part of a record that the model gets.
        output_filter: A JSONPath: the part of an output record that is kept.
        join: Whether each record is joined with its prediction.

    Raises:
        JsonPathError: If a filter is invalid.
    """

    def __init__(
        self,
        content_type: str,
        accept: str,
        input_filter: str = "$",
        output_filter: str = "$",
        join: bool = False,
    ) -> None:
        columns = content_type == CSV
        self._in, self._out, self._join = content_type, accept, join
        self._filter_in = compile_json_path(input_filter, columns=columns)
        self._filter_out = compile_json_path(output_filter, columns=columns)

    def filter_input(self, batch: bytes) -> bytes:
        """Return the batch for the model."""
        return _write([self._filter_in(record) for record in _read(batch, self._in)], self._in)

    def make_output(self, batch: bytes, prediction: bytes) -> bytes:
        """Return the output for a batch and its prediction.

        Raises:
            ValueError: If the numbers of predictions and records differ.
        """
        predicted = _read(prediction, self._out)
        if self._join:
            records = _read(batch, self._in)
            if len(records) != len(predicted):
                raise ValueError(f"{len(records)} records cannot be joined with {len(predicted)} predictions")
            predicted = [_join(*pair) for pair in zip(records, predicted, strict=True)]
        return _write([self._filter_out(record) for record in predicted], self._out)


def _join(record: Any, prediction: Any) -> Any:
    if isinstance(record, _Row):
        return _Row([*record, *prediction])
    given = record if isinstance(record, dict) else {"SageMakerInput": record}
    return {**given, "SageMakerOutput": prediction}


class _Row(list[Any]):
    """A row of CSV."""


def _read(content: bytes, kind: str) -> list[Any]:
    if kind == CSV:
        return [_Row(row) for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
    if kind == JSON_LINES:
        return [json.loads(line) for line in content.decode().splitlines() if line.strip()]
    return [json.loads(content)]


def _write(records: list[Any], kind: str) -> bytes:
    if kind == CSV:
        stream = io.StringIO()
        rows = [record if isinstance(record, list) else [record] for record in records]
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue().encode()
    return "".join(json.dumps(record) + ("\n" if kind == JSON_LINES else "") for record in records).encode()
