"""Definitions that other tools made: their code, and their way to name objects."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from tests.runner.container.support import IMAGE, training_arguments
from tests.runner.engine.pipelines import RecordedEvents, definition, job, run, statuses

CODE = "s3://sagemaker-us-east-1-123456789012/train-2026-11-25/source/sourcedir.tar.gz"
ROLE = {"RoleArn": "arn:aws:iam::123456789012:role/R"}


def _train(**hyperparameters: str) -> dict[str, Any]:
    chosen = {"sagemaker_submit_directory": CODE, "sagemaker_program": "train.py", **hyperparameters}
    arguments = {**training_arguments(chosen), **ROLE}
    del arguments["InputDataConfig"]
    return {"Name": "train", "Type": "Training", "Arguments": arguments}


def _write_code(folder: Path) -> Path:
    (folder / "src" / "lib").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("import os, lib.a; open(os.environ['SM_MODEL_DIR'] + '/m', 'w')")
    (folder / "src" / "lib" / "a.py").write_text("")
    return folder / "src"


def test_code_that_an_sdk_staged_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        run(definition([_train()]), tmp_path)
    (error,) = caught.value.diagnostics
    assert error.hint is not None
    assert error.hint.startswith(f"it is code that an SDK staged in S3: use --input {CODE}=PATH")


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_code_that_an_sdk_staged_can_be_given(tmp_path: Path, form: str) -> None:
    given = _write_code(tmp_path)
    if form == "archive":
        with tarfile.open(tmp_path / "code.tar.gz", "w:gz") as tar:
            tar.add(given, ".")
        given = tmp_path / "code.tar.gz"
    outcome = run(definition([_train()]), tmp_path, inputs={CODE: given})
    assert statuses(outcome) == {"train": "succeeded"}, outcome.reason


def test_a_folder_is_packed_for_a_launcher_too(tmp_path: Path) -> None:
    launch = "cd /opt/ml/processing/in0; tar -xzf sourcedir.tar.gz; ls"
    events = RecordedEvents()
    text = definition([job("read", launch.replace("/opt/ml/processing/in0", "$IN0"), CODE)])
    outcome = run(text, tmp_path, inputs={CODE: _write_code(tmp_path)}, listener=events)
    assert statuses(outcome) == {"read": "succeeded"}, outcome.reason
    (started,) = [event for event in events if event.kind == "step-started"]
    assert Path(started.details["log"]).read_text().split() == ["lib", "sourcedir.tar.gz", "train.py"]


def test_data_is_not_called_code(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        run(definition([job("read", "true", "s3://bucket/data/raw.csv")]), tmp_path)
    assert "staged" not in str(caught.value.diagnostics[0].hint)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.us-east-1.amazonaws.com/given/models/a%20b/model.tar.gz",
        "https://s3-eu-west-1.amazonaws.com/given/models/a%20b/model.tar.gz",
        "https://given.s3.eu-west-1.amazonaws.com/models/a b/model.tar.gz",
        "https://given.s3.cn-north-1.amazonaws.com.cn/models/a%20b/model.tar.gz",
    ],
)
def test_model_data_may_be_a_url_of_s3(tmp_path: Path, url: str) -> None:
    model = {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": url}, "ExecutionRoleArn": ROLE["RoleArn"]}
    text = definition([{"Name": "model", "Type": "Model", "Arguments": model}])
    with pytest.raises(
        InvalidInputError, match=r"s3://given/models/a b/model\.tar\.gz, which does not exist"
    ):
        run(text, tmp_path)
    (tmp_path / "model.tar.gz").write_bytes(b"")
    inputs = {"s3://given/models/a b/model.tar.gz": tmp_path / "model.tar.gz"}
    assert statuses(run(text, tmp_path, inputs=inputs)) == {"model": "succeeded"}


def test_other_urls_are_no_model_data(tmp_path: Path) -> None:
    model = {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "https://example.com/given/model.tar.gz"}}
    text = definition(
        [{"Name": "model", "Type": "Model", "Arguments": {**model, "ExecutionRoleArn": ROLE["RoleArn"]}}]
    )
    with pytest.raises(InvalidInputError, match="is not an S3 URI"):
        run(text, tmp_path)
