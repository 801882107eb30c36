"""Transform steps: batches go through the models' own inference scripts."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dagcast.runner.executors import register_model, transform
from dagcast.runner.executors.executor import StepAttempt, StepFailedError, StepStoppedError
from dagcast.runner.launch.launcher import Launcher
from tests.runner.container.support import packed
from tests.runner.container.test_training import Engine
from tests.runner.executors.support import ended_by_the_run, step_run

MODEL = "s3://bucket/model.tar.gz"
CODE = "s3://bucket/code.tar.gz"
OUT = "s3://bucket/out"
ECHO = """
    def model_fn(folder): return folder
    def transform_fn(model, body, content_type, accept): return f"[{body.strip()}]", accept
"""
DOUBLE = """
    class Model:
        def predict(self, data): return data * 2
    def model_fn(folder): return Model()
"""


def _step(
    folder: Path,
    launcher: Any,
    script: str | None,
    inputs: Mapping[str, str | bytes],
    *,
    model: Mapping[str, str | bytes] | None = None,
    container: Mapping[str, Any] | None = None,
    source: Mapping[str, Any] | None = None,
    output: Mapping[str, Any] | None = None,
    described: Mapping[str, Any] | None = None,
    **more: Any,
) -> StepAttempt:
    environment = {"SAGEMAKER_SUBMIT_DIRECTORY": CODE, "SAGEMAKER_PROGRAM": "predict.py"}
    one = {
        "Image": "sagemaker-scikit-learn",
        "ModelDataUrl": MODEL,
        "Environment": environment,
        **(container or {}),
    }
    properties = {"make": {"ModelName": "made", "PrimaryContainer": one, **(described or {})}}
    request = {
        "ModelName": "made",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
            **(source or {}),
        },
        "TransformOutput": {
            "S3OutputPath": OUT,
            "Accept": "text/csv",
            "AssembleWith": "Line",
            **(output or {}),
        },
        **more,
    }
    run = step_run(folder, "predict", "Transform", request, launcher=launcher, properties_of=properties)
    objects: dict[str, bytes] = {MODEL: _archive(model or {"m": "1"})}
    if script is not None:
        objects[CODE] = packed({"predict.py": dedent(script)})
    objects.update(
        {
            f"s3://bucket/{key}": text.encode() if isinstance(text, str) else text
            for key, text in inputs.items()
        }
    )
    for uri, content in objects.items():
        file = folder / "object"
        file.write_bytes(content)
        run.store.put(file, uri)
    return run


def _archive(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _output(run: StepAttempt, key: str = "rows.csv") -> str:
    return run.store.path(f"{OUT}/{key}.out").read_text()


@pytest.mark.parametrize("wanted", [True, False])
def test_in_its_image_requirements_are_installed_only_if_wanted(tmp_path: Path, wanted: bool) -> None:
    files = {"code/predict.py": "", "code/requirements.txt": "x"}
    container = {"Environment": {"SAGEMAKER_PROGRAM": "predict.py"}}
    engine = Engine()
    run = _step(tmp_path, engine, None, {"in/rows.csv": "1"}, model=files, container=container)
    (run.folder / "ml").parent.mkdir(exist_ok=True)
    transform.run(replace(run, options=replace(run.options, requirements=wanted)))
    (command,) = engine.commands
    assert ("pip" in " ".join(command.argv)) == wanted
    assert command.argv[-1] == "/opt/ml/serving.py"


def test_a_trained_model_predicts_a_batch(tmp_path: Path, launcher: Launcher) -> None:
    rows = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0], [6.0, 5.0]])
    stream = io.BytesIO()
    joblib.dump(LogisticRegression().fit(rows, [0, 0, 1, 1]), stream)
    script = """
        import joblib, os
        def model_fn(folder):
            return joblib.load(os.path.join(folder, "model.joblib"))
    """
    run = _step(
        tmp_path,
        launcher,
        script,
        {"in/rows.csv": "0,0\n5,6\n7,7\n"},
        model={"model.joblib": stream.getvalue()},
    )
    assert list(transform.check(run.step, run.options)) != []  # a model that is named, and not referred to
    result = transform.run(run)
    assert _output(run) == "0\n1\n1\n"
    assert result.outputs == {"predictions": OUT}
    assert result.properties["TransformJobStatus"] == "Completed"
    assert result.properties["TransformJobArn"].endswith(":transform-job/job")
    assert result.properties["TransformOutput"]["S3OutputPath"] == OUT


def test_a_batch_is_predicted_where_there_are_no_namespaces(tmp_path: Path, paths_launcher: Launcher) -> None:
    run = _step(tmp_path, paths_launcher, DOUBLE, {"in/rows.csv": "1\n2\n"})
    transform.run(run)
    assert _output(run) == "2.0\n4.0\n"


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({}, "[1\n2]\n"),
        ({"BatchStrategy": "SingleRecord"}, "[1]\n[2]\n"),
        ({"BatchStrategy": "SingleRecord", "output": {"AssembleWith": "None"}}, "[1][2]"),
        ({"source": {"SplitType": "None"}, "output": {"AssembleWith": "None"}}, "[1\n2]"),
    ],
)
def test_records_are_batched_and_assembled(
    tmp_path: Path, launcher: Launcher, change: dict[str, Any], output: str
) -> None:
    run = _step(tmp_path, launcher, ECHO, {"in/rows.csv": "1\n2\n"}, **change)
    transform.run(run)
    assert _output(run) == output


def test_a_batch_is_as_large_as_the_payload_allows(tmp_path: Path, launcher: Launcher) -> None:
    line = "x" * 400_000 + "\n"
    script = """
        def model_fn(folder): return None
        def transform_fn(model, body, content_type, accept): return str(len(body)), accept
    """
    run = _step(tmp_path, launcher, script, {"in/rows.csv": line * 5}, MaxPayloadInMB=1)
    transform.run(run)
    assert _output(run) == "800002\n800002\n400001\n"


def test_a_record_larger_than_the_payload_is_refused(tmp_path: Path, launcher: Launcher) -> None:
    for split in ("Line", "None"):
        inputs = {"in/rows.csv": "x" * 1_048_577}
        run = _step(tmp_path / split, launcher, ECHO, inputs, source={"SplitType": split}, MaxPayloadInMB=1)
        with pytest.raises(StepFailedError, match=r"a record exceeds MaxPayloadInMB .1048576 bytes."):
            transform.run(run)
        assert not run.store.exists(OUT)


def test_a_payload_has_6_megabytes_at_most_if_the_request_has_no_limit(
    tmp_path: Path, launcher: Launcher
) -> None:
    """Source: SageMaker API reference, CreateTransformJob, ``MaxPayloadInMB``."""
    largest = 6 * 1_048_576
    run = _step(tmp_path / "most", launcher, ECHO, {"in/rows.csv": "x" * (largest - 1) + "\n"})
    transform.run(run)
    assert len(_output(run)) >= largest - 1
    run = _step(tmp_path / "more", launcher, ECHO, {"in/rows.csv": "x" * (largest + 1)})
    with pytest.raises(StepFailedError, match=r"a record exceeds MaxPayloadInMB .6291456 bytes."):
        transform.run(run)


def test_a_payload_of_zero_has_no_limit(tmp_path: Path, launcher: Launcher) -> None:
    run = _step(tmp_path, launcher, ECHO, {"in/rows.csv": "x" * 7_000_000}, MaxPayloadInMB=0)
    transform.run(run)
    assert len(_output(run)) == 7_000_003


def test_every_object_has_its_output_in_the_same_place(tmp_path: Path, launcher: Launcher) -> None:
    run = _step(tmp_path, launcher, ECHO, {"in/a.csv": "1\n", "in/deep/b.csv": "2\n"})
    transform.run(run)
    assert run.store.uris(OUT) == [f"{OUT}/a.csv.out", f"{OUT}/deep/b.csv.out"]


def test_a_manifest_names_the_objects(tmp_path: Path, launcher: Launcher) -> None:
    manifest = json.dumps([{"prefix": "s3://bucket/in/"}, "b.csv"])
    place = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://bucket/list.json"}}
    inputs = {"in/a.csv": "1\n", "in/b.csv": "2\n", "list.json": manifest}
    run = _step(tmp_path, launcher, ECHO, inputs, source={"DataSource": place})
    transform.run(run)
    assert run.store.uris(OUT) == [f"{OUT}/b.csv.out"]


def test_compressed_objects_are_read(tmp_path: Path, launcher: Launcher) -> None:
    inputs = {"in/rows.csv.gz": gzip.compress(b"1\n2\n")}
    run = _step(tmp_path, launcher, ECHO, inputs, source={"CompressionType": "Gzip"})
    transform.run(run)
    assert _output(run, "rows.csv.gz") == "[1\n2]\n"


def test_columns_are_left_out_and_joined_again(tmp_path: Path, launcher: Launcher) -> None:
    filters = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    run = _step(tmp_path, launcher, DOUBLE, {"in/rows.csv": "a,1\nb,2\n"}, DataProcessing=filters)
    transform.run(run)
    assert _output(run) == "a,2.0\nb,4.0\n"


@pytest.mark.parametrize(
    ("content_type", "body", "accept", "output"),
    [
        ("text/csv", "1,2\n3,4\n", "text/csv", "2.0,4.0\n6.0,8.0\n"),
        ("application/json", "[[1, 2], [3, 4]]", "application/json", "[[2.0, 4.0], [6.0, 8.0]]"),
        ("application/json", "[1, 2]", "text/csv", "2.0\n4.0\n"),
        (None, "[1, 2]", None, "[2.0, 4.0]"),
    ],
)
def test_the_defaults_read_and_write_csv_and_json(
    tmp_path: Path, launcher: Launcher, content_type: str | None, body: str, accept: str | None, output: str
) -> None:
    plain = {"SplitType": "None", "ContentType": content_type}
    written = {"Accept": accept, "AssembleWith": "None"}
    run = _step(tmp_path, launcher, DOUBLE, {"in/rows.csv": body}, source=plain, output=written)
    transform.run(run)
    assert _output(run) == output


def test_arrays_go_through_as_npy(tmp_path: Path, launcher: Launcher) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([[1, 2]]))
    kind = "application/x-npy"
    source, output = {"SplitType": "None", "ContentType": kind}, {"Accept": kind, "AssembleWith": "None"}
    run = _step(tmp_path, launcher, DOUBLE, {"in/a.npy": stream.getvalue()}, source=source, output=output)
    transform.run(run)
    assert np.load(run.store.path(f"{OUT}/a.npy.out")).tolist() == [[2, 4]]


def test_all_functions_of_a_script_are_called_with_a_context_if_they_take_one(
    tmp_path: Path, launcher: Launcher
) -> None:
    script = """
        import os
        def model_fn(folder, context): return context.system_properties["model_dir"] == folder
        def input_fn(body, content_type): return [content_type, type(body).__name__]
        def predict_fn(data, model): return [*data, str(model), os.environ["SAGEMAKER_BATCH_STRATEGY"]]
        def output_fn(prediction, accept, context): return ";".join([*prediction, accept, os.environ["MINE"]])
    """
    run = _step(tmp_path, launcher, script, {"in/rows.csv": "1"}, Environment={"MINE": "my own"})
    transform.run(run)
    assert _output(run) == "text/csv;str;True;MULTI_RECORD;text/csv;my own\n"


def test_the_code_may_be_in_the_model(tmp_path: Path, launcher: Launcher) -> None:
    model = {"code/inference.py": dedent(ECHO) + "import helper\n", "code/helper.py": ""}
    run = _step(tmp_path, launcher, None, {"in/rows.csv": "1"}, model=model, container={"Environment": {}})
    transform.run(run)
    assert _output(run) == "[1]\n"


def test_a_model_made_of_a_registered_package_predicts(tmp_path: Path, launcher: Launcher) -> None:
    container = {"ModelDataUrl": None, "Environment": {}, "ModelPackageName": "churn/1"}
    run = _step(tmp_path, launcher, ECHO, {"in/rows.csv": "1"}, container=container)
    environment = {"SAGEMAKER_SUBMIT_DIRECTORY": CODE, "SAGEMAKER_PROGRAM": "predict.py"}
    package = {"Containers": [{"ModelDataUrl": MODEL, "Environment": environment}]}
    request = {"ModelPackageGroupName": "churn", "InferenceSpecification": package}
    register_model.run(replace(run, arguments=request, job_name="register"))
    transform.run(run)
    assert _output(run) == "[1]\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("x = 1", "predict.py has no model_fn, whose framework default is not available here, exit code: 1"),
        (
            "def model_fn(f): raise OSError('no weights')",
            "AlgorithmError: .*OSError: no weights, exit code: 1",
        ),
        (ECHO + "    def input_fn(b, c): return b\n", "remove one or the others"),
        (DOUBLE.replace("data * 2", "data @ 'no'"), "AlgorithmError: "),
        ("import os\ndef model_fn(f): os.kill(os.getpid(), 9)", "SIGKILL"),
        (DOUBLE, "could not convert string to float"),
    ],
)
def test_a_script_that_fails_says_how_and_hands_over_nothing(
    tmp_path: Path, launcher: Launcher, script: str, reason: str
) -> None:
    run = _step(tmp_path, launcher, script, {"in/a.csv": "1\n", "in/rows.csv": "text\n"})
    with pytest.raises(StepFailedError, match=f"(?s){reason}"):
        transform.run(run)
    assert not run.store.exists(OUT)


@pytest.mark.parametrize("image", ["pytorch-inference", "sagemaker-xgboost", "huggingface-pytorch-inference"])
def test_defaults_that_belong_to_a_framework_are_not_guessed(
    tmp_path: Path, launcher: Launcher, image: str
) -> None:
    run = _step(tmp_path, launcher, DOUBLE, {"in/rows.csv": "1\n"}, container={"Image": image})
    with pytest.raises(
        StepFailedError, match="has no input_fn, predict_fn, output_fn, whose framework default"
    ):
        transform.run(run)


def test_a_request_that_hangs_ends_when_its_time_is_over(tmp_path: Path, launcher: Launcher) -> None:
    script = """
        import time
        def model_fn(folder): return None
        def transform_fn(model, body, content_type, accept): time.sleep(600)
    """
    client = {"InvocationsTimeoutInSeconds": 0.5}
    run = _step(tmp_path, launcher, script, {"in/rows.csv": "1\n"}, ModelClientConfig=client)
    with pytest.raises(StepFailedError, match="longer than InvocationsTimeoutInSeconds"):
        transform.run(run)


def test_a_transform_ends_with_the_run(tmp_path: Path, launcher: Launcher) -> None:
    script = "import time\ndef model_fn(folder):\n    print('on', flush=True)\n    time.sleep(600)\n"
    run = _step(tmp_path, launcher, script, {"in/rows.csv": "1\n"})
    assert ended_by_the_run(transform, run) == [StepStoppedError]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ModelName": "other"}, "could not find model 'other'"),
        ({"described": {"PrimaryContainer": None, "Containers": [{}, {}]}}, "has 2 containers"),
        (
            {"container": {"ModelDataUrl": "s3://bucket/none.tar.gz"}},
            "s3://bucket/none.tar.gz does not exist",
        ),
        ({"container": {"Environment": {}}}, "the model has no inference.py in /opt/ml/model/code"),
        ({"inputs": {"other/rows.csv": "1"}}, "s3://bucket/in does not exist"),
        ({"inputs": {"in/rows.csv": "1"}, "model_bytes": b"no archive"}, "is not a complete .tar"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, launcher: Launcher, change: dict[str, Any], reason: str
) -> None:
    inputs, content = change.pop("inputs", {"in/rows.csv": "1"}), change.pop("model_bytes", None)
    run = _step(tmp_path, launcher, ECHO, inputs, **change)
    if content is not None:
        (tmp_path / "model").write_bytes(content)
        run.store.put(tmp_path / "model", MODEL)
    with pytest.raises(StepFailedError, match=reason):
        transform.run(run)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"ModelName": "a-model-of-aws"}, "run.unsupported-field"),
        ({"source": {"SplitType": "RecordIO"}}, "run.unsupported-field"),
        ({"source": {"SplitType": "TFRecord"}}, "run.unsupported-field"),
        ({"source": {"SplitType": {"Get": "Parameters.Split"}}}, None),
        ({"source": {"DataSource": {}}}, "request.missing-field"),
        ({"DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}}, None),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, None),
        ({"DataProcessing": {"InputFilter": "$.name"}}, "transform.data-processing"),
        ({"DataProcessing": {"OutputFilter": "[1"}}, "transform.data-processing"),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "source": {"SplitType": "None"}},
            "transform.data-processing",
        ),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "output": {"Accept": "application/json"}},
            "transform.data-processing",
        ),
        ({"DataProcessing": {"JoinSource": "Input"}, "output": {"Accept": {"Get": "Parameters.A"}}}, None),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "source": {"ContentType": "image/png"}},
            "transform.data-processing",
        ),
    ],
)
def test_what_cannot_run_is_reported_before_anything_starts(
    tmp_path: Path, change: dict[str, Any], code: str | None
) -> None:
    reference = {"ModelName": {"Get": "Steps.make.ModelName"}}
    run = _step(tmp_path, None, ECHO, {}, **{**reference, **change})
    assert [found.code for found in transform.check(run.step, run.options)] == ([code] if code else [])
