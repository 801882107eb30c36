"""InferenceComponent, Lineage and Cleanup: from config to request.

The same steps by the SDKs' own classes are in tests/by_hand (inference_component, lineage, cleanup).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from tests.support.compiling import JOB, arguments_of, config, error_in, errors_of, only_error, steps_of

COMPONENT: dict[str, Any] = {
    "type": "InferenceComponent",
    "inference_component_name": "churn",
    "inputs": {"endpoint_name": "shared", "model_name": "made"},
    "min_memory_in_mb": 128,
}
ACTION = {"ActionName": "run", "ActionType": "ModelTraining", "Source": {"SourceUri": "s3://b/run"}}
ARN = "arn:aws:sagemaker:us-east-1:123456789012:artifact/0123456789abcdef0123456789abcdef"


def test_a_component_reads_the_names_of_steps() -> None:
    steps = {
        "make": {"type": "CreateModel", "image_uri": JOB["image_uri"]},
        "place": {**COMPONENT, "inputs": {"endpoint_name": "shared"}},
        "tell": {
            "type": "Lambda",
            "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "inputs": {"name": "${step.place.InferenceComponentArn}"},
        },
    }
    made = steps_of(config(steps, edges=["make -> place", "place -> tell"]))
    assert made["place"]["Arguments"]["Specification"]["ModelName"] == {"Get": "Steps.make.ModelName"}
    assert made["place"]["Arguments"]["EndpointName"] == "shared"


def test_an_endpoint_comes_from_a_parameter() -> None:
    fields = {**COMPONENT, "inputs": {"endpoint_name": "${param.E}"}}
    assert arguments_of(fields, parameters={"E": "shared"})["EndpointName"] == {"Get": "Parameters.E"}


def test_lineage_gives_the_arns_of_its_entities() -> None:
    steps = {
        "record": {"type": "Lineage", "actions": [ACTION]},
        "tell": {
            "type": "Lambda",
            "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "inputs": {"arn": "${step.record.ActionArns['run']}"},
        },
    }
    made = steps_of(config(steps))
    assert made["tell"]["Arguments"]["arn"] == {"Get": "Steps.record.ActionArns['run']"}
    steps["tell"]["inputs"] = {"arn": "${step.record.ActionArns['rum']}"}
    assert only_error(config(steps)).code == "reference.unknown-property"


def test_a_cleanup_waits_for_its_sources_and_its_own_steps() -> None:
    steps = {
        "prepare": {"type": "Processing", **JOB},
        "train": {"type": "Training", **JOB},
        "tidy": {"type": "Cleanup", "depends_on": ["prepare"], "sources": ["train"]},
    }
    tidy = steps_of(config(steps))["tidy"]
    assert tidy["DependsOn"] == ["prepare", "train"]
    assert tidy["Arguments"] == {"Resources": {"S3": [{"StepName": "train"}]}}


def test_an_unknown_source_is_named() -> None:
    steps = {"train": {"type": "Training", **JOB}, "tidy": {"type": "Cleanup", "sources": ["trian"]}}
    error = only_error(config(steps))
    assert "'trian', which is not a step of this pipeline" in error.message
    assert error.hint == "did you mean 'train'?"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"type": "InferenceComponent", "inputs": {"endpoint_name": "e"}},
            "step 'step' (InferenceComponent): 'inference_component_name' is missing",
        ),
        (
            {**COMPONENT, "copy_count": "2"},
            "step 'step' (InferenceComponent): copy_count: expected an integer, got '2'",
        ),
        (
            {"type": "Lineage"},
            "step 'step' (Lineage): a Lineage step records one of actions, artifacts, contexts and associations",
        ),
        (
            {
                "type": "Lineage",
                "associations": [{"source": {"name": "run"}, "destination": {"arn": ARN}}],
            },
            "step 'step' (Lineage): associations[0].source: an entity is {name, type} or {arn}",
        ),
        (
            {
                "type": "Lineage",
                "actions": [ACTION],
                "associations": [
                    {"source": {"name": "run", "type": "Artifact"}, "destination": {"arn": ARN}}
                ],
            },
            "step 'step' (Lineage): associations[0].source: this step records no Artifact 'run'; give the ARN of one "
            "that exists",
        ),
        (
            {"type": "Cleanup", "sources": []},
            "step 'step' (Cleanup): sources: expected at least 1 item, got 0",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in(fields).message == message


def test_an_entity_is_checked_as_its_request(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "pipeline: {name: demo, region: us-east-1, role: arn:aws:iam::123456789012:role/R, bucket: my-bucket}\n"
        "steps:\n"
        "  record:\n"
        "    type: Lineage\n"
        "    actions:\n"
        "      - {ActionName: a, ActionType: T, Source: {SourceUri: s3://b/a}}\n"
        "      - ActionName: b\n"
        "        ActionTyp: T\n"
        "        Source: {SourceUri: s3://b/b}\n"
    )
    errors = PipelineDAGCompiler(path, plugins=[]).validate().errors
    assert errors
    assert all(error.location is not None and error.location.line in (7, 8) for error in errors)
    assert any("ActionTyp" in error.message for error in errors)


@pytest.mark.parametrize(
    "fields",
    [COMPONENT, {"type": "Lineage", "actions": [ACTION]}],
    ids=["InferenceComponent", "Lineage"],
)
def test_a_local_run_refuses_them_before_it_starts(fields: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(config({"step": fields})))
    assert errors_of(config({"step": fields})) == []
    done = CliRunner().invoke(cli, ["run", str(path), "--runs", str(tmp_path / "runs")])
    assert done.exit_code == 1
    assert f"steps of type {fields['type']} do not run locally" in done.output
