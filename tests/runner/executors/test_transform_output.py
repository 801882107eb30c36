"""The part of JSONPath that SageMaker knows, and joining records with predictions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.runner.in_job.transform_output import (
    CSV,
    JSON,
    JSON_LINES,
    DataProcessing,
    JsonPathError,
    compile_json_path,
)

RECORD = {"id": 7, "features": [1, 2, 3, 4, 5, 6], "nested": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$", RECORD),
        ("$.id", 7),
        ("$['id']", 7),
        ('$["id"]', 7),
        ("$['id','features']", {"id": 7, "features": [1, 2, 3, 4, 5, 6]}),
        ("$.nested['a','b']", {"a": 1, "b": 2}),
        ("$.nested.['a','b']", {"a": 1, "b": 2}),
        ("$.nested.*", [1, 2]),
        ("$.nested[*]", [1, 2]),
        ("$.features[1]", 2),
        ("$.features[-1]", 6),
        ("$.features[1,3,5]", [2, 4, 6]),
        ("$.features[0,4:]", [1, 5, 6]),
        # What SageMaker's documentation says of slices: the end is part of them.
        ("$.features[1:4]", [2, 3, 4, 5]),
        ("$.features[:5]", [1, 2, 3, 4, 5, 6]),
        ("$.features[4:]", [5, 6]),
        ("$.features[1:-2]", [2, 3, 4, 5]),
    ],
)
def test_a_path_selects(path: str, selected: Any) -> None:
    assert compile_json_path(path, columns=False)(RECORD) == selected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "id",
        "$id",
        "$..id",
        "$.id.",
        "$[",
        "$[]",
        "$[:]",
        "$[?(@.a)]",
        "$['a'",
        "$[1:2:3]",
        "$[1,]",
        "$.a b[",
    ],
)
def test_what_is_not_a_path_is_refused(path: str) -> None:
    with pytest.raises(JsonPathError):
        compile_json_path(path, columns=False)


@pytest.mark.parametrize("path", ["$.id", "$['id']", "$.*", "$[0][1]"])
def test_of_a_row_only_numbers_select(path: str) -> None:
    with pytest.raises(JsonPathError, match="only numbers select"):
        compile_json_path(path, columns=True)


@pytest.mark.parametrize(
    "path", ["$.none", "$.id.more", "$.features[6]", "$.features[-7]", "$.id[0]", "$.id.*"]
)
def test_a_path_that_leads_nowhere_says_so(path: str) -> None:
    with pytest.raises(JsonPathError):
        compile_json_path(path, columns=False)(RECORD)


@given(st.text(alphabet="$.[]*'\",:-0123456789ab "))
def test_any_text_is_a_path_or_is_refused(path: str) -> None:
    try:
        select = compile_json_path(path, columns=False)
    except JsonPathError:
        return
    try:
        select({"a": [1, 2], "b": {"a": 1}})
    except JsonPathError:
        return


def _processed(kind: str, batch: str, prediction: str, **filters: Any) -> tuple[str, str]:
    processing = DataProcessing(kind, kind, **filters)
    return processing.filter_input(batch.encode()).decode(), processing.make_output(
        batch.encode(), prediction.encode()
    ).decode()


def test_rows_are_filtered_and_joined() -> None:
    before, after = _processed(CSV, '7,"a,b",1\n8,c,2\n', "0.5\n0.6\n", input_filter="$[1:]", join=True)
    assert before == '"a,b",1\nc,2\n'
    assert after == '7,"a,b",1,0.5\n8,c,2,0.6\n'


def test_an_id_and_the_prediction_are_kept() -> None:
    _, after = _processed(
        CSV, "7,1\n8,2\n", "0.5\n0.6\n", input_filter="$[1:]", output_filter="$[0,-1]", join=True
    )
    assert after == "7,0.5\n8,0.6\n"


def test_without_a_join_the_filter_is_for_the_prediction() -> None:
    assert _processed(CSV, "7,1\n", "0.5,no\n", output_filter="$[1]") == ("7,1\n", "no\n")


def test_json_gets_the_prediction_as_an_attribute() -> None:
    before, after = _processed(
        JSON,
        '{"id": 7, "features": [1, 2]}',
        "[0.5]",
        input_filter="$.features",
        output_filter="$['id','SageMakerOutput']",
        join=True,
    )
    assert before == "[1, 2]"
    assert after == '{"id": 7, "SageMakerOutput": [0.5]}'


def test_json_that_is_not_an_object_becomes_one() -> None:
    assert _processed(JSON, "[1]", "2", join=True)[1] == '{"SageMakerInput": [1], "SageMakerOutput": 2}'


def test_lines_of_json_are_joined_one_by_one() -> None:
    _, after = _processed(JSON_LINES, '{"a": 1}\n{"a": 2}\n', "3\n4\n", join=True)
    assert after == '{"a": 1, "SageMakerOutput": 3}\n{"a": 2, "SageMakerOutput": 4}\n'


def test_predictions_that_are_not_one_for_each_record_are_refused() -> None:
    with pytest.raises(ValueError, match="2 records cannot be joined with 1 predictions"):
        _processed(CSV, "1\n2\n", "3\n", join=True)
