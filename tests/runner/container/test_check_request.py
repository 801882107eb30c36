"""What of a Processing or Training step cannot run here is said before anything starts."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagcast.definition.read import read_definition
from dagcast.runner.executors import processing, training
from dagcast.runner.executors.catalog import executor_for
from dagcast.runner.executors.executor import StepFailedError
from dagcast.runner.options import RunOptions
from tests.runner.container.support import Bench, processing_arguments, training_arguments
from tests.support.steps import make_step

GOLDEN = Path(__file__).parents[2] / "integration" / "equivalence" / "golden"
REFERENCE = {"Get": "Parameters.Any"}


def told(
    kind: Any, arguments: Mapping[str, Any], beside: Mapping[str, Any] | None = None, **options: Any
) -> list[str]:
    step = make_step("step", "Any", arguments, beside)
    return [str(problem) for problem in kind.check(step, RunOptions(**options))]


def changed(arguments: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set, such as ``ProcessingInputs.0.S3Input.LocalPath``."""
    whole = copy.deepcopy(dict(arguments))
    *parts, last = path.split(".")
    at: Any = whole
    for part in parts:
        at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return whole


PROCESSING = processing_arguments(
    "--x",
    outputs={"out": "out"},
    Environment={"A": "b"},
    StoppingCondition={"MaxRuntimeInSeconds": 60},
    NetworkConfig={"EnableNetworkIsolation": False},
)
TRAINING = training_arguments(
    channels={"train": "s3://bucket/data"},
    metrics={"loss": "loss=(.*)"},
    Environment={"A": "b"},
    CheckpointConfig={"S3Uri": "s3://bucket/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
    ResourceConfig={"InstanceGroups": [{"InstanceType": "ml.m5.large", "InstanceCount": 1}]},
    EnableNetworkIsolation=False,
)


def test_what_can_run_here_is_fine() -> None:
    assert told(processing, PROCESSING) == []
    assert told(training, TRAINING) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("AppSpecification", {"ImageUri": "x"}, "has no ContainerEntrypoint"),
        ("AppSpecification.ContainerEntrypoint", ["python3", "/opt/program/x.py"], "names /opt/program/x.py"),
        ("AppSpecification.ContainerEntrypoint", ["no-such-program"], "runs no-such-program"),
        ("ProcessingInputs.0.S3Input.LocalPath", "/opt/ml/model", "not below /opt/ml/processing"),
        (
            "ProcessingInputs.0.S3Input.LocalPath",
            "/opt/ml/processing/../../etc",
            "not below /opt/ml/processing",
        ),
        ("ProcessingInputs.0.S3Input.LocalPath", "relative", "not below /opt/ml/processing"),
        ("ProcessingInputs.0.S3Input.LocalPath", "", "LocalPath: expected a string"),
        ("ProcessingInputs.0.S3Input", {"S3Uri": "s3://bucket/x"}, "needs a LocalPath"),
        ("ProcessingInputs.0.S3Input.S3InputMode", "Pipe", "S3InputMode Pipe"),
        ("ProcessingInputs.0.S3Input.S3CompressionType", "Gzip", "S3CompressionType Gzip"),
        ("ProcessingInputs.0.AppManaged", True, "AppManaged"),
        ("ProcessingInputs.0.S3Input.S3Uri", "https://bucket/x", "is not an S3 URI"),
        ("ProcessingOutputConfig.Outputs.0.S3Output.S3Uri", "s3://bucket/../x", "a part of its key is '..'"),
        ("StoppingCondition.MaxRuntimeInSeconds", "soon", "expected a whole number above 0"),
        ("ProcessingInputs", {}, "ProcessingInputs: expected a list"),
        ("AppSpecification", None, "AppSpecification is missing"),
        ("ProcessingInputs.0", {"InputName": "x", "DatasetDefinition": {}}, "DatasetDefinition"),
        ("ProcessingInputs.0", {"InputName": "x"}, "no S3Input"),
        ("ProcessingInputs", [PROCESSING["ProcessingInputs"][0]] * 2, "have the same LocalPath"),
        ("ProcessingOutputConfig.Outputs.0.S3Output.LocalPath", "/opt/ml/processing/", "not below"),
        ("ProcessingOutputConfig.Outputs.0.AppManaged", True, "AppManaged"),
        (
            "ProcessingOutputConfig.Outputs.0",
            {"OutputName": "x", "FeatureStoreOutput": {}},
            "no feature store",
        ),
        ("ProcessingOutputConfig.Outputs.0", {"OutputName": "x"}, "no S3Output"),
    ],
)
def test_what_a_processing_step_cannot_do_here(path: str, value: Any, message: str) -> None:
    (problem, *_) = told(processing, changed(PROCESSING, path, value))
    assert message in problem
    assert problem.startswith("step 'step': ")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("HyperParameters", {}, "neither a ContainerEntrypoint nor a script"),
        ("AlgorithmSpecification.ContainerEntrypoint", ["python3", "/opt/x.py"], "names /opt/x.py"),
        (
            "AlgorithmSpecification.MetricDefinitions",
            [{"Name": "m", "Regex": "("}],
            "invalid regular expression",
        ),
        ("InputDataConfig.0.InputMode", "Pipe", "input mode Pipe"),
        ("AlgorithmSpecification.TrainingInputMode", "Pipe", "input mode Pipe"),
        ("InputDataConfig.0.RecordWrapperType", "RecordIO", "has RecordWrapperType RecordIO"),
        ("InputDataConfig.0.DataSource", {"FileSystemDataSource": {}}, "FileSystemDataSource"),
        ("InputDataConfig.0.DataSource", {"DatasetSource": {}}, "DatasetSource"),
        ("InputDataConfig.0.DataSource", {}, "no S3DataSource"),
        (
            "InputDataConfig.0.DataSource.S3DataSource.S3DataType",
            "AugmentedManifestFile",
            "AugmentedManifestFile",
        ),
        ("InputDataConfig.0.ChannelName", "..", "invalid channel name"),
        ("InputDataConfig", [TRAINING["InputDataConfig"][0]] * 2, "duplicate channel 'train'"),
        ("OutputDataConfig", {}, "no S3OutputPath"),
        ("OutputDataConfig.S3OutputPath", "file:///tmp", "is not an S3 URI"),
        ("InputDataConfig.0.ChannelName", "a/b", "invalid channel name"),
        ("CheckpointConfig", {"S3Uri": "s3://bucket/c", "LocalPath": "/data"}, "not below /opt/ml"),
        (
            "CheckpointConfig",
            {"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/model/c"},
            "which SageMaker uses",
        ),
        ("ServerlessJobConfig", {}, "ServerlessJobConfig"),
    ],
)
def test_what_a_training_step_cannot_do_here(path: str, value: Any, message: str) -> None:
    (problem, *_) = told(training, changed(TRAINING, path, value))
    assert message in problem
    assert problem.startswith("step 'step': ")


@pytest.mark.parametrize(
    "place", ["ProcessingInputs.0.InputName", "ProcessingOutputConfig.Outputs.0.OutputName"]
)
@pytest.mark.parametrize("name", ["../o", "a/b", "/", "..", ".", "a\0b", "a\nb", "\x7f", "\x9b", "\udcff"])
def test_a_name_of_an_input_or_an_output_is_not_a_path(place: str, name: str) -> None:
    step = make_step("step", "Processing", changed(PROCESSING, place, name))
    (problem,) = processing.check(step, RunOptions())
    assert problem.code == "run.unsupported-field"
    assert repr(name) in problem.message


@pytest.mark.parametrize("name", ["a..b", "my output", "größe", "a.b-c_d"])
def test_every_other_text_is_a_name_of_an_output(name: str) -> None:
    assert told(processing, changed(PROCESSING, "ProcessingOutputConfig.Outputs.0.OutputName", name)) == []


def property_file(output: Any = "out", path: Any = "report.json") -> dict[str, Any]:
    return {"PropertyFiles": [{"PropertyFileName": "Report", "OutputName": output, "FilePath": path}]}


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        (
            property_file(output="uot"),
            "is in output 'uot', which the step does not have (did you mean 'out'?)",
        ),
        (property_file(output="else"), "which the step does not have (known: out)"),
        (property_file(path="/etc/passwd"), "has the FilePath /etc/passwd"),
        (property_file(path="a/../../b"), "has the FilePath a/../../b"),
    ],
)
def test_a_property_file_is_in_an_output_of_its_step(beside: dict[str, Any], message: str) -> None:
    (problem,) = told(processing, PROCESSING, beside)
    assert problem.startswith("step 'step': property file 'Report' ")
    assert message in problem


def test_a_property_file_may_be_in_what_a_reference_stands_for() -> None:
    assert told(processing, PROCESSING, property_file(path="a..b/c")) == []
    assert told(processing, PROCESSING, property_file(REFERENCE, REFERENCE)) == []
    assert told(processing, PROCESSING, {"PropertyFiles": REFERENCE}) == []
    for place in ("Outputs", "Outputs.0", "Outputs.0.OutputName"):
        arguments = changed(PROCESSING, f"ProcessingOutputConfig.{place}", REFERENCE)
        assert not any("property file" in line for line in told(processing, arguments, property_file()))
    without = changed(PROCESSING, "ProcessingOutputConfig", {})
    (problem,) = told(processing, without, property_file())
    assert "(known: none)" in problem


def test_a_property_file_that_a_reference_puts_elsewhere_is_refused_before_the_job(
    plain_bench: Bench,
) -> None:
    error = plain_bench.failure("process", "", outputs={"out": "out"}, **property_file(path="../x"))
    assert error.reason.startswith(
        "ValidationException: step 'step': property file 'Report' has the FilePath ../x"
    )
    assert not (plain_bench.attempt / "stdout.log").exists()


def test_a_step_that_only_its_image_can_run_says_how_else() -> None:
    (problem,) = told(training, changed(TRAINING, "HyperParameters", {}))
    assert "--runner docker" in problem
    assert "--stub step=" in problem
    assert told(training, changed(TRAINING, "HyperParameters", {}), isolation="docker") == []


def test_all_problems_are_reported_at_once() -> None:
    arguments = changed(PROCESSING, "ProcessingInputs.0.S3Input.S3InputMode", "Pipe")
    arguments = changed(arguments, "ProcessingOutputConfig.Outputs.0.AppManaged", True)
    assert len(told(processing, changed(arguments, "AppSpecification", {"ImageUri": "x"}))) == 3


def places(value: Any, path: str = "") -> Iterator[str]:
    """Every place in a request."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        here = f"{path}.{key}".lstrip(".")
        yield here
        yield from places(inner, here)


@pytest.mark.parametrize(("kind", "arguments"), [(processing, PROCESSING), (training, TRAINING)])
def test_references_may_stand_anywhere(kind: Any, arguments: dict[str, Any]) -> None:
    for path in places(arguments):
        told(kind, changed(arguments, path, REFERENCE))


KEYS = st.text(max_size=3).filter(lambda key: key != "Get")
"""A key ``Get`` makes a reference, and an invalid one is refused before any check."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)


@pytest.mark.parametrize(("kind", "arguments"), [(processing, PROCESSING), (training, TRAINING)])
@given(data=st.data())
def test_nothing_that_a_definition_holds_ends_a_check(
    kind: Any, arguments: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(list(places(arguments))))
    told(kind, changed(arguments, path, data.draw(JSON)))


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.json")), ids=lambda file: file.stem)
def test_every_step_of_both_sdks_can_be_checked(file: Path) -> None:
    for step in read_definition(json.dumps(json.loads(file.read_text("utf-8")))).steps:
        executor = executor_for(step.definition_type)
        if step.definition_type in ("Processing", "Training") and executor is not None:
            for problem in executor.check(step, RunOptions()):
                assert step.name in problem.message


def test_what_a_reference_turned_out_to_be_is_refused_too(plain_bench: Bench) -> None:
    error = plain_bench.failure("process", "", outputs={"out": "../../etc"})
    assert error.reason.startswith("ValidationException: step 'step': output 'out' has the LocalPath")


@pytest.mark.parametrize("kind", ["Processing", "Training"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_references_stand_for_fails_the_step_and_not_the_run(
    plain_bench: Bench, kind: str, data: st.DataObject
) -> None:
    plain_bench.put("s3://bucket/code/script.py", "")
    plain_bench.put("s3://bucket/data/x", "")
    plain_bench.put_archive("s3://bucket/code/sourcedir.tar.gz", {"train.py": ""})
    arguments = PROCESSING if kind == "Processing" else TRAINING
    path = data.draw(st.sampled_from(list(places(arguments))))
    with suppress(StepFailedError):
        plain_bench.run(kind, changed(arguments, path, data.draw(JSON)))
