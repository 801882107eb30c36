"""Limits equal those of the service: of botocore's model, or copied by hand from their source."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.sagemaker import limits
from dagcast.sagemaker.service_model import load_shapes

LENGTHS = {
    "PipelineDefinition": limits.DEFINITION_MAX_LENGTH,
    "PipelineName": limits.PIPELINE_NAME_MAX_LENGTH,
    "PipelineParameterName": limits.PARAMETER_NAME_MAX_LENGTH,
    "PipelineExecutionName": limits.EXECUTION_NAME_MAX_LENGTH,
    "StepName": limits.STEP_NAME_MAX_LENGTH,
    "StepDisplayName": limits.STEP_DISPLAY_NAME_MAX_LENGTH,
    "PipelineDescription": limits.DESCRIPTION_MAX_LENGTH,
    "StepDescription": limits.DESCRIPTION_MAX_LENGTH,
    "TagValue": limits.TAG_VALUE_MAX_LENGTH,
    "String1024": limits.PARAMETER_VALUE_MAX_LENGTH,
}


@pytest.mark.parametrize("shape", LENGTHS)
def test_lengths_are_those_of_the_service_model(shape: str) -> None:
    assert load_shapes("sagemaker").shape(shape)["max"] == LENGTHS[shape]


def test_a_parameter_value_is_a_string_of_1024_characters() -> None:
    assert load_shapes("sagemaker").shape("Parameter")["members"]["Value"]["shape"] == "String1024"


def test_a_processing_job_has_as_many_inputs_as_the_service_model_says() -> None:
    assert load_shapes("sagemaker").shape("ProcessingInputs")["max"] == limits.PROCESSING_INPUTS_MAX_COUNT


NAMES = {
    "PipelineName": limits.PIPELINE_NAME_PATTERN,
    "PipelineParameterName": limits.PARAMETER_NAME_PATTERN,
    "StepName": limits.STEP_NAME_PATTERN,
}


@pytest.mark.parametrize("shape", NAMES)
@given(name=st.text("aZ0-_.é ", min_size=1, max_size=6))
def test_names_are_those_of_the_service_model(shape: str, name: str) -> None:
    fits = re.fullmatch(load_shapes("sagemaker").shape(shape)["pattern"], name) is not None
    if shape == "StepName":
        # References to a step are read by dagcast, which is stricter: a letter or digit stands at the start,
        # and a hyphen does not stand at the end.
        fits = fits and name[0] not in "-_" and name[-1] != "-"
    assert bool(re.fullmatch(NAMES[shape], name)) is fits


def test_limits_that_are_not_in_the_service_model() -> None:
    assert limits.DEFINITION_INLINE_BYTES == 102_400  # Pipeline._create_args of both SDKs
    assert limits.DEFAULT_RUN_TIME_SECONDS == 86_400  # StoppingCondition: "the default value is 1 day"
    assert limits.DEFAULT_VOLUME_GB == 30  # volume_size of the SDKs' estimators and processors


# Source: Amazon S3 User Guide, "General purpose bucket naming rules".
@pytest.mark.parametrize(
    ("name", "fits"), [("abc", True), ("a" * 63, True), ("ab", False), ("a" * 64, False)]
)
def test_bucket_names_have_3_to_63_characters(name: str, fits: bool) -> None:
    assert bool(re.fullmatch(limits.BUCKET_NAME_PATTERN, name)) is fits
