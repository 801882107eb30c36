"""Every argument of the SDK's image tables is a field, and every kind of table compiles."""

from __future__ import annotations

from typing import Any

import pytest

from dagcast.sagemaker.sdk import load_image_uris
from tests.support.compiling import arguments_of, check, config, error_in

GPU = {"type": "Training", "instance_type": "ml.g5.xlarge"}


@pytest.mark.parametrize(
    ("fields", "retrieved"),
    [
        (
            {
                "framework": "huggingface",
                "framework_version": "4.28.1",
                "py_version": "py310",
                "base_framework_version": "pytorch2.0.0",
            },
            {
                "framework": "huggingface",
                "version": "4.28.1",
                "py_version": "py310",
                "base_framework_version": "pytorch2.0.0",
                "instance_type": "ml.g5.xlarge",
                "image_scope": "training",
            },
        ),
        (
            {
                "framework": "huggingface-training-compiler",
                "framework_version": "4.21.1",
                "py_version": "py38",
                "base_framework_version": "pytorch1.11.0",
            },
            {
                "framework": "huggingface",
                "training_compiler_config": True,
                "version": "4.21.1",
                "py_version": "py38",
                "base_framework_version": "pytorch1.11.0",
                "instance_type": "ml.g5.xlarge",
                "image_scope": "training",
            },
        ),
        (
            {
                "framework": "pytorch",
                "framework_version": "1.13.1",
                "py_version": "py38",
                "inference_tool": "neuronx",
                "sdk_version": "sdk2.9.0",
                "instance_type": "ml.trn1.2xlarge",
            },
            None,
        ),
    ],
    ids=["huggingface", "training-compiler", "unknown-combination"],
)
def test_the_image_is_the_sdks(fields: dict[str, Any], retrieved: dict[str, Any] | None) -> None:
    if retrieved is None:
        error = error_in({**GPU, **fields})
        assert error.code == "image.unknown"
        assert "set image_uri to name the image itself" in str(error.hint)
        return
    expected = load_image_uris().retrieve(region="us-east-1", **retrieved)
    assert arguments_of({**GPU, **fields})["AlgorithmSpecification"]["TrainingImage"] == expected


@pytest.mark.parametrize("framework", ["huggingface-neuronx", "huggingface"])
def test_a_neuron_image_of_hugging_face(framework: str) -> None:
    fields = {
        "type": "CreateModel",
        "framework": framework,
        "framework_version": "4.34.1",
        "py_version": "py310",
        "base_framework_version": "pytorch1.13.1",
        "instance_type": "ml.inf2.xlarge",
        "inference_tool": "neuronx",
        "inputs": {"model": "s3://b/model.tar.gz"},
    }
    image = arguments_of(fields)["PrimaryContainer"]["Image"]
    assert "/huggingface-pytorch-inference-neuronx:1.13.1-transformers4.34.1-neuronx-py310-sdk" in image


def test_what_hugging_face_lacks_is_named() -> None:
    error = error_in(
        {**GPU, "framework": "huggingface", "framework_version": "4.28.1", "py_version": "py310"}
    )
    assert error.code == "image.unknown"
    assert error.hint == (
        "set base_framework_version to one of pytorch2.0.0, or set image_uri to name the image itself"
    )


PYTORCH = {"type": "Training", "framework": "pytorch", "framework_version": "2.3", "py_version": "py311"}


@pytest.mark.parametrize("default", ["ml.m5.xlarge", "ml.g5.xlarge"])
def test_a_parameter_counts_by_its_default(default: str) -> None:
    fields = {**PYTORCH, "instance_type": "${param.Machine}"}
    source = config({"step": fields}, parameters={"Machine": default})
    arguments = arguments_of(fields, parameters={"Machine": default})
    known = arguments_of({**PYTORCH, "instance_type": default})["AlgorithmSpecification"]["TrainingImage"]
    assert arguments["AlgorithmSpecification"]["TrainingImage"] == known
    assert arguments["ResourceConfig"]["InstanceType"] == {"Get": "Parameters.Machine"}
    (warning,) = check(source).warnings
    assert warning.code == "image.by-default"
    assert f"{default!r}, the default of ${{param.Machine}}" in warning.message


def test_an_image_for_all_machines_gives_no_warning() -> None:
    fields = {
        "type": "Training",
        "framework": "xgboost",
        "framework_version": "1.7-1",
        "instance_type": "${param.Machine}",
    }
    warnings = check(config({"step": fields}, parameters={"Machine": "ml.m5.xlarge"})).warnings
    assert "image.by-default" not in [warning.code for warning in warnings]


def test_a_parameter_without_a_default_decides_no_image() -> None:
    fields = {**PYTORCH, "instance_type": "${param.Machine}"}
    error = error_in(fields, parameters={"Machine": {"type": "String"}})
    assert error.code == "image.unknown"
    assert "${param.Machine}" in error.message
    assert error.hint == "give the parameter a default, or set image_uri to name the image itself"
