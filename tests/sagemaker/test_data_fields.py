"""Which fields of steps hold the S3 URIs of data: each is a member of the request, and the main ones are known."""

from __future__ import annotations

import botocore.session
import pytest

from dagcast.sagemaker.data_fields import data_fields

REQUESTS = {
    "Processing": ["CreateProcessingJobRequest"],
    "QualityCheck": ["CreateProcessingJobRequest"],
    "ClarifyCheck": ["CreateProcessingJobRequest"],
    "Training": ["CreateTrainingJobRequest", "HyperParameterTrainingJobDefinition"],
    "Tuning": ["CreateHyperParameterTuningJobRequest"],
    "Transform": ["CreateTransformJobRequest"],
    "Model": ["CreateModelInput"],
    "RegisterModel": ["CreateModelPackageInput"],
    "AutoML": ["CreateAutoMLJobRequest"],
    "EndpointConfig": ["CreateEndpointConfigInput"],
}
"""The requests that have the fields of each type. A tuning job has static hyperparameters, a training job others."""

NOT_IN_A_TUNING_JOB = {"HyperParameters", "DebugHookConfig", "ProfilerConfig", "TensorBoardOutputConfig"}
"""Members of a training job that the training jobs of a tuning job do not have."""

PURPOSES = ("reads", "code", "reports", "writes", "job_outputs", "checkpoints", "debug_outputs")


def _kind(shape: str, pattern: tuple[str, ...]) -> str | None:
    """The type of the member that a pattern leads to; ``None`` for a missing member."""
    found = botocore.session.get_session().get_service_model("sagemaker").shape_for(shape)
    for part in pattern:
        if part == "[*]":
            found = found.member
        elif found.type_name == "map":
            found = found.value
        elif part in found.members:
            found = found.members[part]
        else:
            return None
    return str(found.type_name)


@pytest.mark.parametrize("definition_type", REQUESTS)
def test_each_field_is_a_text_of_the_request(definition_type: str) -> None:
    fields = data_fields(definition_type)
    patterns = [pattern for purpose in PURPOSES for pattern in getattr(fields, purpose)]
    assert patterns
    for where, *pattern in patterns:
        if where != "Arguments" or (definition_type == "Tuning" and NOT_IN_A_TUNING_JOB & set(pattern)):
            continue
        assert "string" in {_kind(shape, tuple(pattern)) for shape in REQUESTS[definition_type]}, pattern


def test_a_training_job_reads_its_channels_and_writes_below_its_output_path() -> None:
    fields = data_fields("Training")
    assert fields.reads == (("Arguments", "InputDataConfig", "[*]", "DataSource", "S3DataSource", "S3Uri"),)
    assert fields.job_outputs == (("Arguments", "OutputDataConfig", "S3OutputPath"),)
    assert fields.writes == ()


def test_a_tuning_job_has_one_definition_of_training_jobs_or_several() -> None:
    assert data_fields("Tuning").checkpoints == (
        ("Arguments", "TrainingJobDefinition", "CheckpointConfig", "S3Uri"),
        ("Arguments", "TrainingJobDefinitions", "[*]", "CheckpointConfig", "S3Uri"),
    )


def test_a_type_without_data_has_no_fields() -> None:
    for definition_type in ("Fail", "Lambda", "no-such-type"):
        assert all(getattr(data_fields(definition_type), purpose) == () for purpose in PURPOSES)
