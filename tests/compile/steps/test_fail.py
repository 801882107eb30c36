"""Fail: from config to definition."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import config, error_in, step_of, steps_of


def test_minimal() -> None:
    assert step_of({"type": "Fail"}) == {"Name": "step", "Type": "Fail", "Arguments": {"ErrorMessage": ""}}


def test_full() -> None:
    steps = {
        "stop": {
            "type": "Fail",
            "error_message": "${param.N} in ${exec.PipelineName}: é $${x}",
            "display_name": "Stop",
            "description": "Words",
            "depends_on": ["before"],
        },
        "before": {"type": "Fail"},
    }
    assert steps_of(config(steps, parameters={"N": 3}))["stop"] == {
        "Name": "stop",
        "Type": "Fail",
        "Arguments": {
            "ErrorMessage": {
                "Std:Join": {
                    "On": "",
                    "Values": [
                        {"Get": "Parameters.N"},
                        " in ",
                        {"Get": "Execution.PipelineName"},
                        ": é ${x}",
                    ],
                }
            }
        },
        "DependsOn": ["before"],
        "DisplayName": "Stop",
        "Description": "Words",
    }


def test_a_number_becomes_text() -> None:
    step = step_of({"type": "Fail", "error_message": "${param.N}"}, parameters={"N": 3})
    assert step["Arguments"]["ErrorMessage"] == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"error_message": None, "eror": 1}, "unknown field 'eror'"),
        ({"error_message": ["a"]}, "error_message: expected a string, got ['a']"),
        ({"cache": True}, "unknown field 'cache'"),
        ({"request": {"ErrorMessage": "x"}}, "request: a Fail step sends no request"),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({"type": "Fail", **fields}).message == f"step 'step' (Fail): {message}"
