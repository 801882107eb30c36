"""What is missing is filled in; what the user wrote stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from tests.distributions.pipelines import IMAGE, STEPS, TUNING, arguments, at, compiled, config, leaves
from tests.guardrails.rules import RULES
from tests.support.instance_families import WITH_LOCAL_STORAGE, WITHOUT_LOCAL_STORAGE

TAGS = [{"Key": "cost-center", "Value": "1234"}, {"Key": "team", "Value": "risk"}]
VPC = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
TRAINING_JOB = {
    "ResourceConfig.VolumeKmsKeyId": "alias/volumes",
    "OutputDataConfig.KmsKeyId": "alias/outputs",
    "VpcConfig": VPC,
    "EnableInterContainerTrafficEncryption": True,
    "EnableNetworkIsolation": True,
    "StoppingCondition.MaxRuntimeInSeconds": 3600,
}
PROCESSING_JOB = {
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": "alias/volumes",
    "ProcessingOutputConfig.KmsKeyId": "alias/outputs",
    "NetworkConfig.VpcConfig": VPC,
    "NetworkConfig.EnableInterContainerTrafficEncryption": True,
    "NetworkConfig.EnableNetworkIsolation": True,
    "StoppingCondition.MaxRuntimeInSeconds": 3600,
    "Tags": TAGS,
}

FILLED: dict[str, dict[str, Any]] = {
    "Processing": PROCESSING_JOB,
    "QualityCheck": PROCESSING_JOB,
    "ClarifyCheck": PROCESSING_JOB,
    "Training": {**TRAINING_JOB, "Tags": TAGS},
    "Tuning": {
        **{f"TrainingJobDefinition.{path}": value for path, value in TRAINING_JOB.items()},
        "Tags": TAGS,
    },
    "Transform": {
        "TransformResources.VolumeKmsKeyId": "alias/volumes",
        "TransformOutput.KmsKeyId": "alias/outputs",
        "Tags": TAGS,
    },
    "CreateModel": {"VpcConfig": VPC, "EnableNetworkIsolation": True, "Tags": TAGS},
    "RegisterModel": {"SecurityConfig.KmsKeyId": "alias/outputs"},
    "AutoML": {
        "AutoMLJobConfig.SecurityConfig.VolumeKmsKeyId": "alias/volumes",
        "AutoMLJobConfig.SecurityConfig.VpcConfig": VPC,
        "AutoMLJobConfig.SecurityConfig.EnableInterContainerTrafficEncryption": True,
        "AutoMLJobConfig.CompletionCriteria.MaxAutoMLJobRuntimeInSeconds": 3600,
        "OutputDataConfig.KmsKeyId": "alias/outputs",
        "Tags": TAGS,
    },
    "EndpointConfig": {"KmsKeyId": "alias/volumes", "Tags": TAGS},
    "Endpoint": {"Tags": TAGS},
    "EMR": {"ClusterConfig.Tags": TAGS},
    "Fail": {},
}


def with_rules(
    step: dict[str, Any],
    rules: dict[str, Any] = RULES,
    plugins: tuple[str, ...] = ("guardrails",),
    **sections: Any,
) -> dict[str, Any]:
    """The request of one step under the rules."""
    sections.setdefault("pipeline", {"tags": {"team": "risk"}})
    result = compiled({"step": step}, {"guardrails": rules}, plugins, **sections)
    return arguments(result.definition)["step"]


@pytest.mark.parametrize("kind", STEPS)
def test_each_request_gets_its_missing_fields_only(kind: str) -> None:
    filled, plain = with_rules(STEPS[kind]), with_rules(STEPS[kind], plugins=())
    for path, value in FILLED[kind].items():
        assert at(filled, path) == value
    added = {path for path, _ in leaves(filled)} - {path for path, _ in leaves(plain)}
    expected = [tuple(path.split(".")) for path in FILLED[kind]]
    assert {path for path in added if not any(path[: len(known)] == known for known in expected)} == set()


def test_a_notebook_job_is_a_training_job(tmp_path: Path) -> None:
    notebook = tmp_path / "report.ipynb"
    notebook.write_text('{"cells": []}')
    step = {
        "type": "NotebookJob",
        "input_notebook": str(notebook),
        "image_uri": IMAGE,
        "kernel_name": "python3",
    }
    filled = with_rules(step)
    for path, value in {**TRAINING_JOB, "Tags": TAGS}.items():
        found = at(filled, path)
        assert all(item in found for item in value) if path == "Tags" else found == value


def test_every_definition_of_a_tuning_job_is_filled() -> None:
    definition = {
        "DefinitionName": "one",
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
        "OutputDataConfig": {"S3OutputPath": "s3://my-bucket/out"},
        "HyperParameterTuningResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    request = {
        "TrainingJobDefinition": None,
        "TrainingJobDefinitions": [definition, {**definition, "DefinitionName": "two"}],
    }
    filled = with_rules({**TUNING, "request": request})
    assert "TrainingJobDefinition" not in filled
    for job in filled["TrainingJobDefinitions"]:
        assert job["HyperParameterTuningResourceConfig"]["VolumeKmsKeyId"] == "alias/volumes"
        assert job["OutputDataConfig"]["KmsKeyId"] == "alias/outputs"
        assert job["VpcConfig"] == VPC
        assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}


def test_one_key_applies_to_every_use() -> None:
    filled = with_rules(STEPS["Training"], {"kms_key": "alias/one"})
    assert at(filled, "ResourceConfig.VolumeKmsKeyId") == "alias/one"
    assert at(filled, "OutputDataConfig.KmsKeyId") == "alias/one"


@pytest.mark.parametrize("family", ["g4dn.xlarge", "g5.2xlarge", "r5d.large", "p4d.24xlarge", "trn1.2xlarge"])
def test_instances_with_local_storage_get_no_volume_key(family: str) -> None:
    machine = f"ml.{family}"
    rules = {"kms_key": "alias/one"}
    filled = with_rules({**STEPS["Training"], "instance_type": machine}, rules)
    assert "VolumeKmsKeyId" not in filled["ResourceConfig"]
    assert filled["OutputDataConfig"]["KmsKeyId"] == "alias/one"
    by_parameter = {**STEPS["Training"], "instance_type": "${param.Machine}"}
    filled = with_rules(by_parameter, rules, parameters={"Machine": machine})
    assert "VolumeKmsKeyId" not in filled["ResourceConfig"]


@pytest.mark.parametrize("families", [WITH_LOCAL_STORAGE, WITHOUT_LOCAL_STORAGE])
def test_each_instance_family_follows_its_local_storage(families: tuple[str, ...]) -> None:
    # Not every family is one of training jobs.
    sections = {"ignore_rules": ["request.unknown-value"]}
    step = {**STEPS["Training"], "instance_type": "${param.Machine}"}
    has_key = {
        family: "VolumeKmsKeyId"
        in with_rules(
            step, {"kms_key": "alias/one"}, parameters={"Machine": f"ml.{family}.xlarge"}, **sections
        )["ResourceConfig"]
        for family in families
    }
    assert has_key == dict.fromkeys(families, families is WITHOUT_LOCAL_STORAGE)


@pytest.mark.parametrize("family", ["m5.xlarge", "c6i.xlarge", "m7i-flex.large", "p3.2xlarge", "r5.large"])
def test_instances_without_local_storage_get_a_volume_key(family: str) -> None:
    filled = with_rules({**STEPS["Training"], "instance_type": f"ml.{family}"}, {"kms_key": "alias/one"})
    assert filled["ResourceConfig"]["VolumeKmsKeyId"] == "alias/one"


def test_a_default_of_dagcast_is_overridden() -> None:
    assert at(with_rules(STEPS["Training"]), "StoppingCondition.MaxRuntimeInSeconds") == 3600
    longer = {**RULES, "max_runtime_in_seconds": 100_000}
    assert at(with_rules(STEPS["Training"], longer), "StoppingCondition.MaxRuntimeInSeconds") == 86_400


def test_a_runtime_is_limited_to_the_maximum_of_the_service() -> None:
    rules = {"max_runtime_in_seconds": 2_000_000}
    assert at(with_rules(STEPS["Processing"], rules), "StoppingCondition.MaxRuntimeInSeconds") == 777_600


def test_tags_are_added_to_existing_tags() -> None:
    filled = with_rules({**STEPS["Training"], "tags": {"mine": "1", "team": "own"}})
    assert filled["Tags"] == [
        {"Key": "mine", "Value": "1"},
        {"Key": "team", "Value": "own"},
        {"Key": "cost-center", "Value": "1234"},
    ]


def test_the_pipeline_gets_the_tags_with_fixed_values() -> None:
    result = compiled(
        {"step": STEPS["Fail"]}, {"guardrails": RULES}, ["guardrails"], pipeline={"tags": {"team": "risk"}}
    )
    assert result.spec.tags == (("team", "risk"), ("cost-center", "1234"))
    assert [change.path for change in result.report.changes] == [("pipeline", "tags", "cost-center")]


def test_a_model_package_outside_of_a_group_is_tagged() -> None:
    step = {**STEPS["RegisterModel"], "model_package_group_name": None}
    step["request"] = {"ModelPackageName": "package"}
    assert with_rules(step)["Tags"] == TAGS


def test_steps_in_branches_are_filled() -> None:
    steps = {
        "decide": {
            "type": "Condition",
            "conditions": [{"left": "${param.Machine}", "op": "==", "right": "x"}],
            "if_steps": ["train"],
        },
        "train": STEPS["Training"],
    }
    result = compiled(steps, {"guardrails": {"enable_network_isolation": True}}, ["guardrails"])
    assert arguments(result.definition)["train"]["EnableNetworkIsolation"] is True


def test_without_options_nothing_changes() -> None:
    plain = compiled(STEPS, {}, [])
    ruled = compiled(STEPS, {}, ["guardrails"])
    assert ruled.definition == plain.definition
    assert ruled.report.changes == ()


def test_a_partial_network_is_completed() -> None:
    filled = with_rules({**STEPS["Training"], "security_group_ids": ["sg-1"]})
    assert filled["VpcConfig"] == VPC


OWN_VALUES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    name: st.sampled_from(values).map(lambda value, field=field: {field: value})
    for name, field, values in [
        ("volume_kms_key", "volume_kms_key", ["alias/volumes", "alias/mine", "${param.Kind}"]),
        ("output_kms_key", "output_kms_key", ["alias/outputs", "alias/mine"]),
        ("runtime", "max_runtime_in_seconds", [1, 3600, 3601, 86_400]),
        ("traffic", "encrypt_inter_container_traffic", [True, False]),
        ("isolation", "enable_network_isolation", [True, False]),
        ("tags", "tags", [{"team": "data"}, {"mine": "1", "cost-center": "9"}, {"team": "${param.Kind}"}]),
        ("machine", "instance_type", ["ml.m5.large", "ml.g4dn.xlarge", "ml.p3.2xlarge", "${param.Machine}"]),
    ]
}
OWN_VALUES["network"] = st.sampled_from([["subnet-1"], ["subnet-2", "subnet-9"]]).map(
    lambda subnets: {"subnets": subnets, "security_group_ids": ["sg-9"]}
)
MISSING = {
    "Processing": (),
    "Training": (),
    "Tuning": (),
    "QualityCheck": (),
    "Transform": ("runtime", "traffic", "isolation", "network"),
    "AutoML": ("isolation", "machine"),
}


@st.composite
def steps_with_own_values(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(MISSING)))
    names = draw(st.sets(st.sampled_from(sorted(set(OWN_VALUES) - set(MISSING[kind])))))
    step = dict(STEPS[kind])
    for name in sorted(names):
        step.update(draw(OWN_VALUES[name]))
    if step.get("instance_type") == "ml.g4dn.xlarge":
        step.pop("volume_kms_key", None)  # the service refuses it with local storage
    return step


def _value_at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


@given(steps_with_own_values(), st.sets(st.sampled_from(sorted(RULES))))
@settings(max_examples=60)
def test_values_of_the_user_stay_even_if_not_allowed(step: dict[str, Any], names: set[str]) -> None:
    if names & {"subnets", "security_group_ids"}:
        names |= {"subnets", "security_group_ids"}
    options = {"guardrails": {**{name: RULES[name] for name in sorted(names)}, "enforce": "warn"}}
    tags = {"tags": {"team": "risk"}}
    plain = compiled({"step": step}, options, [], pipeline=tags)
    ruled = compiled({"step": step}, options, ["guardrails"], pipeline=tags)
    before, after = arguments(plain.definition)["step"], arguments(ruled.definition)["step"]
    origins = plain.spec.step("step").origins
    written = [path[1:] for path, origin in origins.items() if origin.kind == "config"]
    for path in written:
        if path[0] != "Tags" and not any(isinstance(part, int) for part in path):
            assert _value_at(after, path) == _value_at(before, path)
    own = before.get("Tags", [])
    assert after.get("Tags", [])[: len(own)] == own
    assert ruled.definition == compiled({"step": step}, options, ["guardrails"], pipeline=tags).definition


@pytest.mark.parametrize("kind", STEPS)
def test_a_filled_pipeline_does_not_change(kind: str) -> None:
    ruled = config({"step": STEPS[kind]}, {"guardrails": RULES}, pipeline={"tags": {"team": "risk"}})
    compiler = PipelineDAGCompiler(ruled, plugins=["guardrails"])
    spec = compiler.compile_definition().spec
    (active,) = compiler.plugins.plugins
    assert active.call("transform_spec", spec=spec, metadata={}) == spec
