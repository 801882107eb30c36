"""Models of several containers: CreateModel and RegisterModel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from tests.support.compiling import (
    IMAGE,
    JOB,
    arguments_of,
    config,
    error_in,
    errors_of,
    only_error,
    steps_of,
)

SCALER = {"framework": "sklearn", "framework_version": "1.2-1", "model": "s3://b/scaler.tar.gz"}
OWN = {"image_uri": IMAGE, "model": "s3://b/model.tar.gz"}
MODEL = {"type": "CreateModel", "instance_type": "ml.m5.xlarge"}
PACKAGE = {"type": "RegisterModel", "instance_type": "ml.m5.xlarge", "model_package_group_name": "m"}


def test_containers_keep_their_order() -> None:
    fields = {
        **MODEL,
        "inference_execution_mode": "Direct",
        "containers": [
            {**OWN, "hostname": "first", "environment": {"N": 1}},
            {**OWN, "model": "s3://b/second.tar.gz", "hostname": "second"},
        ],
    }
    made = arguments_of(fields)
    assert made["Containers"] == [
        {
            "Image": IMAGE,
            "ModelDataUrl": "s3://b/model.tar.gz",
            "Environment": {"N": "1"},
            "ContainerHostname": "first",
        },
        {"Image": IMAGE, "ModelDataUrl": "s3://b/second.tar.gz", "ContainerHostname": "second"},
    ]
    assert made["InferenceExecutionConfig"] == {"Mode": "Direct"}
    assert "PrimaryContainer" not in made


@pytest.mark.parametrize("base", [MODEL, PACKAGE])
def test_each_container_has_a_port(base: dict[str, Any]) -> None:
    steps = {
        "scale": {"type": "Training", **JOB},
        "train": {"type": "Training", **JOB},
        "make": {**base, "containers": [{"image_uri": IMAGE}, {"image_uri": IMAGE, "model": "train.model"}]},
    }
    made = steps_of(config(steps, edges=["scale -> make"]))["make"]["Arguments"]
    found = made.get("Containers") or made["InferenceSpecification"]["Containers"]
    assert [item["ModelDataUrl"]["Get"] for item in found] == [
        "Steps.scale.ModelArtifacts.S3ModelArtifacts",
        "Steps.train.ModelArtifacts.S3ModelArtifacts",
    ]


def test_of_two_free_models_none_is_guessed() -> None:
    steps = {
        "scale": {"type": "Training", **JOB},
        "train": {"type": "Training", **JOB},
        "make": {**MODEL, "containers": [{"image_uri": IMAGE}, {"image_uri": IMAGE}]},
    }
    errors = errors_of(config(steps, edges=["scale -> make", "train -> make"]))
    assert errors
    assert all("make.model_1" in error and "make.model_2" in error for error in errors)
    edges = ["scale.model -> make.model_1", "train.model -> make.model_2"]
    assert errors_of(config(steps, edges=edges)) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"image_uri": IMAGE, "containers": [OWN]},
            "step 'step' (CreateModel): image_uri: image_uri is a field of a single container, and the step has "
            "containers",
        ),
        (
            {"environment": {"A": 1}, "containers": [OWN]},
            "step 'step' (CreateModel): environment: environment is a field of a single container, and the step has "
            "containers",
        ),
        (
            {"inputs": {"model": "s3://b/m.tar.gz"}, "containers": [OWN]},
            "step 'step' (CreateModel): inputs.model: inputs.model is a field of a single container, and the step has "
            "containers",
        ),
        (
            {"inputs": {"model_1": "s3://b/m.tar.gz"}, "containers": [OWN]},
            "step 'step' (CreateModel): inputs.model_1: inputs.model_1 and containers[0].model are the same: keep one "
            "of them",
        ),
        ({"containers": []}, "step 'step' (CreateModel): containers: expected at least 1 item, got 0"),
        (
            {"containers": [{**OWN, "imag": "x"}]},
            "step 'step' (CreateModel): unknown field 'containers[0].imag'",
        ),
        ({"containers": [OWN, {}]}, "step 'step': containers[1] names no image"),
        (
            {"containers": [{**OWN, "framework": "sklearn"}]},
            "step 'step': containers[0] names both image_uri and framework",
        ),
        (
            {"containers": [{**SCALER, "framework_version": "9"}]},
            "step 'step': the image tables have no sklearn version '9'",
        ),
        (
            {"containers": [{**OWN, "source_dir": "code"}]},
            "step 'step': containers[0]: source_dir needs entry_point",
        ),
        (
            {"containers": [OWN, {**OWN, "entry_point": "gone.py"}]},
            "step 'step': gone.py does not exist",
        ),
        (
            {
                "enable_network_isolation": True,
                "containers": [{**OWN, "entry_point": "a.py", "source_dir": "s3://b/c.tar.gz"}],
            },
            "step 'step': containers[0]: a model with network isolation cannot fetch entry_point from S3",
        ),
        (
            {"containers": [{**OWN, "hostname": "a"}, OWN]},
            "step 'step': some containers have a ContainerHostname and this one has none: give it to all, or to none",
        ),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str) -> None:
    assert error_in({**MODEL, **fields}).message == message


def test_a_mistake_is_at_the_line_of_its_container(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "pipeline: {name: demo, region: us-east-1, role: arn:aws:iam::123456789012:role/R, bucket: my-bucket}\n"
        "steps:\n"
        "  make:\n"
        "    type: CreateModel\n"
        "    containers:\n"
        f"      - image_uri: {IMAGE}\n"
        f"      - image_uri: {IMAGE}\n"
        "        entry_point: gone.py\n"
    )
    (error,) = PipelineDAGCompiler(path, plugins=[]).validate().errors
    assert error.location is not None
    assert error.location.line == 8


def test_a_text_in_a_container_that_names_an_output_is_refused() -> None:
    steps = {
        "train": {"type": "Training", **JOB},
        "make": {
            **MODEL,
            "containers": [{**OWN, "environment": {"FROM": "train.model"}}],
            "depends_on": ["train"],
        },
    }
    error = only_error(config(steps))
    assert error.code == "wiring.output-as-text"
    assert "containers[0].environment.FROM" in error.message


def test_a_local_transform_of_several_containers_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "batch.csv").write_text("1\n")
    steps = {
        "make": {**MODEL, "containers": [{"image_uri": IMAGE}, {"image_uri": IMAGE}]},
        "score": {
            "type": "Transform",
            "instance_type": "ml.m5.xlarge",
            "inputs": {"data": "s3://my-bucket/batch.csv", "model_name": "make.model_name"},
        },
    }
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps(config(steps)))
    inputs = ["--input", f"s3://my-bucket/batch.csv={tmp_path / 'batch.csv'}"]
    done = CliRunner().invoke(cli, ["run", str(path), *inputs, "--runs", str(tmp_path / "runs")])
    assert done.exit_code == 1
    assert "the model of step 'make' has 2 containers, and a local run serves one" in done.output
    assert "running make" not in done.output
