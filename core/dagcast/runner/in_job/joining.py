"""Filters and joins the records of a batch transform: ``DataProcessing`` of CreateTransformJob.

Source: SageMaker Developer Guide, "Associate Prediction Results with Input Records", which lists the part of JSONPath
that the service knows, and says that a slice includes its end: ``$[1:4]`` is the second through the fifth column.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"

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


class PathError(ValueError):
    """A JSONPath is written wrongly, or leads nowhere in a record."""


def selector(path: str, *, columns: bool) -> Selector:
    """What a JSONPath selects.

    Args:
        path: The path.
        columns: Whether records are rows, of which only numbers select.

    Raises:
        PathError: If the service knows no such path.
    """
    if not path.startswith("$"):
        raise PathError(f"{path!r} does not begin with $")
    steps: list[Selector] = []
    at = 1
    while at < len(path):
        match = _PART.match(path, at)
        if match is None or match["numbers"] in ("", ":"):
            raise PathError(f"{path!r} is no JSONPath that SageMaker knows, from {path[at:]!r} on")
        if columns and (match["numbers"] is None or steps):
            raise PathError(f"{path!r}: of a CSV row only numbers select, such as $[0] or $[1:]")
        steps.append(_step(match, path))
        at = match.end()

    def select(record: Any) -> Any:
        for step in steps:
            record = step(record)
        return record

    return select


def _step(match: re.Match[str], path: str) -> Selector:
    if match["all"] is not None:
        return lambda record: _all(record, path)
    if match["name"] is not None:
        return lambda record: _child(record, match["name"], path)
    if match["names"] is not None:
        names = [name[1:-1] for name in re.findall(_NAME, match["names"])]
        if len(names) == 1:
            return lambda record: _child(record, names[0], path)
        return lambda record: {name: _child(record, name, path) for name in names}
    parts = [part.strip() for part in match["numbers"].split(",")]
    if len(parts) == 1 and ":" not in parts[0]:
        return lambda record: _items(record, parts[0], path)[0]
    return lambda record: [item for part in parts for item in _items(record, part, path)]


def _all(record: Any, path: str) -> list[Any]:
    if isinstance(record, dict):
        return list(record.values())
    if isinstance(record, list):
        return record
    raise PathError(f"{path!r}: * selects from objects and arrays, and here is {record!r:.80}")


def _child(record: Any, name: str, path: str) -> Any:
    if not isinstance(record, dict) or name not in record:
        raise PathError(f"{path!r} leads nowhere: there is no {name!r} in {record!r:.80}")
    return record[name]


def _items(record: Any, part: str, path: str) -> list[Any]:
    if not isinstance(record, list):
        raise PathError(f"{path!r}: {part} selects from an array, and here is {record!r:.80}")
    start, colon, end = (text.strip() for text in part.partition(":"))
    first = _index(start or "0", record, path)
    if not colon:
        return [record[first]]
    return record[first : _index(end, record, path) + 1 if end else len(record)]


def _index(text: str, record: list[Any], path: str) -> int:
    number = int(text)
    place = number + len(record) if number < 0 else number
    if not 0 <= place < len(record):
        raise PathError(f"{path!r}: there is no {number} among {len(record)}")
    return place


class Joining:
    """What is done with the records of a batch before and after the model sees them.

    Args:
        content_type: The type of the input: CSV, JSON or JSON Lines.
        accept: The type of the output, of the same kind.
        input_filter: What of a record the model gets.
        output_filter: What of a joined record is kept.
        join: Whether a record and its prediction are joined.

    Raises:
        PathError: If a filter is none.
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
        self._filter_in = selector(input_filter, columns=columns)
        self._filter_out = selector(output_filter, columns=columns)

    def before(self, batch: bytes) -> bytes:
        """The batch as the model gets it."""
        return _write([self._filter_in(record) for record in _read(batch, self._in)], self._in)

    def after(self, batch: bytes, prediction: bytes) -> bytes:
        """The output for a batch and its prediction.

        Raises:
            ValueError: If there are not as many predictions as records.
        """
        predicted = _read(prediction, self._out)
        if self._join:
            records = _read(batch, self._in)
            if len(records) != len(predicted):
                raise ValueError(f"{len(records)} records cannot be joined with {len(predicted)} predictions")
            predicted = [_joined(*pair) for pair in zip(records, predicted, strict=True)]
        return _write([self._filter_out(record) for record in predicted], self._out)


def _joined(record: Any, prediction: Any) -> Any:
    if isinstance(record, _Row):
        return _Row([*record, *prediction])
    given = record if isinstance(record, dict) else {"SageMakerInput": record}
    return {**given, "SageMakerOutput": prediction}


class _Row(list[Any]):
    """A row of CSV."""


def _read(content: bytes, kind: str) -> list[Any]:
    if kind == CSV:
        return [_Row(row) for row in csv.reader(io.StringIO(content.decode(), newline="")) if row]
    if kind == LINES:
        return [json.loads(line) for line in content.decode().splitlines() if line.strip()]
    return [json.loads(content)]


def _write(records: list[Any], kind: str) -> bytes:
    if kind == CSV:
        stream = io.StringIO()
        rows = [record if isinstance(record, list) else [record] for record in records]
        csv.writer(stream, lineterminator="\n").writerows(rows)
        return stream.getvalue().encode()
    return "".join(json.dumps(record) + ("\n" if kind == LINES else "") for record in records).encode()
