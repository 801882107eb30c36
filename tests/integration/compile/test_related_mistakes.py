"""One mistake in different step types, fields, formats and layers: each time one message, at its own place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from tests.check.rows.row import in_region, one, step
from tests.support.compiling import IMAGE, JOB, PIPELINE, check, config

STOP = {"type": "Fail", "error_message": "no"}
LAMBDA = {
    **step("Lambda"),
    "outputs": {"score": "Float", "ok": "Boolean", "name": "String"},
}


def _compared(left: Any, op: str, right: Any) -> dict[str, Any]:
    return config(
        {
            "call": LAMBDA,
            "work": step("Processing"),
            "choose": {
                "type": "Condition",
                "conditions": [{"left": left, "op": op, "right": right}],
                "if_steps": ["stop"],
            },
            "stop": STOP,
        },
        parameters={"Limit": 0.8, "Name": "a", "Go": True},
    )


@pytest.mark.parametrize(
    ("left", "op", "right", "message"),
    [
        ("${step.call.OutputParameters['name']}", "<", 3, "'name']} is a text"),
        ("${step.call.OutputParameters['score']}", ">=", "high", "'high' is a text"),
        ("${step.call.OutputParameters['ok']}", "==", "yes", "is a boolean, and 'yes' is a text"),
        ("${exec.PipelineName}", ">", 2, "${exec.PipelineName} is a text"),
        ("${param.Go}", ">", 1, "${param.Go} is a boolean"),
        ("${param.Name}", "==", 1, "${param.Name} is a text, and 1 is a number"),
    ],
)
def test_a_condition_compares_what_its_declared_types_let_it(
    left: str, op: str, right: Any, message: str
) -> None:
    (error,) = check(_compared(left, op, right)).errors
    assert error.code == "condition.types"
    assert message in error.message


@pytest.mark.parametrize(
    ("left", "op", "right"),
    [
        ("${step.call.OutputParameters['score']}", ">=", "${param.Limit}"),
        ("${step.call.OutputParameters['name']}", "==", "${param.Name}"),
        ("${step.call.OutputParameters['ok']}", "==", "${param.Go}"),
        ("${step.work.ProcessingJobStatus}", "==", "Completed"),
    ],
)
def test_a_condition_of_one_type_is_valid(left: str, op: str, right: Any) -> None:
    assert check(_compared(left, op, right)).errors == ()


@pytest.mark.parametrize(
    ("kind", "inputs", "meant"),
    [
        ("Transform", {"modelName": "churn", "data": "s3://my-bucket/x"}, "model_name"),
        ("Transform", {"model_name": "churn", "dta": "s3://my-bucket/x"}, "data"),
        ("AutoML", {"trian": "s3://my-bucket/x"}, "train"),
        ("Endpoint", {"endpoint_config": "churn"}, "endpoint_config_name"),
    ],
)
def test_a_misspelt_input_is_not_reported_as_missing_as_well(
    kind: str, inputs: dict[str, str], meant: str
) -> None:
    (error,) = check(one(kind, inputs=inputs)).errors
    assert (error.code, error.hint) == ("wiring.unknown-port", f"did you mean {meant!r}?")


def test_a_default_that_several_kinds_of_jobs_refuse_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    source = {
        "pipeline": PIPELINE,
        "defaults": {"image_uri": IMAGE, "instance_type": "m5.large"},
        "steps": {"prepare": {"type": "Processing"}, "train": {"type": "Training"}},
    }
    path.write_text(json.dumps(source, indent=1), "utf-8")
    (error,) = PipelineDAGCompiler(path, plugins=[]).validate().errors
    assert (error.hint, error.steps) == ("did you mean 'ml.m5.large'?", ("prepare", "train"))


@pytest.mark.parametrize("kind", ["Training", "Tuning", "CreateModel", "RegisterModel"])
def test_an_archive_is_the_folder_of_a_script_and_not_the_script(kind: str) -> None:
    (error,) = check(one(kind, entry_point="s3://my-bucket/code/job.tar.gz")).errors
    assert error.code == "code.unusable-source"
    assert error.hint == (
        "give it as source_dir: s3://my-bucket/code/job.tar.gz, and the script in it as entry_point"
    )
    followed = one(kind, source_dir="s3://my-bucket/code/job.tar.gz", entry_point="job.py")
    assert check(followed).errors == ()


ENVIRONMENTS: Mapping[str, tuple[dict[str, Any], str]] = {
    "a parameter's value": ({"parameters": {"Machine": "ml.m5.4xlage"}}, "not 'ml.m5.4xlage'"),
    "a parameter of another type": (
        {"parameters": {"Count": "many"}},
        "expected a default of type Integer, got 'many'",
    ),
    "a number out of range": ({"parameters": {"Count": 0}}, "instance_count must be from 1 to 100, not 0"),
    "a field": ({"steps": {"work": {"instance_type": "m5.large"}}}, "not 'm5.large'"),
    "a type": ({"steps": {"work": {"type": "Procesing"}}}, "unknown step type 'Procesing'"),
    "a step": ({"steps": {"wrok": {"instance_count": 2}}}, "step 'wrok' is only in the environment"),
    "a section": ({"step": {}}, "has no section 'step'"),
    "the pipeline": ({"pipeline": {"bucket": "My_Bucket"}}, "bucket: 'My_Bucket' does not match"),
    "defaults": ({"defaults": {"volume_size_in_gb": 0}}, "volume_size_in_gb must be from 1 to"),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_the_mistake_of_one_environment_is_reported_once_with_its_name(
    name: str, form: str, tmp_path: Path
) -> None:
    overlay, message = ENVIRONMENTS[name]
    work = {
        "type": "Processing",
        "image_uri": IMAGE,
        "instance_type": "${param.Machine}",
        "instance_count": "${param.Count}",
    }
    source = {
        "pipeline": PIPELINE,
        "parameters": {"Machine": JOB["instance_type"], "Count": 1},
        "steps": {"work": work},
        "environments": {"dev": {}, "prod": overlay},
    }
    path = tmp_path / f"pipeline.{form}"
    path.write_text(json.dumps(source), "utf-8")  # JSON is YAML as well.
    (error,) = PipelineDAGCompiler(path, plugins=[]).validate().errors
    assert error.message.startswith("environment 'prod'")
    assert message in error.message
    # The sections of an environment are checked whichever is chosen.
    assert PipelineDAGCompiler(path, plugins=[], env="dev").validate().is_valid is (name != "a section")


@pytest.mark.parametrize(
    ("enum", "wrong"), [(["File", "Pipe", "Fiel"], "Fiel"), (["File", "FastFiles"], "FastFiles")]
)
def test_each_value_of_an_enum_is_checked_against_the_member_that_it_fills(
    enum: list[str], wrong: str
) -> None:
    mode = {"AlgorithmSpecification": {"TrainingInputMode": "${param.Mode}"}}
    parameters = {"Mode": {"type": "String", "default": "File", "enum": enum}}
    (error,) = check({**one("Training", request=mode), "parameters": parameters}).errors
    assert error.code == "request.unknown-value"
    assert f"not {wrong!r}" in error.message


@pytest.mark.parametrize(
    ("region", "hint"),
    [("us-eats-1", "did you mean 'us-east-1'?"), ("eu-west-11", "did you mean 'eu-west-1'?")],
)
def test_a_region_that_does_not_exist_is_a_warning_with_the_nearest(region: str, hint: str) -> None:
    result = check(in_region(region, one("Fail")))
    (warning,) = result.warnings
    assert (warning.code, warning.hint) == ("region.unknown", hint)
    assert str(warning.location) == "<config>.pipeline.region"
