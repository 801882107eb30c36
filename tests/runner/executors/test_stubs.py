"""Stubs: files that stand for running a step of any type."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagcast.definition.references import StepProperty
from dagcast.runner import stub
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepResult
from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner
from tests.runner.executors.support import step_run

GOLDEN = Path(__file__).parents[2] / "integration" / "equivalence" / "golden"
OUTPUT = {
    "OutputName": "report",
    "S3Output": {"S3Uri": "s3://bucket/report/", "LocalPath": "/opt/ml/processing/o"},
}
PROCESSING = {"ProcessingOutputConfig": {"Outputs": [OUTPUT]}}
FILES = [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}]


def _stub(
    folder: Path,
    content: Mapping[str, Any],
    kind: str = "EMR",
    arguments: Mapping[str, Any] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> tuple[StepAttempt, Path]:
    (folder / "report.json").write_text('{"score": 1}')
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "report.json").write_text('{"score": 2}')
    file = folder / "stub.json"
    file.write_text(json.dumps(content))
    return step_run(folder, "step", kind, arguments or {}, beside), file


def _result(folder: Path, *given: Any, **more: Any) -> tuple[StepResult, StepAttempt]:
    run, file = _stub(folder, *given, **more)
    assert list(stub.check(run.step, file)) == []
    return stub.stub_result(run.step, file, run), run


def test_a_stub_gives_properties_and_outputs(tmp_path: Path) -> None:
    result, run = _result(tmp_path, {"properties": {"A": 1}, "outputs": {"s3://bucket/out/a": "report.json"}})
    assert result.properties["A"] == 1
    assert run.store.uris("s3://bucket/out") == ["s3://bucket/out/a"]
    assert (tmp_path / "report.json").exists()


@pytest.mark.parametrize("local", ["data", "report.json"])
def test_a_named_output_is_where_the_step_would_leave_it(tmp_path: Path, local: str) -> None:
    result, run = _result(
        tmp_path, {"outputs": {"report": local}}, "Processing", PROCESSING, {"PropertyFiles": FILES}
    )
    assert result.outputs == {"report": "s3://bucket/report"}
    assert run.store.uris("s3://bucket/report") == ["s3://bucket/report/report.json"]
    assert result.property_files == {"Report": "s3://bucket/report/report.json"}
    assert result.properties["ProcessingJobName"] == "job"
    assert result.properties["ProcessingOutputConfig"] == PROCESSING["ProcessingOutputConfig"]


def test_a_property_file_is_part_of_its_output(tmp_path: Path) -> None:
    content = {"property_files": {"Report": "report.json"}}
    result, run = _result(tmp_path, content, "Processing", PROCESSING, {"PropertyFiles": FILES})
    assert result.property_files == {"Report": "s3://bucket/report/report.json"}
    assert run.store.path("s3://bucket/report/report.json").read_text() == '{"score": 1}'


def test_a_model_is_packed_where_training_would_leave_it(tmp_path: Path) -> None:
    training = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/models/"}}
    result, run = _result(tmp_path, {"outputs": {"model": "data"}}, "Training", training)
    uri = "s3://bucket/models/job/output/model.tar.gz"
    assert result.properties["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    assert result.outputs == {"model": uri}
    with tarfile.open(run.store.path(uri)) as archive:
        assert archive.getnames() == ["report.json"]


def test_what_a_script_leaves_beside_the_model_is_an_output(tmp_path: Path) -> None:
    training = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/models/"}}
    run, file = _stub(tmp_path, {"outputs": {"output": "data"}}, "Training", training)
    assert list(stub.check(run.step, file)) == []
    result, run = _result(tmp_path, {"outputs": {"output": "data"}}, "Training", training)
    assert result.outputs == {"output": "s3://bucket/models/job/output/output.tar.gz"}
    with tarfile.open(run.store.path(result.outputs["output"])) as archive:
        assert archive.getnames() == ["report.json"]


def test_a_model_that_training_would_not_pack_is_a_folder(tmp_path: Path) -> None:
    training = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/models", "CompressionType": "NONE"}}
    result, run = _result(tmp_path, {"outputs": {"model": "data"}}, "Training", training)
    assert result.properties["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/models/job/output/model/"}
    assert run.store.uris("s3://bucket/models/") == ["s3://bucket/models/job/output/model/report.json"]


def test_the_best_model_of_a_search_is_where_a_reader_looks(tmp_path: Path) -> None:
    tuning = {"TrainingJobDefinition": {"OutputDataConfig": {"S3OutputPath": "s3://bucket/tune"}}}
    result, run = _result(tmp_path, {"outputs": {"model": "data"}}, "Tuning", tuning)
    best = result.properties["TrainingJobSummaries"][0]["TrainingJobName"]
    assert best == result.properties["BestTrainingJob"]["TrainingJobName"]
    assert run.store.exists(f"s3://bucket/tune/{best}/output/model.tar.gz")


def test_what_the_stub_says_wins(tmp_path: Path) -> None:
    content = {"properties": {"TransformJobName": "mine", "TransformOutput": {"Accept": "text/csv"}}}
    transform = {"TransformOutput": {"S3OutputPath": "s3://bucket/out", "Accept": "none"}}
    result, _ = _result(tmp_path, content, "Transform", transform)
    assert result.properties["TransformJobName"] == "mine"
    assert result.properties["TransformOutput"] == {"S3OutputPath": "s3://bucket/out", "Accept": "text/csv"}


@pytest.mark.parametrize(
    ("kind", "arguments", "property_", "value"),
    [
        ("Model", {}, "ModelName", "job"),
        ("EndpointConfig", {"EndpointConfigName": "config"}, "EndpointConfigName", "config"),
        ("Endpoint", {"EndpointName": "end"}, "EndpointStatus", "InService"),
        ("AutoML", {}, "AutoMLJobName", "job"),
        ("RegisterModel", {"ModelPackageGroupName": "churn"}, "ModelPackageStatus", "Completed"),
        (
            "RegisterModel",
            {"ModelPackageGroupName": "churn"},
            "ModelPackageArn",
            "arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/1",
        ),
        ("QualityCheck", PROCESSING, "CalculatedBaselineStatistics", "s3://bucket/report/statistics.json"),
        (
            "QualityCheck",
            PROCESSING,
            "BaselineUsedForDriftCheckConstraints",
            "s3://bucket/report/constraints.json",
        ),
        ("ClarifyCheck", PROCESSING, "CalculatedBaselineConstraints", "s3://bucket/report/analysis.json"),
        (
            "EMR",
            {"StepConfig": {"HadoopJarStep": {"Args": ["--out", "s3://b"]}}},
            "Config",
            {"Args": ["--out", "s3://b"]},
        ),
    ],
)
def test_an_empty_stub_knows_what_the_request_says(
    tmp_path: Path, kind: str, arguments: dict[str, Any], property_: str, value: Any
) -> None:
    result, _ = _result(tmp_path, {}, kind, arguments)
    assert result.properties[property_] == value


def test_a_reference_without_a_value_is_left_out(tmp_path: Path) -> None:
    reference = StepProperty("other", "Name")
    result, _ = _result(tmp_path, {}, "Endpoint", {"EndpointConfigName": reference, "EndpointName": "end"})
    assert "EndpointConfigName" not in result.properties


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ("no json", ["stub.invalid-json"]),
        ('{"properties": {"a": "\xff"}}', ["stub.invalid-json"]),
        ("[]", ["stub.wrong-type"]),
        ('{\n"propertys": {}}', ["stub.unknown-field"]),
        ('{"outputs": []}', ["stub.wrong-type"]),
        ('{"outputs": {"s3://bucket/../x": "data"}}', ["stub.unsafe-uri"]),
        ('{"outputs": {"../x": "data"}}', ["stub.unsafe-uri", "stub.unknown-name"]),
        ('{"outputs": {"report": "none"}}', ["stub.missing-file"]),
        ('{"outputs": {"reprot": "data"}}', ["stub.unknown-name"]),
        ('{"property_files": {"Reprot": "data"}}', ["stub.unknown-name"]),
        ('{"outputs": {"report": 1}}', ["stub.wrong-type"]),
    ],
)
def test_what_is_wrong_with_a_stub_is_reported(tmp_path: Path, content: str, codes: list[str]) -> None:
    run, file = _stub(tmp_path, {}, "Processing", PROCESSING, {"PropertyFiles": FILES})
    file.write_text(content, "latin-1")
    assert [found.code for found in stub.check(run.step, file)] == codes


def test_a_mistake_has_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    run, file = _stub(tmp_path, {}, "Processing", PROCESSING)
    file.write_text('{\n"properties": {},\n"outputs": {\n"reprot": "data"}}')
    (found,) = stub.check(run.step, file)
    assert found.location is not None
    assert (found.location.line, found.hint) == (4, "did you mean 'report'?")


def test_a_file_that_is_gone_fails_the_step(tmp_path: Path) -> None:
    run, file = _stub(tmp_path, {"outputs": {"report": "data"}}, "Processing", PROCESSING)
    file.write_text('{"outputs": {"report": "gone"}}')
    with pytest.raises(StepFailedError, match="gone of the stub does not exist"):
        stub.stub_result(run.step, file, run)


@pytest.mark.parametrize("uri", ["s3://bucket/../x", "/etc", 7, None])
def test_an_output_with_an_invalid_place_fails_the_step(tmp_path: Path, uri: Any) -> None:
    output = {"OutputName": "report", "S3Output": {"S3Uri": uri}}
    arguments = {"ProcessingOutputConfig": {"Outputs": [output]}}
    run, file = _stub(tmp_path, {"outputs": {}}, "Processing", arguments, {"PropertyFiles": FILES})
    assert stub.stub_result(run.step, file, run).property_files == {}
    if isinstance(uri, str):
        file.write_text('{"outputs": {"report": "data"}}')
        with pytest.raises(StepFailedError, match="cannot be stored as"):
            stub.stub_result(run.step, file, run)


def _types(steps: list[Any]) -> dict[str, str]:
    found = {}
    for step in steps:
        found[step["Name"]] = step["Type"]
        for branch in ("IfSteps", "ElseSteps"):
            found.update(_types(step["Arguments"].get(branch, [])) if step["Type"] == "Condition" else {})
    return found


@pytest.mark.parametrize(
    "name",
    [
        "automl",
        "clarify_data_bias",
        "clarify_explainability",
        "clarify_model_bias",
        "emr",
        "emr_cluster",
        "emr_serverless",
        "endpoint",
        "endpoint_config",
        "notebook_job",
        "quality_check_data",
        "quality_check_model",
    ],
)
def test_pipelines_of_types_that_cannot_run_here_run_with_empty_stubs(tmp_path: Path, name: str) -> None:
    text = (GOLDEN / f"{name}.json").read_text()
    types = _types(json.loads(text)["Steps"])
    steps = [step for step, kind in types.items() if kind not in ("Fail", "Condition")]
    (tmp_path / "stub.json").write_text("{}")
    options = RunOptions(runs=tmp_path / "runs", stubs=dict.fromkeys(steps, tmp_path / "stub.json"))
    outcome = Runner(text, name.replace("_", "-"), options=options).run()
    # Some of them end in a Fail step, whose message is what it reads of the others.
    assert {step.status for step in outcome.steps if step.name in steps} == {"succeeded"}
    messages = [step.reason for step in outcome.steps if step.type == "Fail"]
    assert all(message is not None and message.startswith("s3://example-bucket/") for message in messages)
