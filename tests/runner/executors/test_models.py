"""Model and RegisterModel steps."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagsmith_runner.executor import StepFailedError, StepRun
from dagsmith_runner.executors import create_model, register_model
from dagsmith_runner.options import RunOptions
from dagsmith_runner.store.folder import Store

DATA = "s3://bucket/model.tar.gz"
NO_PROCESS: Any = None
"""The executors here start no job."""
STEP: Any = SimpleNamespace(name="ask", depends_on=())


def _run(folder: Path, arguments: Mapping[str, Any], job: str = "job", **more: Any) -> StepRun:
    body = {"OutputParameters": more.pop("declared", [])}
    store = Store(folder / "s3")
    if not store.exists(DATA):
        (folder / "model").write_text("model")
        store.put(folder / "model", DATA)
    return StepRun(
        step=STEP,
        arguments=arguments,
        body=body,
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
    with pytest.raises(StepFailedError, match="no name of a model package"):
        register_model.run(_run(tmp_path, {**_registration(), "ModelPackageGroupName": ".."}))
