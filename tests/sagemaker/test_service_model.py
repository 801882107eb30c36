from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import botocore.loaders
import pytest

import dagcast
from dagcast.errors import DagcastError
from dagcast.sagemaker.service_model import ServiceModel, ServiceModelError, load_shapes
from tests.support.service_models import without_documentation

CORE = str(Path(dagcast.__path__[0]).parent)


# rds and secretsmanager have extras that the SDK merges into the model.
@pytest.mark.parametrize("service", ["sagemaker", "emr", "emr-serverless", "lambda", "rds", "secretsmanager"])
def test_model_is_what_botocore_loads_itself(service: str) -> None:
    theirs = botocore.loaders.Loader().load_service_model(service, "service-2")
    ours = load_shapes(service)
    assert without_documentation(dict(ours.shapes)) == without_documentation(theirs["shapes"])
    assert without_documentation(dict(ours.operations)) == without_documentation(theirs["operations"])
    assert ours.version == theirs["metadata"]["apiVersion"]
    assert ours.service == service


def test_reading_a_model_and_checking_a_body_does_not_import_botocore() -> None:
    program = """
import sys
from dagcast.check.request import check_request
problems = check_request({}, "CreateModelInput", parameter_types={}, reference_type=lambda reference: None)
assert [problem.code for problem in problems] == ["request.missing-field"], problems
heavy = {"botocore", "boto3", "urllib3", "dateutil", "sagemaker", "numpy", "pandas", "pydantic"}
print(sorted(heavy & sys.modules.keys()))
"""
    environment = {"PYTHONPATH": CORE, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_models_of_the_user_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "docdb" / "2999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(
        '{"metadata": {"apiVersion": "2999-01-01"}, "shapes": {}, "operations": {}}'
    )
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert load_shapes("docdb").version != "2999-01-01"


def test_threads_share_one_model() -> None:
    together = Barrier(4)

    def load(_: int) -> ServiceModel:
        together.wait()
        return load_shapes("kinesis")

    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(load, range(4)))
    assert all(model is models[0] for model in models)


def test_shapes_of_an_operation() -> None:
    model = load_shapes("sagemaker")
    assert model.input_shape("CreateModel") == "CreateModelInput"
    assert model.output_shape("DescribeTrainingJob") == "DescribeTrainingJobResponse"
    assert model.kind("CreateModelInput") == "structure"
    assert model.kind("RoleArn") == "string"
    assert model.shape("EnvironmentMap")["value"] == {"shape": "EnvironmentValue"}


def test_the_error_for_an_unknown_name_has_the_nearest_one() -> None:
    model = load_shapes("sagemaker")
    with pytest.raises(
        ServiceModelError, match=r"botocore [\d.]+ knows no shape 'CreateModelImput'.*'CreateModelInput'"
    ):
        model.shape("CreateModelImput")
    with pytest.raises(ServiceModelError, match=r"no operation 'CreateTraningJob'.*'CreateTrainingJob'"):
        model.input_shape("CreateTraningJob")
    with pytest.raises(ServiceModelError, match="'DeleteModel' of sagemaker has no output"):
        model.output_shape("DeleteModel")
    with pytest.raises(DagcastError, match="knows no service 'sagemakr': did you mean 'sagemaker'"):
        load_shapes("sagemakr")
