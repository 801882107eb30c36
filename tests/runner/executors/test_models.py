"""Model and RegisterModel steps."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagcast.runner.executors import create_model, register_model
from dagcast.runner.executors.executor import StepAttempt, StepFailedError
from dagcast.runner.model_containers import resolve_model_package
from dagcast.runner.options import RunOptions
from dagcast.runner.store.local_store import Store
from tests.support.steps import make_step

DATA = "s3://bucket/model.tar.gz"
NO_PROCESS: Any = None
"""The executors here start no job."""
STEP = make_step("ask", "Any", {})


def _run(folder: Path, arguments: Mapping[str, Any], job: str = "job", **more: Any) -> StepAttempt:
    fields = {"OutputParameters": more.pop("declared", [])}
    store = Store(folder / "s3")
    if more.pop("data", DATA) is not None and not store.exists(DATA):
        (folder / "model").write_text("model")
        store.put(folder / "model", DATA)
    return StepAttempt(
        step=STEP,
        arguments=arguments,
        fields=fields,
        job_name=job,
        folder=folder / job,
        store=store,
        options=RunOptions(runs=folder / "runs", **more),
        launcher=NO_PROCESS,
        stop=threading.Event(),
        warn=lambda message: None,
    )


def _registration(data: str = DATA) -> dict[str, Any]:
    return {
        "ModelPackageGroupName": "churn",
        "InferenceSpecification": {"Containers": [{"ModelDataUrl": data}]},
    }


def test_a_model_needs_its_data(tmp_path: Path) -> None:
    made = create_model.run(_run(tmp_path, {"PrimaryContainer": {"ModelDataUrl": DATA}}))
    assert made.properties["ModelName"] == "job"
    with pytest.raises(StepFailedError, match="could not find model data"):
        create_model.run(_run(tmp_path, {"PrimaryContainer": {"ModelDataUrl": "s3://bucket/none"}}))


def test_versions_of_a_model_count_up_and_hold_the_model(tmp_path: Path) -> None:
    for number in (1, 2):
        made = register_model.run(_run(tmp_path, _registration(), f"job-{number}"))
        assert made.properties["ModelPackageVersion"] == number
        assert made.properties["ModelPackageArn"].endswith(f":model-package/churn/{number}")
    assert (tmp_path / "runs" / "models" / "churn" / "2" / "model.tar.gz").read_text() == "model"


def test_a_step_that_is_tried_again_finds_the_version_it_made(tmp_path: Path) -> None:
    first, again = (register_model.run(_run(tmp_path, _registration())) for _ in range(2))
    assert first == again


def test_two_runs_at_once_get_two_versions(tmp_path: Path) -> None:
    runs = [_run(tmp_path, _registration(), f"job-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(register_model.run, runs))
    assert sorted(result.properties["ModelPackageVersion"] for result in made) == list(range(1, 9))


def test_a_group_whose_name_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="is not the name or ARN of a model package"):
        register_model.run(_run(tmp_path, {**_registration(), "ModelPackageGroupName": ".."}))


ARN = "arn:aws:sagemaker:us-east-1:123456789012"


@pytest.mark.parametrize("field", ["ModelPackageGroupName", "ModelPackageName"])
@pytest.mark.parametrize(
    "name",
    ["../../evil", "evil/", "a/b", "-a", "a-", "a b", "a\n", "ä", "a" * 64, f"a{'-' * 80}b", f"{ARN}:model/a",
     f"{ARN}:model-package-group/../a", f"{ARN}:model-package/a/1"],
)  # fmt: skip
def test_an_invalid_name_of_a_package_is_refused_before_and_when_the_step_runs(
    tmp_path: Path, field: str, name: str
) -> None:
    run = _run(tmp_path, {"InferenceSpecification": {"Containers": []}, field: name})
    (found,) = register_model.check(make_step("keep", "RegisterModel", run.arguments), run.options)
    assert found.code == "request.invalid-name"
    assert f"{field} {name!r} is not the name or ARN of a model package" in found.message
    with pytest.raises(StepFailedError, match="is not the name or ARN of a model package"):
        register_model.run(run)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["a", "A-b--1", "a" * 63])
@pytest.mark.parametrize("before", ["", f"{ARN}:model-package-group/", f"{ARN}:model-package/"])
def test_a_group_is_named_or_given_by_its_arn(tmp_path: Path, name: str, before: str) -> None:
    run = _run(tmp_path, {**_registration(), "ModelPackageGroupName": f"{before}{name}"})
    assert list(register_model.check(make_step("keep", "RegisterModel", run.arguments), run.options)) == []
    register_model.run(run)
    assert (tmp_path / "runs" / "models" / name / "1").is_dir()


def test_a_group_may_be_a_reference(tmp_path: Path) -> None:
    run = _run(tmp_path, {**_registration(), "ModelPackageGroupName": {"Get": "Parameters.Group"}})
    assert list(register_model.check(make_step("keep", "RegisterModel", run.arguments), run.options)) == []


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        ("ModelMetrics", "metrics/Bias/PreTrainingReport"),
        ("DriftCheckBaselines", "baselines/Bias/PreTrainingReport"),
    ],
)
def test_files_of_metrics_and_baselines_are_kept(tmp_path: Path, member: str, kept: str) -> None:
    files = {"Bias": {"PreTrainingReport": {"ContentType": "application/json", "S3Uri": DATA}}}
    register_model.run(_run(tmp_path, {**_registration(), member: files}))
    (copy,) = (path for path in (tmp_path / "runs/models/churn/1" / kept).rglob("*") if path.is_file())
    assert copy.read_text() == "model"


@pytest.mark.parametrize("member", ["ModelMetrics", "DriftCheckBaselines"])
@pytest.mark.parametrize(
    "metrics", [{"../../../../out": {"Statistics": {}}}, {"ModelQuality": {"/tmp/out": {}}}]
)
def test_metrics_whose_name_is_a_path_are_refused(
    tmp_path: Path, metrics: dict[str, Any], member: str
) -> None:
    metrics = {group: {name: {"S3Uri": DATA} for name in kinds} for group, kinds in metrics.items()}
    run = _run(tmp_path, {**_registration(), member: metrics})
    with pytest.raises(StepFailedError, match=f"{member} has no field"):
        register_model.run(run)
    (found,) = register_model.check(make_step("keep", "RegisterModel", run.arguments), run.options)
    assert found.code == "request.unknown-field"


def test_metrics_may_be_references(tmp_path: Path) -> None:
    joined = {"Std:Join": {"On": "", "Values": ["s3://bucket/m"]}}
    for metrics in (
        {"Get": "Steps.a.X"},
        {"ModelQuality": joined},
        {"ModelQuality": {"Statistics": {"S3Uri": joined}}},
    ):
        run = _run(tmp_path, {**_registration(), "ModelMetrics": metrics})
        assert (
            list(register_model.check(make_step("keep", "RegisterModel", run.arguments), run.options)) == []
        )


def _package(folder: Path) -> tuple[str, dict[str, Any]]:
    """The ARN of a model package that an earlier run registered, and a container of a model made of it."""
    environment = {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code.tar.gz", "MINE": "the package's"}
    (folder / "earlier").mkdir()
    run = _run(folder / "earlier", {}, "register")
    (folder / "code").write_text("code")
    run.store.put(folder / "code", "s3://bucket/code.tar.gz")
    container = {"Image": "image", "ModelDataUrl": DATA, "Environment": environment}
    request = {"ModelPackageGroupName": "Churn", "InferenceSpecification": {"Containers": [container]}}
    options = RunOptions(runs=folder / "runs")
    made = register_model.run(replace(run, arguments=request, options=options))
    return made.properties["ModelPackageArn"], {"ModelPackageName": made.properties["ModelPackageArn"]}


def test_a_model_is_made_of_a_package_that_an_earlier_run_registered(tmp_path: Path) -> None:
    arn, container = _package(tmp_path)
    assert arn.endswith("/churn/1")
    run = _run(tmp_path, {"PrimaryContainer": container}, data=None)
    assert not run.store.exists(DATA)
    assert create_model.run(run).properties["PrimaryContainer"] == container
    found = resolve_model_package(run, {**container, "Environment": {"MINE": "my own"}})
    assert found["ModelDataUrl"] == DATA
    assert found["Environment"] == {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code.tar.gz", "MINE": "my own"}
    assert run.store.path(DATA).read_text() == "model"
    assert run.store.path("s3://bucket/code.tar.gz").read_text() == "code"


@pytest.mark.parametrize("named", ["churn", "churn/1", "Churn/1"])
def test_a_package_is_named_with_or_without_a_version(tmp_path: Path, named: str) -> None:
    _package(tmp_path)
    run = _run(tmp_path, {}, data=None)
    assert resolve_model_package(run, {"ModelPackageName": named})["ModelDataUrl"] == DATA


@pytest.mark.parametrize("named", ["other", "churn/2", "../churn", "", "churn/1/../1"])
def test_a_package_that_nobody_registered_fails_the_step(tmp_path: Path, named: str) -> None:
    _package(tmp_path)
    with pytest.raises(StepFailedError, match="could not find model package"):
        create_model.run(_run(tmp_path, {"PrimaryContainer": {"ModelPackageName": named or "-"}}, data=None))
