"""Instance groups, the Training Compiler, and what excludes them.

What the SDK's classes write is compared in tests/integration/equivalence (training_machines).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import arguments_of, check, config, error_in

SCRIPT = {"entry_point": "train.py", "source_dir": "s3://b/source.tar.gz"}
TORCH: dict[str, Any] = {
    "type": "Training",
    **SCRIPT,
    "framework": "pytorch",
    "framework_version": "2.0.1",
    "py_version": "py310",
}
XLA = {**TORCH, "framework_version": "1.13.1", "py_version": "py39", "instance_type": "ml.g5.xlarge"}
FLOW = {**XLA, "framework": "tensorflow", "framework_version": "2.11"}
FACE = {
    **XLA,
    "framework": "huggingface",
    "framework_version": "4.21.1",
    "base_framework_version": "pytorch1.11.0",
    "py_version": "py38",
}
CPUS = {"name": "cpus", "instance_type": "ml.c5.xlarge", "instance_count": 2}
GPUS = {"name": "gpus", "instance_type": "ml.g5.xlarge"}


def test_groups_replace_the_instance_type_and_the_count() -> None:
    made = arguments_of({**TORCH, "instance_groups": [CPUS, GPUS]})
    assert made["ResourceConfig"] == {
        "InstanceGroups": [
            {"InstanceGroupName": "cpus", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
            {"InstanceGroupName": "gpus", "InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
        ],
        "VolumeSizeInGB": 30,
    }
    assert "-gpu-" in made["AlgorithmSpecification"]["TrainingImage"]


def test_groups_of_a_tuning_step() -> None:
    tuning = {
        **TORCH,
        "type": "Tuning",
        "instance_groups": [GPUS],
        "distribution": {"mpi": True},
        "ranges": {"lr": {"type": "Continuous", "min": 0.1, "max": 1.0}},
        "objective": {"name": "loss", "type": "Minimize"},
        "metric_definitions": {"loss": "loss=(.*)"},
        "max_jobs": 2,
    }
    job = arguments_of(tuning)["TrainingJobDefinition"]
    assert [group["InstanceGroupName"] for group in job["ResourceConfig"]["InstanceGroups"]] == ["gpus"]
    assert job["StaticHyperParameters"]["sagemaker_distribution_instance_groups"] == '["gpus"]'


def test_a_group_of_a_parameter_chooses_the_image_by_its_default() -> None:
    group = {**GPUS, "instance_type": "${param.Machine}"}
    fields = {**TORCH, "instance_groups": [group]}
    made = arguments_of(fields, parameters={"Machine": "ml.g5.xlarge"})
    assert "-gpu-" in made["AlgorithmSpecification"]["TrainingImage"]
    warnings = check(config({"step": fields}, parameters={"Machine": "ml.g5.xlarge"})).warnings
    assert [warning.code for warning in warnings] == ["image.by-default"]


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (
            {"instance_groups": [CPUS, GPUS], "distribution": {"mpi": True}},
            "training.distribution",
            "the script is started on one of the instance groups cpus, gpus",
        ),
        (
            {"instance_groups": [GPUS], "distribution": {"mpi": True, "instance_groups": ["gpu"]}},
            "training.distribution",
            "the step has no instance group 'gpu'",
        ),
        (
            {"instance_type": "ml.g5.xlarge", "distribution": {"mpi": True, "instance_groups": ["gpus"]}},
            "training.distribution",
            "the step has no instance group 'gpus'",
        ),
        (
            {"instance_groups": [CPUS], "distribution": {"torch_distributed": True}},
            "training.distribution",
            "torch_distributed needs GPUs or Trainium, and ml.c5.xlarge has neither",
        ),
        (
            {"instance_groups": [GPUS], "distribution": {"parameter_server": True}},
            "training.distribution",
            "instance groups need mpi, smdistributed.dataparallel, torch_distributed or pytorchddp",
        ),
        (
            {"instance_type": "ml.g5.xlarge", "distribution": {"pytorchxla": True}},
            "training.compiler",
            "pytorchxla runs with the Training Compiler",
        ),
    ],
)
def test_what_groups_and_strategies_exclude(fields: dict[str, Any], code: str, message: str) -> None:
    error = error_in({**TORCH, **fields})
    assert (error.code, error.message) == (code, f"step 'step': {message}")


def test_the_hint_about_the_compiler_is_right() -> None:
    fields = {**XLA, "distribution": {"pytorchxla": True}}
    assert error_in(fields).hint == "add compiler_config: true"
    made = arguments_of({**fields, "compiler_config": True})
    assert made["HyperParameters"]["sagemaker_pytorch_xla_multi_worker_enabled"] == "true"
    assert "pytorch-trcomp-training" in made["AlgorithmSpecification"]["TrainingImage"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {**XLA, "instance_type": "ml.m5.xlarge"},
            "the Training Compiler does not support ml.m5.xlarge",
        ),
        (
            {**XLA, "entry_point": None, "source_dir": None},
            "the Training Compiler compiles the script entry_point",
        ),
        (
            {**XLA, "framework": "mxnet", "framework_version": "1.9.0", "py_version": "py38"},
            "there is no Training Compiler for images of mxnet",
        ),
        (
            {**XLA, "distribution": {"torch_distributed": True}},
            "from PyTorch 1.12 on, the Training Compiler runs with pytorchxla alone",
        ),
        (
            {**FLOW, "framework_version": "2.8"},
            "the Training Compiler does not support TensorFlow 2.8",
        ),
        (
            {**FLOW, "distribution": {"multi_worker_mirrored_strategy": True}},
            "multi_worker_mirrored_strategy excludes the Training Compiler",
        ),
    ],
)
def test_what_the_compiler_excludes(fields: dict[str, Any], message: str) -> None:
    error = error_in({**fields, "compiler_config": True})
    assert (error.code, error.message) == ("training.compiler", f"step 'step': {message}")


def test_the_compiler_of_hugging_face_has_versions() -> None:
    error = error_in({**FACE, "base_framework_version": "pytorch1.13.1", "compiler_config": True})
    assert (
        error.message == "step 'step': the Training Compiler of Hugging Face does not support PyTorch 1.13.1"
    )
