"""Mistakes that are reported before anything starts, and the selection of steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from tests.runner.engine.pipelines import (
    RecordedEvents,
    callback,
    condition,
    definition,
    fail,
    get,
    job,
    output_of,
    run,
    statuses,
)

ROLE = "arn:aws:iam::123456789012:role/R"
ANSWER = """python3 -c 'print("{\\"answer\\": \\"yes\\"}")'"""


def _problems(text: str, folder: Path, **options: Any) -> list[str]:
    events_seen = RecordedEvents()
    with pytest.raises(InvalidInputError) as error:
        run(text, folder, listener=events_seen, **options)
    assert events_seen == []
    assert not list((folder / "runs").glob("*/run.json")), "a run that is refused leaves no folder"
    return [str(diagnostic) for diagnostic in error.value.diagnostics]


def _errors(text: str, folder: Path) -> list[str]:
    with pytest.raises(InvalidInputError) as error:
        run(text, folder)
    return [str(diagnostic) for diagnostic in error.value.diagnostics if diagnostic.severity == "error"]


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    steps = [
        {"Name": "cluster", "Type": "EMR", "Arguments": {}},
        callback("ask"),
        job("read", "true", "s3://bucket/raw"),
    ]
    problems = _problems(
        definition(steps, Rate=0.5),
        tmp_path,
        parameters={"Rat": "1", "Rate": "much"},
        only=("reed", "read", "cluster", "ask"),
        stubs={"stub": tmp_path / "x.json"},
        callbacks={"read": "answer.json"},
        lambdas={"f": "f.py:f"},
        inputs={"s3://bucket/x": tmp_path / "nothing"},
    )
    assert any("unknown parameter 'Rat'" in line and "did you mean 'Rate'" in line for line in problems)
    assert any("expected Float, got 'much'" in line for line in problems)
    problems = _problems(
        definition(steps),
        tmp_path,
        only=("reed", "read", "cluster", "ask"),
        stubs={"stub": tmp_path / "x.json"},
        callbacks={"read": "answer.json"},
        lambdas={"f": "f.py:f"},
        inputs={"s3://bucket/x": tmp_path / "nothing"},
    )
    for part in (
        "--only: unknown step 'reed' (did you mean 'read'?)",
        "--stub: unknown step 'stub'",
        "--callback: unknown Callback step 'read'",
        "--lambda: no step calls 'f'",
        f"--input s3://bucket/x: {tmp_path / 'nothing'} does not exist",
        "step 'cluster': steps of type EMR do not run locally",
        "--stub cluster=FILE.json",
        "step 'ask' waits for an answer",
    ):
        assert any(part in line for line in problems), part


def test_missing_data_is_reported_before_the_first_step(tmp_path: Path) -> None:
    text = definition([job("a", "true", "s3://bucket/raw"), job("b", "true", output_of("a"))])
    (problem,) = _problems(text, tmp_path)
    assert problem == (
        "step 'a' reads s3://bucket/raw, which does not exist "
        "(use --input s3://bucket/raw=PATH to provide a local file or folder)"
    )


@pytest.mark.parametrize(
    ("link", "why"), [("nowhere", "No such file"), (".", "links to a folder that contains it")]
)
def test_an_unreadable_input_is_reported_for_each_step_that_reads_it(
    tmp_path: Path, link: str, why: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "link").symlink_to(link)
    steps = [job("a", "true", "s3://given/x"), job("b", "true", "s3://given/y")]
    problems = _problems(definition(steps), tmp_path, inputs={"s3://given/x": data, "s3://given/y": data})
    assert len(problems) == 2
    assert all(
        f"reads s3://given/{uri}" in line and why in line for uri, line in zip("xy", problems, strict=True)
    )


def test_data_that_another_step_writes_is_not_missing(tmp_path: Path) -> None:
    uri = {
        "Std:Join": {"On": "/", "Values": ["s3://bucket", get("Execution.PipelineExecutionId"), "a", "part"]}
    }
    writes = job("a", "mkdir $OUT/part; echo 1 > $OUT/part/x")
    outcome = run(definition([writes, job("b", "cat $IN0/x", uri, DependsOn=["a"])]), tmp_path)
    assert statuses(outcome) == {"a": "succeeded", "b": "succeeded"}


def test_data_outside_the_output_of_training_jobs_is_missing(tmp_path: Path) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/raw"}
    train = {
        "Name": "train",
        "Type": "Training",
        "Arguments": {
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": "image",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/true"],
            },
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "CheckpointConfig": {"S3Uri": "s3://bucket/seen"},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/"},
        },
    }
    all_models, one = "s3://bucket/pipelines-", "s3://bucket/pipelines-x-train-y/output/model.tar.gz"
    after = job("after", "true", all_models, one, "s3://bucket", "s3://bucket/seen/last", DependsOn=["train"])
    (problem,) = _errors(definition([train, after]), tmp_path)
    assert problem.startswith("step 'train' reads s3://bucket/raw, which does not exist")


def test_data_that_a_stub_provides_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("7")
    stub = tmp_path / "stub.json"
    stub.write_text(json.dumps({"outputs": {"s3://bucket/counts/part.csv": "counts.csv"}}))
    reads = job("b", "cat $IN0/part.csv", "s3://bucket/counts", DependsOn=["a"])
    text = definition([{"Name": "a", "Type": "EMR", "Arguments": {}}, reads])
    assert statuses(run(text, tmp_path, stubs={"a": stub})) == {"a": "succeeded", "b": "succeeded"}


def test_missing_data_of_a_step_in_a_branch_is_a_warning(tmp_path: Path) -> None:
    inner = job("inner", "true", "s3://bucket/raw")
    events_seen = RecordedEvents()
    outcome = run(definition([condition("if", 1, 2, [inner])]), tmp_path, listener=events_seen)
    assert outcome.status == "Succeeded"
    assert [event.message for event in events_seen if event.kind == "warning"] == [
        "step 'inner' reads s3://bucket/raw, which does not exist "
        "(use --input s3://bucket/raw=PATH to provide a local file or folder)"
    ]


def test_an_invalid_lifetime_is_reported(tmp_path: Path) -> None:
    text = definition([job("a", "true", CacheConfig={"Enabled": True, "ExpireAfter": "soon"})])
    (problem,) = _problems(text, tmp_path)
    assert "CacheConfig.ExpireAfter: invalid duration 'soon'" in problem


def _property_of(step: str, name: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.{step}.PropertyFiles.{name}"), "Path": "score"}}


def test_an_undeclared_property_file_is_reported_with_other_mistakes(tmp_path: Path) -> None:
    report = {"PropertyFileName": "Report", "OutputName": "uot", "FilePath": "../report.json"}
    steps = [
        job("measure", "true", PropertyFiles=[report]),
        job("other", "true", CacheConfig={"Enabled": True, "ExpireAfter": "soon"}),
        condition("if", _property_of("measure", "Reprot"), 1, [fail("f", _property_of("other", "Report"))]),
    ]
    problems = _problems(definition(steps), tmp_path)
    assert len(problems) == 5
    for part in (
        "step 'measure': property file 'Report' is in output 'uot', which the step does not have",
        "step 'measure': property file 'Report' has the path '../report.json', which is not one inside its output",
        "CacheConfig.ExpireAfter: invalid duration 'soon'",
        "step 'if': ${json.measure.Reprot.score}: step 'measure' has no property file 'Reprot' (did you mean",
        "step 'f': ${json.other.Report.score}: step 'other' has no property file 'Report' (declare it under",
    ):
        assert any(part in line for line in problems), part


def test_incomparable_constants_are_reported_before_anything_starts(tmp_path: Path) -> None:
    among = {"Type": "In", "QueryValue": "5", "Values": [get("Parameters.Five"), 5]}
    inner = {"Type": "Or", "Conditions": [among, {"Type": "Not", "Condition": among}]}
    steps = [
        condition("true", True, 1),
        {"Name": "in", "Type": "Condition", "Arguments": {"Conditions": [inner]}},
        condition("known", get("Parameters.Five"), "5"),
    ]
    assert _errors(definition(steps, Five=5), tmp_path) == [
        "step 'in': In cannot compare '5' (str) with 5 (int): both must have the same type",
        "definition.json: step 'true': Equals never holds: true is a boolean, and 1 is a number",
        "definition.json: step 'known': Equals never holds: ${param.Five} is a number, and '5' is a text "
        "(write 5 without quotes)",
    ]


@pytest.mark.parametrize("value", [True, "1", 1.0])
def test_an_incomparable_parameter_fails_the_step(tmp_path: Path, value: Any) -> None:
    text = definition([condition("if", get("Parameters.Value"), 1)], Value=value)
    outcome = run(text, tmp_path, ignore_rules={"condition.types": "the service decides"})
    assert outcome.status == "Failed"
    assert "Equals cannot compare" in str(outcome.steps[0].reason)


@pytest.mark.parametrize("name", ["", "a b", "../up", "a" * 300])
def test_an_invalid_pipeline_name_is_reported(tmp_path: Path, name: str) -> None:
    from dagcast.runner.options import RunOptions
    from dagcast.runner.runner import Runner

    with pytest.raises(InvalidInputError, match="invalid pipeline name"):
        Runner(definition([fail("f")]), name, options=RunOptions(runs=tmp_path)).run()


def test_an_invalid_definition_is_reported(tmp_path: Path) -> None:
    assert "invalid JSON" in _problems("{", tmp_path)[0]
    with pytest.raises(InvalidInputError, match="the DAG has a cycle: a -> b -> a"):
        run(definition([fail("a", DependsOn=["b"]), fail("b", DependsOn=["a"])]), tmp_path)


def test_only_runs_the_named_steps_with_results_of_an_earlier_run(tmp_path: Path) -> None:
    steps = [
        job("a", "echo one > $OUT/x"),
        job("b", "cat $IN0/x $IN0/x > $OUT/y", output_of("a")),
        job("c", "true"),
    ]
    text = definition(steps)
    first = run(text, tmp_path)
    (problem,) = _problems(text, tmp_path / "other", only=("b",))
    assert "step 'b' reads step 'a', which is not selected" in problem
    second = run(text, tmp_path, only=("b",), earlier=(first.folder,))
    assert statuses(second) == {"a": "skipped", "b": "succeeded", "c": "skipped"}
    (made,) = (second.folder / "s3").rglob("y")
    assert made.read_text() == "one\none\n"


def test_from_runs_the_named_steps_and_all_after_them(tmp_path: Path) -> None:
    steps = [
        job("a", "echo 1 > $OUT/x"),
        job("b", "true", output_of("a")),
        condition(
            "if", get("Steps.b.ProcessingJobStatus"), "Completed", [job("then", "true")], [fail("else")]
        ),
        job("last", "true", DependsOn=["then"]),
        job("beside", "true"),
    ]
    first = run(definition(steps), tmp_path)
    assert first.status == "Succeeded"
    second = run(definition(steps), tmp_path, start=("b",), earlier=(first.folder,))
    assert statuses(second) == {
        "a": "skipped", "b": "succeeded", "if": "succeeded", "then": "succeeded",
        "else": "skipped", "last": "succeeded", "beside": "skipped",
    }  # fmt: skip


def test_a_step_of_a_branch_runs_when_it_is_selected_without_its_condition(tmp_path: Path) -> None:
    text = definition([condition("if", 1, 2, [job("then", "true")])])
    assert statuses(run(text, tmp_path, only=("then",))) == {"if": "skipped", "then": "succeeded"}


def test_a_stub_replaces_a_step_of_any_type(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,2\n")
    stub = {"properties": {"Id": "j-1"}, "outputs": {"s3://bucket/emr": "data.csv"}}
    (tmp_path / "stub.json").write_text(json.dumps(stub))
    steps = [
        {
            "Name": "cluster",
            "Type": "EMR",
            "Arguments": {"Jar": get("Steps.never.X")},
            "DependsOn": ["never"],
        },
        {"Name": "never", "Type": "Teleport", "Arguments": {}},
        job("read", "cat $IN0/*", "s3://bucket/emr", DependsOn=["cluster"]),
        condition("if", get("Steps.cluster.Id"), "j-1"),
    ]
    stubs = {"cluster": tmp_path / "stub.json", "never": tmp_path / "stub.json"}
    outcome = run(definition(steps), tmp_path, stubs=stubs, inputs={"s3://bucket/emr": tmp_path / "data.csv"})
    assert set(statuses(outcome).values()) == {"succeeded"}


def test_a_callback_is_answered_by_a_command(tmp_path: Path) -> None:
    text = definition(
        [
            callback("ask"),
            condition("if", get("Steps.ask.OutputParameters['answer']"), "yes", [], [fail("f")]),
        ]
    )
    outcome = run(text, tmp_path, callbacks={"ask": ANSWER})
    assert statuses(outcome) == {"ask": "succeeded", "if": "succeeded", "f": "skipped"}


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_package_of_several_containers_is_refused_before_anything_starts(
    tmp_path: Path, count: int
) -> None:
    container = {"Image": "tools:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    content = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    register = {
        "Name": "register",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "churn",
            "InferenceSpecification": {"Containers": [container] * count, **content},
        },
    }
    package = get("Steps.register.ModelPackageArn")
    model = {
        "Name": "model",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"ModelPackageName": package}},
    }
    problems = _problems(definition([register, model, job("other", "true", "s3://bucket/none")]), tmp_path)
    refused = [line for line in problems if "containers, and a local run serves one" in line]
    assert [line.startswith("step 'model': the model of step 'register' has 2") for line in refused] == [
        True
    ] * (count - 1)
