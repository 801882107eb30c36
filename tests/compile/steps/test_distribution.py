"""Distribution, model directory and metric time series of scripts in framework images.

What each strategy writes is compared with SDK 2's estimators in tests/integration/equivalence (training_frameworks).
"""

from __future__ import annotations

from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from tests.support.compiling import JOB, arguments_of, config, error_in

SCRIPT = {"entry_point": "train.py", "source_dir": "s3://b/source.tar.gz"}
OWN = {"type": "Training", **JOB, **SCRIPT, "instance_type": "ml.g5.xlarge"}
TORCH = {
    "type": "Training",
    **SCRIPT,
    "framework": "pytorch",
    "framework_version": "2.0.1",
    "py_version": "py310",
    "instance_type": "ml.g5.xlarge",
}
FLOW = {**TORCH, "framework": "tensorflow", "framework_version": "2.11", "py_version": "py39"}
SKLEARN = {
    **OWN,
    "image_uri": None,
    "framework": "sklearn",
    "framework_version": "1.2-1",
    "instance_type": "ml.m5.xlarge",
}


def written(fields: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """The hyperparameters beyond those that bring the script."""
    found = arguments_of(fields, **sections)["HyperParameters"]
    brought = (
        "sagemaker_container_log_level",
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_region",
    )
    return {name: value for name, value in found.items() if name not in brought}


def test_tuning_jobs_have_a_distribution() -> None:
    tuning = {
        **OWN,
        "type": "Tuning",
        "distribution": {"torch_distributed": True},
        "model_dir": "/opt/ml/model",
        "ranges": {"lr": {"type": "Continuous", "min": 0.1, "max": 1.0}},
        "objective": {"name": "loss", "type": "Minimize"},
        "metric_definitions": {"loss": "loss=(.*)"},
        "max_jobs": 2,
        "max_parallel_jobs": 1,
    }
    static = arguments_of(tuning)["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static["sagemaker_torch_distributed_enabled"] == "true"
    assert static["sagemaker_instance_type"] == '"ml.g5.xlarge"'
    assert static["model_dir"] == '"/opt/ml/model"'


def test_references_are_filled_in_by_the_service() -> None:
    distribution = {
        "mpi": {"enabled": True, "processes_per_host": "${param.N}", "custom_mpi_options": "${param.O}"}
    }
    fields = {**OWN, "distribution": distribution, "model_dir": "${param.Dir}"}
    found = written(fields, parameters={"N": 2, "O": "-x A=1", "Dir": "s3://b/m"})
    assert found == {
        "sagemaker_mpi_enabled": "true",
        "sagemaker_mpi_num_of_processes_per_host": {
            "Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}
        },
        "sagemaker_mpi_custom_mpi_options": {"Get": "Parameters.O"},
        "model_dir": {"Get": "Parameters.Dir"},
    }


def test_a_strategy_that_is_off_is_written_as_off() -> None:
    assert written({**FLOW, "distribution": {"parameter_server": False}}) == {
        "sagemaker_parameter_server_enabled": "false"
    }
    assert written({**TORCH, "distribution": {"torch_distributed": False}}) == {}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({}, True),
        ({"framework_version": "1.2.0", "py_version": "py3"}, None),
        ({"enable_sagemaker_metrics": False}, False),
        ({"entry_point": None, "source_dir": None}, None),
        ({"enable_sagemaker_metrics": "${param.Keep}"}, {"Get": "Parameters.Keep"}),
    ],
)
def test_metric_time_series(fields: dict[str, Any], kept: object) -> None:
    made = arguments_of({**TORCH, **fields}, parameters={"Keep": {"type": "Boolean", "default": True}})
    assert made["AlgorithmSpecification"].get("EnableSageMakerMetricsTimeSeries") == kept


@pytest.mark.parametrize(
    ("framework", "before", "since"),
    [("pytorch", "1.2.0", "1.3.1"), ("tensorflow", "1.14.0", "1.15.2"), ("mxnet", "1.4.1", "1.6.0")],
)
def test_metric_time_series_begin_with_a_version_of_the_framework(
    framework: str, before: str, since: str
) -> None:
    """Source: ``enable_sagemaker_metrics`` in ``estimator.py`` of each framework of SDK 2."""
    for version, kept in ((before, None), (since, True)):
        fields = {"framework": framework, "framework_version": version, "py_version": "py3"}
        made = arguments_of({**TORCH, **fields})
        assert made["AlgorithmSpecification"].get("EnableSageMakerMetricsTimeSeries") is kept, version


def test_images_without_a_framework_class_keep_their_request() -> None:
    for fields in (OWN, SKLEARN):
        assert "EnableSageMakerMetricsTimeSeries" not in arguments_of(fields)["AlgorithmSpecification"]


def test_a_tensorflow_script_has_the_model_directory_that_is_given() -> None:
    assert written(FLOW) == {}
    assert written({**FLOW, "model_dir": "s3://b/model"}) == {"model_dir": '"s3://b/model"'}
    mpi = {**FLOW, "distribution": {"mpi": True}}
    assert written(mpi)["model_dir"] == '"/opt/ml/model"'
    assert "model_dir" not in written({**mpi, "model_dir": False})
    assert "model_dir" not in written(
        {**mpi, "framework": "pytorch", "framework_version": "2.0.1", "py_version": "py310"}
    )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (
            {**OWN, "entry_point": None, "source_dir": None, "distribution": {"mpi": True}},
            "code.missing-entry-point",
            "distribution starts the script entry_point",
        ),
        (
            {**SKLEARN, "distribution": {"mpi": True}},
            "training.distribution",
            "images of sklearn start no distributed training",
        ),
        (
            {**FLOW, "distribution": {"torch_distributed": True}},
            "training.distribution",
            "images of tensorflow do not have torch_distributed",
        ),
        (
            {**TORCH, "distribution": {"multi_worker_mirrored_strategy": True}},
            "training.distribution",
            "images of pytorch do not have multi_worker_mirrored_strategy",
        ),
        (
            {
                **FLOW,
                "framework_version": "2.8",
                "distribution": {"multi_worker_mirrored_strategy": True},
            },
            "training.distribution",
            "TensorFlow 2.8 does not have multi_worker_mirrored_strategy",
        ),
        (
            {**OWN, "instance_type": "ml.trn1.2xlarge", "distribution": {"mpi": True}},
            "training.distribution",
            "ml.trn1.2xlarge has Trainium, for which there is torch_distributed only, not mpi",
        ),
        (
            {**TORCH, "instance_type": "ml.m5.xlarge", "distribution": {"torch_distributed": True}},
            "training.distribution",
            "torch_distributed needs GPUs or Trainium, and ml.m5.xlarge has neither",
        ),
        (
            {
                **TORCH,
                "instance_type": "ml.p5.48xlarge",
                "distribution": {"smdistributed": {"dataparallel": True}},
            },
            "training.distribution",
            "smdistributed runs on ml.p5.48xlarge only together with torch_distributed",
        ),
        (
            {**OWN, "entry_point": "train.sh", "distribution": {"torch_distributed": True}},
            "training.distribution",
            "torch_distributed starts Python scripts, and 'train.sh' does not end in .py",
        ),
        (
            {**TORCH, "model_dir": "s3://b/m"},
            "training.model-dir",
            "scripts in images of pytorch get no model_dir",
        ),
        (
            {**OWN, "entry_point": None, "source_dir": None, "model_dir": "s3://b/m"},
            "code.missing-entry-point",
            "model_dir is for the script entry_point",
        ),
        (
            {**OWN, "distribution": {"mpi": True}, "hyperparameters": {"sagemaker_mpi_enabled": False}},
            "training.repeated-hyperparameter",
            "distribution sets the hyperparameter 'sagemaker_mpi_enabled'",
        ),
        (
            {**OWN, "model_dir": "/opt/ml/model", "hyperparameters": {"model_dir": "x"}},
            "training.repeated-hyperparameter",
            "model_dir sets the hyperparameter 'model_dir'",
        ),
    ],
)
def test_what_a_job_cannot_run(fields: dict[str, Any], code: str, message: str) -> None:
    error = error_in(fields)
    assert (error.code, error.message) == (code, f"step 'step': {message}")


MODEL = "distribution.smdistributed.modelparallel.parameters"


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        ({"mpi": {}}, "'distribution.mpi.enabled' is missing"),
        ({"mpi": {"enabled": "yes"}}, "distribution.mpi.enabled: expected true or false, got 'yes'"),
        ({"torchrun": True}, "unknown field 'distribution.torchrun'"),
        (
            {"smdistributed": {}},
            "distribution.smdistributed: smdistributed takes one of dataparallel and modelparallel",
        ),
        (
            {"smdistributed": {"dataparallel": True, "modelparallel": True}},
            "distribution.smdistributed: smdistributed takes one of dataparallel and modelparallel",
        ),
        (
            {"pytorchddp": True, "smdistributed": {"dataparallel": True}},
            "distribution.pytorchddp: pytorchddp and smdistributed exclude each other",
        ),
        (
            {"multi_worker_mirrored_strategy": True, "parameter_server": True},
            "distribution.multi_worker_mirrored_strategy: multi_worker_mirrored_strategy and parameter_server exclude "
            "each other",
        ),
    ],
)
def test_wrong_values_are_located(distribution: dict[str, Any], message: str) -> None:
    error = error_in({**OWN, "distribution": distribution})
    assert error.message == f"step 'step' (Training): {message}"


@pytest.mark.parametrize(
    ("parameters", "name", "message"),
    [
        ({"pipeline": "fast"}, "pipeline", "expected one of simple, interleaved, _only_forward, got 'fast'"),
        ({"microbatches": 0}, "microbatches", "expected a positive integer, got 0"),
        ({"partitions": True}, "partitions", "expected a positive integer, got True"),
        ({"ddp": 1}, "ddp", "expected true or false, got 1"),
        ({"memory_weight": 2}, "memory_weight", "expected a number from 0 to 1, got 2"),
        (
            {"auto_partition": False},
            "auto_partition",
            "without auto_partition the library needs a default_partition",
        ),
        (
            {"partitions": 2, "default_partition": 2},
            "default_partition",
            "expected less than the number of partitions, 2, got 2",
        ),
        ({"ddp_port": 1}, "ddp_port", "it needs ddp"),
        ({"ddp": True, "horovod": True}, "horovod", "ddp and horovod exclude each other"),
        (
            {"microbatches": "${param.N}"},
            "microbatches",
            "it is written out when the pipeline is compiled, so ${param.N} would not be filled in",
        ),
    ],
)
def test_parameters_of_model_parallelism(parameters: dict[str, Any], name: str, message: str) -> None:
    distribution = {"smdistributed": {"modelparallel": {"enabled": True, "parameters": parameters}}}
    error = error_in({**OWN, "distribution": distribution}, parameters={"N": 2})
    assert error.message == f"step 'step' (Training): {MODEL}.{name}: {message}"


def test_a_mistake_has_the_line_of_its_strategy(tmp_path: Any) -> None:
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "pipeline: {name: demo, region: us-east-1, role: arn:aws:iam::123456789012:role/R, bucket: my-bucket}\n"
        "steps:\n"
        "  train:\n"
        "    type: Training\n"
        "    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1\n"
        "    instance_type: ml.trn1.2xlarge\n"
        "    entry_point: train.py\n"
        "    source_dir: s3://b/source.tar.gz\n"
        "    distribution:\n"
        "      torch_distributed: true\n"
        "      mpi: true\n"
    )
    (error,) = PipelineDAGCompiler(path, plugins=[]).validate().errors
    assert error.location is not None
    assert error.location.line == 11


def test_explain_names_the_field_behind_each_hyperparameter() -> None:
    fields = {**OWN, "distribution": {"mpi": True}, "model_dir": "/opt/ml/model"}
    compiled = PipelineDAGCompiler(config({"step": fields}), plugins=[]).compile_definition()
    (step,) = compiled.spec.steps
    origins = {
        path[-1]: origin.path for path, origin in step.origins.items() if path[1:2] == ("HyperParameters",)
    }
    assert origins["sagemaker_mpi_enabled"] == ("steps", "step", "distribution")
    assert origins["model_dir"] == ("steps", "step", "model_dir")
