"""The cache key covers everything that a step runs and reads; missing and broken results are ignored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagcast.runner.files import pack_tar_gz
from dagcast.runner.records.outcome import RunOutcome
from tests.runner.engine.pipelines import BUCKET, contents, definition, get, job, output_of, run, statuses

CACHED: dict[str, Any] = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
SERVES = """
def model_fn(folder):
    return open(f"{folder}/weight").read()
def transform_fn(model, body, content_type, accept):
    return model
"""


def test_user_chosen_names_are_part_of_the_key(tmp_path: Path) -> None:
    for tag in ("1", "2"):
        environment = {"OUT": "/opt/ml/processing/out", "Tags": tag, "OutputFrom": f"s3://bucket/{tag}"}
        script = "echo $Tags $OutputFrom > $OUT/x"
        outcome = run(
            definition([job("a", script, **CACHED, arguments={"Environment": environment})]), tmp_path
        )
        assert statuses(outcome) == {"a": "succeeded"}
        assert contents(outcome) == {"bucket/ID/a/x": f"{tag} s3://bucket/{tag}\n".encode()}


def test_a_uri_in_the_environment_counts_as_text(tmp_path: Path) -> None:
    told = {"OUT": "/opt/ml/processing/out", "IN0": "/opt/ml/processing/in0", "BASE": "s3://bucket"}
    steps = [
        job("a", "echo 1 > $OUT/x"),
        job("b", "cat $IN0/x > $OUT/y", output_of("a"), arguments={"Environment": told}, **CACHED),
    ]
    assert [statuses(run(definition(steps), tmp_path))["b"] for _ in range(2)] == ["succeeded", "cached"]


def test_another_model_of_the_same_name_is_a_cache_miss(tmp_path: Path) -> None:
    archive, rows = tmp_path / "model.tar.gz", tmp_path / "rows.csv"
    rows.write_text("1\n")
    (tmp_path / "model/code").mkdir(parents=True)
    (tmp_path / "model/code/inference.py").write_text(SERVES)
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://given/rows.csv"}}}
    predict = {
        "ModelName": get("Steps.model.ModelName"),
        "TransformInput": source,
        "TransformOutput": {"S3OutputPath": "s3://bucket/predicted"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    container = {"Image": "image", "ModelDataUrl": "s3://given/model.tar.gz"}
    steps = [
        {"Name": "model", "Type": "Model", "Arguments": {"PrimaryContainer": container}},
        {"Name": "predict", "Type": "Transform", "Arguments": predict, **CACHED},
    ]
    inputs = {"s3://given/model.tar.gz": archive, "s3://given/rows.csv": rows}
    ended = []
    for weight in (b"1", b"1", b"2"):
        (tmp_path / "model/weight").write_bytes(weight)
        pack_tar_gz(tmp_path / "model", archive)
        outcome = run(definition(steps), tmp_path, inputs=inputs)
        ended.append(statuses(outcome)["predict"])
        assert contents(outcome)["bucket/predicted/rows.csv.out"] == weight
    assert ended == ["succeeded", "cached", "succeeded"]


def test_all_models_of_a_search_are_copied_from_the_cache(tmp_path: Path) -> None:
    take = r"""sed -n 's/.*"x": "\(.*\)".*/score=\1/p'"""
    script = f"{take} /opt/ml/input/config/hyperparameters.json | tee /opt/ml/model/x"
    training = {
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "AlgorithmSpecification": {
            "TrainingImage": "image",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", script],
            "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9]+)"}],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "StaticHyperParameters": {},
    }
    config = {
        "Strategy": "Grid",
        "ResourceLimits": {"MaxParallelTrainingJobs": 1},
        "HyperParameterTuningJobObjective": {"MetricName": "score", "Type": "Maximize"},
        "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3"]}]},
    }
    arguments = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": training}
    text = definition([{"Name": "search", "Type": "Tuning", "Arguments": arguments, **CACHED}])
    entrypoint = {"request.unknown-field": "tuning jobs have no entrypoint, and the test has no image"}
    first, second = (run(text, tmp_path, ignore_rules=entrypoint) for _ in range(2))
    assert [statuses(outcome)["search"] for outcome in (first, second)] == ["succeeded", "cached"]
    models = [sorted((outcome.folder / "s3").rglob("model.tar.gz")) for outcome in (first, second)]
    assert [path.parts[-3:] for path in models[0]] == [path.parts[-3:] for path in models[1]]
    assert len(models[1]) == 3


def test_modules_that_a_function_imports_are_part_of_the_key(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "handler.py").write_text(
        "import beside\ndef handler(event, context):\n    return {'n': beside.N}\n"
    )
    step = {
        "Name": "call",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:count",
        "OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}],
        "Arguments": {},
        **CACHED,
    }
    ended = []
    for number in (1, 1, 2):
        (code / "beside.py").write_text(f"N = {number}\n")
        outcome = run(definition([step]), tmp_path, lambdas={"count": f"{code}/handler.py:handler"})
        ended.append(statuses(outcome)["call"])
    assert ended == ["succeeded", "cached", "succeeded"]


def _store_is_gone(first: RunOutcome) -> None:
    shutil.rmtree(first.folder / "s3/bucket")


def _result_is_of_another_version(first: RunOutcome) -> None:
    (first.folder / "steps/a/result.json").write_text("{}")


def _result_is_cut_off(first: RunOutcome) -> None:
    (first.folder / "steps/a/result.json").write_text("{")


def _entry_is_cut_off(first: RunOutcome) -> None:
    for entry in first.folder.parent.glob("cache/*/*.json"):
        entry.write_text("{")


@pytest.mark.parametrize(
    "harm", [_store_is_gone, _result_is_of_another_version, _result_is_cut_off, _entry_is_cut_off]
)
def test_an_incomplete_result_is_a_cache_miss(tmp_path: Path, harm: Callable[[RunOutcome], None]) -> None:
    text = definition([job("a", "echo 1 > $OUT/x", **CACHED), job("b", "cat $IN0/x", output_of("a"))])
    harm(run(text, tmp_path))
    assert statuses(run(text, tmp_path)) == {"a": "succeeded", "b": "succeeded"}


def test_a_cached_step_leaves_its_result_and_no_scratch(tmp_path: Path) -> None:
    text = definition([job("a", "mkdir $OUT/below; echo 1 > $OUT/below/x", **CACHED)])
    run(text, tmp_path)
    outcome = run(text, tmp_path)
    assert statuses(outcome) == {"a": "cached"}
    assert [path.name for path in (outcome.folder / "steps/a").iterdir()] == ["result.json"]


def test_an_invalid_uri_counts_as_text(tmp_path: Path) -> None:
    text = definition([job("a", "echo s3://bucket/a//../b > $OUT/x", **CACHED)])
    assert [statuses(run(text, tmp_path))["a"] for _ in range(2)] == ["succeeded", "cached"]


def test_s3_that_cannot_be_read_fails_the_step_and_not_its_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    steps = [job("a", "true", "s3://somewhere/x", **CACHED), job("peer", "true")]
    outcome = run(definition(steps), tmp_path, real_s3=True)
    assert statuses(outcome) == {"a": "failed", "peer": "succeeded"}
    assert "cannot read s3://somewhere/x from S3" in str(outcome.reason)


def test_without_a_lifetime_a_result_does_not_expire(tmp_path: Path) -> None:
    text = definition([job("a", "echo 1 > $OUT/x", CacheConfig={"Enabled": True})])
    run(text, tmp_path)
    for path in (tmp_path / "runs").glob("*/steps/a/result.json"):
        path.write_text(path.read_text().replace('"ended": "20', '"ended": "19'))
    assert statuses(run(text, tmp_path)) == {"a": "cached"}


def test_other_packages_are_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)
    text = definition([job("a", "echo 1 > $OUT/x", **CACHED)])
    assert [statuses(run(text, tmp_path))["a"] for _ in range(2)] == ["succeeded", "cached"]
    (packages / "greeting-2.0.dist-info").mkdir()
    assert statuses(run(text, tmp_path)) == {"a": "succeeded"}


def test_a_cached_output_is_also_stored_at_its_fixed_uri(tmp_path: Path) -> None:
    def writes(name: str) -> dict[str, Any]:
        made = job(name, "echo 1 > $OUT/x", CacheConfig={"Enabled": True})
        made["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = f"{BUCKET}/{name}"
        return made

    steps = [writes("a"), writes("b"), job("c", "cat $IN0/x > $OUT/x", f"{BUCKET}/b", DependsOn=["b"])]
    steps[1]["DependsOn"] = ["a"]

    outcome = run(definition(steps), tmp_path)

    assert statuses(outcome) == {"a": "succeeded", "b": "cached", "c": "succeeded"}
    assert {key: contents(outcome)[f"bucket/{key}/x"] for key in ("a", "b")} == {"a": b"1\n", "b": b"1\n"}


def test_outputs_of_a_cached_step_are_not_stored_twice(tmp_path: Path) -> None:
    steps = [job("a", "head -c 100000 /dev/urandom >$OUT/big; mkdir $OUT/d; echo 1 >$OUT/d/small", **CACHED)]
    first, second = (run(definition(steps), tmp_path) for _ in range(2))
    assert statuses(second) == {"a": "cached"}
    files = [
        sorted(path for path in (each.folder / "s3").rglob("*") if path.is_file()) for each in (first, second)
    ]
    assert len(files[0]) == 2
    assert [path.stat().st_ino for path in files[0]] == [path.stat().st_ino for path in files[1]]
    # Removing one run leaves the other whole.
    shutil.rmtree(first.folder)
    assert [path.stat().st_size for path in files[1]] == [100_000, 2]
