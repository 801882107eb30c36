"""The catalogue: every step type is there, and shows what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast.cli.main import cli
from dagcast.compile.steps.catalog import MODULES, StepCatalog

NAMES = [
    "Processing",
    "Training",
    "Tuning",
    "Transform",
    "CreateModel",
    "RegisterModel",
    "Condition",
    "Fail",
    "Lambda",
    "Callback",
    "EMR",
    "EMRServerless",
    "QualityCheck",
    "ClarifyCheck",
    "AutoML",
    "NotebookJob",
    "EndpointConfig",
    "Endpoint",
    "InferenceComponent",
    "Job",
    "Lineage",
    "Cleanup",
    "Request",
]

# Inputs and outputs that a type has whatever its config says.
PORTS: dict[str, tuple[list[str], list[str]]] = {
    "Processing": ([], []),
    "Training": ([], ["model", "output"]),
    "Tuning": ([], ["model"]),
    "Transform": (["model_name", "data"], ["predictions"]),
    "CreateModel": (["model"], ["model_name"]),
    "RegisterModel": (
        [
            "model",
            "model_metrics",
            "model_constraints",
            "data_statistics",
            "data_constraints",
            "bias_report",
            "bias_pre_training_report",
            "bias_post_training_report",
            "explainability_report",
            "drift_model_statistics",
            "drift_model_constraints",
            "drift_data_statistics",
            "drift_data_constraints",
            "drift_bias_config",
            "drift_bias_pre_training_constraints",
            "drift_bias_post_training_constraints",
            "drift_explainability_constraints",
            "drift_explainability_config",
        ],
        ["model_package"],
    ),
    "Condition": ([], []),
    "Fail": ([], []),
    "Lambda": ([], []),
    "Callback": ([], []),
    "EMR": ([], []),
    "EMRServerless": ([], []),
    "QualityCheck": (
        ["dataset"],
        [
            "calculated_statistics",
            "drift_check_statistics",
            "calculated_constraints",
            "drift_check_constraints",
        ],
    ),
    "ClarifyCheck": (
        ["dataset", "model_name"],
        ["calculated_constraints", "drift_check_constraints", "analysis_config"],
    ),
    "AutoML": (["train", "validation"], ["model", "insights", "explainability"]),
    "NotebookJob": ([], ["output"]),
    "EndpointConfig": (["model_name"], ["endpoint_config_name"]),
    "Endpoint": (["endpoint_config_name"], ["endpoint_name"]),
    "InferenceComponent": (["endpoint_name", "model_name"], ["inference_component_name"]),
    "Lineage": ([], []),
    "Job": ([], []),
    "Cleanup": ([], []),
    "Request": ([], []),
}


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(cli, arguments)


def test_all_are_there() -> None:
    assert list(MODULES) == NAMES
    catalog = StepCatalog()
    assert list(catalog.names) == NAMES
    assert all(catalog[name].name == name for name in NAMES)
    assert "Nope" not in catalog


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_is(name: str) -> None:
    step_type = StepCatalog()[name]
    assert step_type.about.endswith(".")
    assert (step_type.config.__doc__ or "").strip()
    assert (step_type.lower.__doc__ or "").strip()
    assert step_type.config.model_fields["type"].default == name


@pytest.mark.parametrize("name", NAMES)
def test_steps_shows_one(name: str) -> None:
    shown = invoke("steps", name)
    assert shown.exit_code == 0
    assert shown.output.startswith(f"{name}: {StepCatalog()[name].about}")
    for field in ("type", "display_name", "description", "depends_on", "request"):
        assert field in shown.output
    inputs, outputs = PORTS[name]
    for port in inputs:
        assert f" input {port}: " in shown.output
    for port in outputs:
        assert f"output {port}: " in shown.output


@pytest.mark.parametrize("name", NAMES)
def test_steps_as_json(name: str) -> None:
    described = json.loads(invoke("steps", name, "--json").output)
    assert described["name"] == name
    inputs, outputs = PORTS[name]
    assert [port["name"] for port in described["inputs"]] == inputs
    assert [port["name"] for port in described["outputs"]] == outputs
    assert all(port["kind"] and port["about"] for port in (*described["inputs"], *described["outputs"]))
    fields = {field["name"]: field for field in described["fields"]}
    assert set(fields) == set(StepCatalog()[name].config.model_fields)
    assert all(field["description"] and field["type"] for field in described["fields"])
    assert described["open_inputs"] == (name in ("Processing", "Training", "Tuning"))


def test_every_field_has_its_text() -> None:
    """Its meaning and its type, in the schema that editors show; also the fields of the config's other sections."""
    definitions = json.loads(invoke("schema", "--no-plugins").output)["$defs"]
    composed = {"Defaults", "Edge", "Step"}
    incomplete = [
        f"{model}.{name}"
        for model, body in definitions.items()
        if model not in composed
        for name, field in body.get("properties", {}).items()
        if not field.get("description") or not {"type", "anyOf", "$ref", "const", "enum"} & field.keys()
    ]
    assert incomplete == []


def test_steps_shows_the_meaning_and_the_member_of_a_field() -> None:
    shown = " ".join(invoke("steps", "Transform").output.split())
    assert "max_payload_in_mb integer null Largest request, in MB MaxPayloadInMB" in shown


def test_steps_lists_all() -> None:
    listed = invoke("steps")
    assert listed.exit_code == 0
    lines = listed.output.splitlines()
    for name in NAMES:
        (line,) = (line for line in lines if line.split(" ")[0] == name)
        # A long line is broken to fit the table.
        assert StepCatalog()[name].about[:40] in line
    assert [item["name"] for item in json.loads(invoke("steps", "--json").output)] == NAMES


def test_an_unknown_one() -> None:
    answer = invoke("steps", "Trainig")
    assert answer.exit_code == 1
    assert "unknown step type 'Trainig' (did you mean 'Training'?)" in answer.output
    answer = invoke("steps", "Xyz", "--json")
    assert answer.exit_code == 1
    body = json.loads(answer.output)
    assert body["ok"] is False
    assert body["diagnostics"][0]["hint"].startswith("one of Processing, Training")
