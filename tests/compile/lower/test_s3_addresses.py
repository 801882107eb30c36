"""S3 addresses: no default that is the start of another, one slash between parts, and warnings of wide ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from tests.support.compiling import JOB, check, config, definition_of, steps_of

RUN = {"Get": "Execution.PipelineExecutionId"}
WORK: dict[str, Any] = {"type": "Processing", **JOB}


def uri_of(step: dict[str, Any], name: str) -> Any:
    """Where an output of a processing step is written."""
    outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    return next(item["S3Output"]["S3Uri"] for item in outputs if item["OutputName"] == name)


def ends(value: Any) -> list[Any]:
    """The parts of a joined address after the execution."""
    parts: list[Any] = value["Std:Join"]["Values"]
    return parts[parts.index(RUN) + 1 :]


# Default destinations


def test_a_name_that_starts_another_gets_a_folder_of_its_own() -> None:
    outputs = dict.fromkeys(["train", "train_labels", "train_labels_2", "test"])
    step = steps_of(config({"prep": {**WORK, "outputs": outputs}}))["prep"]
    assert ends(uri_of(step, "train")) == ["prep", "output", "train", "files"]
    assert ends(uri_of(step, "train_labels")) == ["prep", "output", "train_labels", "files"]
    assert ends(uri_of(step, "train_labels_2")) == ["prep", "output", "train_labels_2"]
    assert ends(uri_of(step, "test")) == ["prep", "output", "test"]


def test_an_equal_step_is_separated_from_its_longer_namesake() -> None:
    fields = {
        "type": "Transform",
        "instance_type": "ml.m5.large",
        "inputs": {"model_name": "m", "data": "s3://bkt/x"},
    }
    steps = steps_of(config({"score": fields, "score2": fields}))
    assert ends(steps["score"]["Arguments"]["TransformOutput"]["S3OutputPath"]) == ["score", "files"]
    assert ends(steps["score2"]["Arguments"]["TransformOutput"]["S3OutputPath"]) == ["score2"]


def test_models_are_separated_too() -> None:
    steps = steps_of(config({"fit": {"type": "Training", **JOB}, "fit-all": {"type": "Training", **JOB}}))
    assert steps["fit"]["Arguments"]["OutputDataConfig"]["S3OutputPath"] == "s3://my-bucket/demo/fit/files"
    assert steps["fit-all"]["Arguments"]["OutputDataConfig"]["S3OutputPath"] == "s3://my-bucket/demo/fit-all"


# Destinations that the user chose

EXPLICIT = {
    **WORK,
    "outputs": {"a": {"destination": "s3://bkt/train"}, "b": {"destination": "s3://bkt/train_labels"}},
}


def test_a_chosen_destination_that_starts_another_is_a_warning() -> None:
    source = config({"prep": EXPLICIT})
    (warning,) = check(source).warnings
    assert warning.code == "data.sibling-prefix"
    assert warning.message == (
        "step 'prep': output 'a' of step 'prep' is written to 's3://bkt/train', which output 'b' of step 'prep' starts "
        "with as well: an input that reads the first one reads both"
    )
    assert uri_of(steps_of(source)["prep"], "a") == "s3://bkt/train"


def test_parameters_count_by_their_defaults() -> None:
    fields = {
        **WORK,
        "outputs": {"a": {"destination": "${param.A}"}, "b": {"destination": "${param.A}_labels"}},
    }
    (warning,) = check(config({"prep": fields}, parameters={"A": "s3://bkt/train"})).warnings
    assert warning.code == "data.sibling-prefix"


@pytest.mark.parametrize("first", ["s3://bkt/train/", "s3://bkt/tests", "s3://bkt/train_labels"])
def test_other_destinations_give_no_warning(first: str) -> None:
    outputs = {"a": {"destination": first}, "b": {"destination": "s3://bkt/train_labels"}}
    warnings = check(config({"prep": {**WORK, "outputs": outputs}})).warnings
    assert "data.sibling-prefix" not in [warning.code for warning in warnings]


def test_a_config_ignores_warnings_of_destinations_by_their_rules() -> None:
    outputs = {"a": {"destination": "s3://data/train"}, "b": {"destination": "s3://data/train_labels"}}
    fit = {"type": "Training", **JOB, "inputs": {"data": "s3://data/tr"}}
    steps = {"prep": {**WORK, "outputs": outputs}, "fit": fit}
    found = [warning.code for warning in check(config(steps)).warnings]
    assert sorted(found) == ["data.own-results", "data.sibling-prefix"]
    ignored = {
        "data.own-results": "the results of the last run",
        "data.sibling-prefix": "nothing reads train",
    }
    assert check(config(steps, ignore_rules=ignored)).warnings == ()


def test_a_run_of_a_definition_warns_as_a_compile_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.json").write_text(json.dumps(definition_of(config({"prep": EXPLICIT}))))
    Path("c.json").write_text(json.dumps(config({"prep": EXPLICIT})))
    for name in ("d.json", "c.json"):
        result = CliRunner().invoke(cli, ["run", name])
        assert result.output.count("an input that reads the first one reads both") == 1, result.output


# Inputs that hold results or code


@pytest.mark.parametrize(
    "uri",
    ["s3://my-bucket", "s3://my-bucket/", "s3://my-bucket/dem", "s3://my-bucket/demo/", "${param.Data}"],
)
def test_an_input_that_holds_the_pipelines_results_is_a_warning(uri: str) -> None:
    steps = {
        "prep": {**WORK, "outputs": {"x": None}},
        "fit": {"type": "Training", **JOB, "inputs": {"data": uri}},
    }
    (warning,) = check(config(steps, parameters={"Data": "s3://my-bucket/demo"})).warnings
    assert warning.code == "data.own-results"
    assert "the results of this pipeline" in warning.message


def test_an_input_that_holds_the_pipelines_code_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.py").write_text("pass\n")
    fields = {**WORK, "entry_point": "run.py", "inputs": {"data": "s3://my-bucket/demo/c"}}
    (warning,) = check(config({"prep": fields})).warnings
    assert warning.code == "data.own-results"
    assert "the code of this pipeline" in warning.message


def test_an_input_next_to_the_results_gives_no_warning() -> None:
    steps = {
        "prep": {**WORK, "inputs": {"x": "s3://my-bucket/demo-data"}, "outputs": {"x": None}},
        "fit": {"type": "Training", **JOB, "inputs": {"x": None}},
    }
    assert check(config(steps, edges=["prep -> fit"])).warnings == ()


# Slashes

REGISTER = {
    "type": "RegisterModel",
    "image_uri": JOB["image_uri"],
    "model_package_group_name": "g",
    "content_types": ["text/csv"],
    "response_types": ["text/csv"],
    "inputs": {"model": "s3://bkt/m.tar.gz"},
}


def report_address(destination: Any, **sections: Any) -> Any:
    """The address of a property file as another step gets it."""
    evaluate = {
        **WORK,
        "outputs": {"e": {"destination": destination}},
        "property_files": {"Report": {"output": "e", "path": "e.json"}},
    }
    source = config({"ev": evaluate, "reg": REGISTER}, edges=["ev.Report -> reg.model_metrics"], **sections)
    return steps_of(source)["reg"]["Arguments"]["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]


FOLDER = {"Get": "Steps.ev.ProcessingOutputConfig.Outputs['e'].S3Output.S3Uri"}
DOUBLE = {"Std:Join": {"On": "/", "Values": [FOLDER, "e.json"]}}
SINGLE = {"Std:Join": {"On": "", "Values": [FOLDER, "e.json"]}}


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("s3://bkt/eval", DOUBLE),
        ("s3://bkt/eval/", SINGLE),
        ("${param.Plain}", DOUBLE),
        ("${param.Slash}", SINGLE),
        ("${param.Plain}/x/", SINGLE),
        ("s3://bkt/${param.Tail}", SINGLE),
    ],
)
def test_a_file_in_an_output_is_joined_with_one_slash(destination: str, expected: Any) -> None:
    parameters = {"Plain": "s3://bkt/eval", "Slash": "s3://bkt/eval/", "Tail": "x/"}
    assert report_address(destination, parameters=parameters) == expected


def test_a_text_after_a_parameter_is_joined_with_one_slash_and_a_warning() -> None:
    source = config(
        {"fit": {"type": "Training", **JOB, "output_path": "${param.Out}/models"}},
        parameters={"Out": "s3://bkt/x/"},
    )
    path = steps_of(source)["fit"]["Arguments"]["OutputDataConfig"]["S3OutputPath"]
    assert path == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Out"}, "models"]}}
    (warning,) = [item for item in check(source).warnings if item.code == "data.parameter-slash"]
    assert warning.location is not None
    assert "'Out'" in warning.message


def test_the_best_model_of_a_tuning_is_joined_with_one_slash() -> None:
    tune = {
        "type": "Tuning",
        **JOB,
        "output_path": "s3://bkt/models/",
        "objective": {"name": "a"},
        "metric_definitions": {"a": "a=(.*)"},
        "max_jobs": 2,
        "ranges": {"n": {"type": "Integer", "min": 1, "max": 5}},
    }
    model = {"type": "CreateModel", "image_uri": JOB["image_uri"]}
    steps = steps_of(config({"tune": tune, "model": model}, edges=["tune -> model"]))
    assert steps["model"]["Arguments"]["PrimaryContainer"]["ModelDataUrl"]["Std:Join"] == {
        "On": "",
        "Values": [
            {"Get": "Steps.tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath"},
            {"Get": "Steps.tune.BestTrainingJob.TrainingJobName"},
            "/output/model.tar.gz",
        ],
    }


def test_doubled_slashes_of_the_user_stay() -> None:
    fields = {"type": "Training", **JOB, "output_path": "s3://bkt//x/${exec.PipelineExecutionId}"}
    path = steps_of(config({"fit": fields}))["fit"]["Arguments"]["OutputDataConfig"]["S3OutputPath"]
    assert path == {"Std:Join": {"On": "", "Values": ["s3://bkt//x/", RUN]}}


def test_a_plugin_sees_addresses_that_are_right_already() -> None:
    source = config({"prep": {**WORK, "outputs": {"train": None, "train2": None}}})
    compiled = PipelineDAGCompiler(source, plugins=[]).compile_definition()
    assert compiled.report.warnings == ()
