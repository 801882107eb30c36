"""The datasets of steps: what they are called, and that what one writes is what the next reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from tests.distributions.pipelines import IMAGE, MACHINE, STEPS, TUNING, config

Names = dict[str, tuple[list[str], list[str]]]
RUN = "${exec.PipelineExecutionId}"


def lineage(folder: Path, steps: dict[str, Any], **sections: Any) -> Names:
    """By step: what it reads and writes, each as namespace and name with a space between them."""
    path = folder / "lineage.jsonl"
    path.unlink(missing_ok=True)
    options = {"openlineage": {"namespace": "risk", "transport": "file", "path": str(path)}}
    PipelineDAGCompiler(config(steps, options, **sections), plugins=["openlineage"]).compile_definition()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [event for event in events if "run" not in event]
    return {event["job"]["name"]: (named(event["inputs"]), named(event["outputs"])) for event in steps}


def named(datasets: list[dict[str, Any]]) -> list[str]:
    return [f"{dataset['namespace']} {dataset['name']}" for dataset in datasets]


EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "Processing": (["s3://data raw"], [f"s3://my-bucket demo/{RUN}/step/output/train"]),
    "QualityCheck": (
        ["s3://data train"],
        [
            "risk demo.step/calculated_statistics",
            "risk demo.step/drift_check_statistics",
            "risk demo.step/calculated_constraints",
            "risk demo.step/drift_check_constraints",
            f"s3://my-bucket demo/{RUN}/step/output",
        ],
    ),
    "ClarifyCheck": (
        ["s3://data train"],
        [
            "risk demo.step/calculated_constraints",
            "risk demo.step/drift_check_constraints",
            f"s3://my-bucket demo/{RUN}/step/output",
        ],
    ),
    "Training": (["s3://data train"], ["risk demo.step/model", "s3://my-bucket demo/step"]),
    "Tuning": (
        ["s3://data train"],
        [
            "s3://my-bucket demo/step/${step.step.BestTrainingJob.TrainingJobName}/output/model.tar.gz",
            "s3://my-bucket demo/step",
        ],
    ),
    "Transform": (["s3://data batch"], [f"s3://my-bucket demo/{RUN}/step"]),
    "CreateModel": (["s3://models model.tar.gz"], []),
    "RegisterModel": (["s3://models model.tar.gz"], []),
    "AutoML": (
        ["s3://data train"],
        [
            "risk demo.step/model",
            "risk demo.step/insights",
            "risk demo.step/explainability",
            "s3://my-bucket demo/step",
        ],
    ),
    "EndpointConfig": ([], []),
    "Endpoint": ([], []),
    "EMR": ([], ["s3://data clean"]),
    "Fail": ([], []),
}


@pytest.mark.parametrize("kind", STEPS)
def test_each_kind_of_step_has_its_datasets(kind: str, tmp_path: Path) -> None:
    assert lineage(tmp_path, {"step": STEPS[kind]}) == {"demo.step": EXPECTED[kind]}


def test_outputs_of_one_step_are_inputs_of_the_next(tmp_path: Path) -> None:
    steps = {
        "prepare": {
            **STEPS["Processing"],
            "property_files": {"Report": {"output": "train", "path": "report.json"}},
        },
        "train": {"type": "Training", **MACHINE, "inputs": {"train": None}},
        "tune": {**TUNING, "inputs": {"train": None}},
        "search": {"type": "AutoML", "target_attribute_name": "y", "inputs": {"train": "prepare.train"}},
        "create": {"type": "CreateModel", "image_uri": IMAGE},
        "register": {
            **STEPS["RegisterModel"],
            "inputs": {"model": "tune.model", "model_metrics": "prepare.Report"},
        },
        "keep": {"type": "CreateModel", "image_uri": IMAGE, "inputs": {"model": "search.model"}},
    }
    edges = ["prepare -> train", "prepare -> tune", "train -> create", "tune => register"]
    found = lineage(tmp_path, steps, edges=edges)
    data = f"s3://my-bucket demo/{RUN}/prepare/output/train"
    best = "s3://my-bucket demo/tune/${step.tune.BestTrainingJob.TrainingJobName}/output/model.tar.gz"
    assert data in found["demo.prepare"][1]
    assert found["demo.train"][0] == found["demo.tune"][0] == found["demo.search"][0] == [data]
    assert found["demo.create"][0] == ["risk demo.train/model"]
    assert "risk demo.train/model" in found["demo.train"][1]
    assert found["demo.register"][0] == [best, f"{data}/report.json"]
    assert best in found["demo.tune"][1]
    assert f"{data}/report.json" in found["demo.prepare"][1]
    assert found["demo.keep"][0] == ["risk demo.search/model"]


def test_a_property_without_a_port_is_a_dataset_of_both_steps(tmp_path: Path) -> None:
    property_path = "CheckpointConfig.S3Uri"
    steps = {
        "train": STEPS["Training"],
        "next": {**STEPS["Training"], "inputs": {"train": f"${{step.train.{property_path}}}"}},
    }
    found = lineage(tmp_path, steps)
    assert found["demo.next"][0] == [f"risk demo.train/{property_path}"]
    assert f"risk demo.train/{property_path}" in found["demo.train"][1]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("s3://bucket/a/b/", "s3://bucket a/b"),
        ("s3://bucket", "s3://bucket /"),
        ("s3://bucket/", "s3://bucket /"),
        ("${param.Data}", "s3://parameter-bucket in"),
        ("${param.Kind}", "risk demo/${param.Kind}"),
        ("s3://bucket/${param.Machine}/x", "s3://bucket ml.m5.xlarge/x"),
        ("s3://bucket/${param.Kind}/x", "s3://bucket ${param.Kind}/x"),
        (f"s3://bucket/{RUN}", f"s3://bucket {RUN}"),
    ],
)
def test_names_contain_all_known_values(source: str, name: str, tmp_path: Path) -> None:
    found = lineage(tmp_path, {"step": {**STEPS["Training"], "inputs": {"train": source}}})
    assert found["demo.step"][0] == [name]


def test_code_is_not_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "prepare.py").write_text("print()\n")
    (tmp_path / "report.ipynb").write_text('{"cells": []}')
    steps = {
        "prepare": {**STEPS["Processing"], "entry_point": str(tmp_path / "prepare.py")},
        "report": {
            "type": "NotebookJob",
            "input_notebook": str(tmp_path / "report.ipynb"),
            "image_uri": IMAGE,
            "kernel_name": "python3",
        },
    }
    found = lineage(tmp_path, steps)
    assert found["demo.prepare"][0] == ["s3://data raw"]
    assert found["demo.report"][0] == []


def test_every_definition_of_a_tuning_job_is_read(tmp_path: Path) -> None:
    job = {
        "TuningObjective": {"MetricName": "auc", "Type": "Maximize"},
        "HyperParameterRanges": {
            "CategoricalParameterRanges": [{"Name": "c", "Values": ["1", "2", "3", "4"]}]
        },
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*)"}],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    definitions = [
        {
            **job,
            "DefinitionName": name,
            "OutputDataConfig": {"S3OutputPath": f"s3://out/{name}"},
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://in/{name}"}},
                }
            ],
        }
        for name in ("one", "two")
    ]
    request = {"TrainingJobDefinition": None, "TrainingJobDefinitions": definitions}
    reads, writes = lineage(tmp_path, {"step": {**TUNING, "request": request}})["demo.step"]
    assert reads == ["s3://in one", "s3://in two"]
    assert writes[-2:] == ["s3://out one", "s3://out two"]


@given(
    outputs=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    named_destination=st.booleans(),
)
@settings(max_examples=25)
def test_a_long_chain_is_connected(
    outputs: list[str], named_destination: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    steps: dict[str, Any] = {}
    for index, output in enumerate(outputs):
        destination = {"destination": f"s3://kept/{index}"} if named_destination else {}
        reads = f"s{index - 1}.{outputs[index - 1]}" if index else "s3://data/raw"
        steps[f"s{index}"] = {
            "type": "Processing",
            **MACHINE,
            "inputs": {"in": reads},
            "outputs": {output: {"path": "/opt/ml/processing/out", **destination}},
        }
    found = lineage(tmp_path_factory.mktemp("chain"), steps)
    for index in range(1, len(outputs)):
        assert found[f"demo.s{index}"][0] == found[f"demo.s{index - 1}"][1]
