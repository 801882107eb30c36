"""Scripts that code and models lack are reported before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagcast.errors import InvalidInputError
from tests.runner.container.support import IMAGE, packed, training_arguments
from tests.runner.engine.pipelines import RecordedEvents, definition, get, run, statuses

ROLE = "arn:aws:iam::123456789012:role/R"
CODE, MODEL, ROWS = "s3://given/sourcedir.tar.gz", "s3://given/model.tar.gz", "s3://given/rows.csv"
SERVES = "def model_fn(folder): return 1\ndef transform_fn(model, data, kind, accept): return str(model)\n"


def train() -> dict[str, Any]:
    arguments = training_arguments({"sagemaker_submit_directory": f'"{CODE}"'})
    del arguments["InputDataConfig"]
    return {"Name": "train", "Type": "Training", "Arguments": {**arguments, "RoleArn": ROLE}}


def model(data: Any, **environment: str) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": data, "Environment": environment}
    return {
        "Name": "model",
        "Type": "Model",
        "Arguments": {"PrimaryContainer": container, "ExecutionRoleArn": ROLE},
    }


def predict() -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": ROWS}}
    arguments = {
        "ModelName": get("Steps.model.ModelName"),
        "TransformInput": {"DataSource": source, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": "s3://bucket/predicted"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    return {"Name": "predict", "Type": "Transform", "Arguments": arguments}


def given(folder: Path, archives: Mapping[str, Mapping[str, str]]) -> dict[str, Path]:
    inputs = {ROWS: folder / "rows.csv"}
    inputs[ROWS].write_text("1\n")
    for number, (uri, files) in enumerate(archives.items()):
        inputs[uri] = folder / f"{number}.tar.gz"
        inputs[uri].write_bytes(packed(files))
    return inputs


def problem(steps: list[dict[str, Any]], folder: Path, archives: Mapping[str, Mapping[str, str]]) -> str:
    """Return the only error; nothing may have started."""
    with pytest.raises(InvalidInputError) as caught:
        run(definition(steps), folder, inputs=given(folder, archives))
    (error,) = [item for item in caught.value.diagnostics if item.severity == "error"]
    assert not (folder / "runs").exists()
    return str(error)


@pytest.mark.parametrize("files", [{"trian.py": ""}, {"deep/train.py": ""}, {}])
def test_a_training_script_that_its_code_lacks(tmp_path: Path, files: dict[str, str]) -> None:
    assert f"step 'train': {CODE} has no train.py" in problem([train()], tmp_path, {CODE: files})


def test_a_program_that_is_a_module_is_not_looked_for_as_a_file(tmp_path: Path) -> None:
    files = {"setup.py": "", "train/__init__.py": "", "train/__main__.py": "print('ran')"}
    outcome = run(definition([train()]), tmp_path, inputs=given(tmp_path, {CODE: files}))
    assert statuses(outcome) == {"train": "succeeded"}, outcome.reason


def test_a_model_without_an_inference_script(tmp_path: Path) -> None:
    found = problem([model(MODEL), predict()], tmp_path, {MODEL: {"weights": "1"}})
    assert f"step 'predict': {MODEL} has no code/inference.py" in found


def test_a_model_whose_code_has_another_script(tmp_path: Path) -> None:
    steps = [model(MODEL, SAGEMAKER_SUBMIT_DIRECTORY=CODE, SAGEMAKER_PROGRAM="serve.py"), predict()]
    found = problem(steps, tmp_path, {MODEL: {"weights": "1"}, CODE: {"server.py": SERVES}})
    assert f"{CODE} has no serve.py (did you mean 'server.py'?)" in found


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        ("def predict_fn(data, model): pass", "has no model_fn"),
        ("def model_fn(folder) pass", "is invalid Python"),
        ("", "has no model_fn"),
    ],
)
def test_an_inference_script_that_lacks_what_it_needs(tmp_path: Path, script: str, missing: str) -> None:
    found = problem([model(MODEL), predict()], tmp_path, {MODEL: {"code/inference.py": script}})
    assert f"inference.py {missing}" in found


@pytest.mark.parametrize(
    "script", [SERVES, "from served import *", "globals()['model_fn'] = 1", "from served import model_fn"]
)
def test_a_script_that_has_it_or_may_have_it_starts(tmp_path: Path, script: str) -> None:
    archives = {MODEL: {"code/inference.py": script, "code/served.py": SERVES}}
    outcome = run(definition([model(MODEL), predict()]), tmp_path, inputs=given(tmp_path, archives))
    assert statuses(outcome)["model"] == "succeeded"


@pytest.mark.parametrize(
    ("code", "warned"),
    [
        ({"train.py": "open('/opt/ml/model/m', 'w').close()"}, True),
        ({"train.py": "import shutil", "inference.py": SERVES}, False),
        ({"train.py": "open('/opt/ml/model/m', 'w').write('inference.py')"}, False),
    ],
)
def test_a_training_that_leaves_no_script_causes_a_warning_at_the_start(
    tmp_path: Path, code: dict[str, str], warned: bool
) -> None:
    events = RecordedEvents()
    steps = [train(), model(get("Steps.train.ModelArtifacts.S3ModelArtifacts")), predict()]
    run(definition(steps), tmp_path, inputs=given(tmp_path, {CODE: code}), listener=events)
    warnings = [event for event in events if event.kind == "warning" and event.step is None]
    assert [("no inference script" in str(event.message)) for event in warnings] == [True] * warned


def test_a_model_package_of_several_containers(tmp_path: Path) -> None:
    containers = [{"Image": IMAGE, "ModelDataUrl": MODEL}] * 2
    register = {
        "Name": "register",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "group",
            "InferenceSpecification": {
                "Containers": containers,
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        },
    }
    served = {
        "Name": "model",
        "Type": "Model",
        "Arguments": {
            "PrimaryContainer": {"ModelPackageName": get("Steps.register.ModelPackageArn")},
            "ExecutionRoleArn": ROLE,
        },
    }
    found = problem([register, served, predict()], tmp_path, {MODEL: {"code/inference.py": SERVES}})
    assert "step 'model': the model of step 'register' has 2 containers" in found
