"""EMR: a step on a cluster that runs, or on one of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.compiling import JOB, arguments_of, config, error_in, step_of, steps_of

CLUSTER = {"ReleaseLabel": "emr-7.0.0", "Instances": {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge"}}


def test_minimal() -> None:
    assert step_of({"type": "EMR", "jar": "command-runner.jar", "cluster_id": "j-1"}) == {
        "Name": "step",
        "Type": "EMR",
        "Arguments": {"StepConfig": {"HadoopJarStep": {"Jar": "command-runner.jar"}}, "ClusterId": "j-1"},
    }


def test_full() -> None:
    fields = {
        "type": "EMR",
        "jar": "s3://b/x.jar",
        "args": ["spark-submit", 3, "${param.N}", True],
        "main_class": "com.example.Main",
        "properties": {"a": 1, "b": "x", "c": "${param.N}"},
        "outputs": {"rows": "s3://b/rows", "other": {"destination": "${param.Place}"}},
        "cluster_id": "${param.Cluster}",
        "execution_role_arn": "arn:aws:iam::123456789012:role/EMR",
        "cache": "P1D",
    }
    step = step_of(fields, parameters={"N": 3, "Place": "s3://b/other", "Cluster": "j-1"})
    assert step == {
        "Name": "step",
        "Type": "EMR",
        "Arguments": {
            "StepConfig": {
                "HadoopJarStep": {
                    "Jar": "s3://b/x.jar",
                    "MainClass": "com.example.Main",
                    "Properties": [
                        {"Key": "a", "Value": "1"},
                        {"Key": "b", "Value": "x"},
                        {"Key": "c", "Value": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}}},
                    ],
                    "Args": [
                        "spark-submit",
                        "3",
                        {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.N"}]}},
                        "true",
                        "--rows",
                        "s3://b/rows",
                        "--other",
                        {"Get": "Parameters.Place"},
                    ],
                }
            },
            "ClusterId": {"Get": "Parameters.Cluster"},
            "ExecutionRoleArn": "arn:aws:iam::123456789012:role/EMR",
        },
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"},
    }


def test_a_cluster_of_its_own() -> None:
    arguments = arguments_of({"type": "EMR", "jar": "x.jar", "cluster_config": CLUSTER})
    assert arguments == {"StepConfig": {"HadoopJarStep": {"Jar": "x.jar"}}, "ClusterConfig": CLUSTER}


def test_outputs_flow_on() -> None:
    """An output is the argument that the job got for it."""
    emr = {
        "type": "EMR",
        "jar": "x.jar",
        "args": ["a"],
        "outputs": {"p": "s3://b/p", "q": "s3://b/q"},
        "cluster_id": "j",
    }
    reader = {"type": "Processing", **JOB, "inputs": {"q": None, "p": None}}
    steps = steps_of(config({"e": emr, "r": reader}, edges=["e -> r"]))
    args = steps["e"]["Arguments"]["StepConfig"]["HadoopJarStep"]["Args"]
    read = {i["InputName"]: i["S3Input"]["S3Uri"]["Get"] for i in steps["r"]["Arguments"]["ProcessingInputs"]}
    assert read == {"p": "Steps.e.Config.Args[2]", "q": "Steps.e.Config.Args[4]"}
    assert (args[2], args[4]) == ("s3://b/p", "s3://b/q")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "step 'step' (EMR): an EMR step takes one of cluster_id and cluster_config"),
        (
            {"cluster_id": "j", "cluster_config": CLUSTER},
            "step 'step' (EMR): an EMR step takes one of cluster_id and cluster_config",
        ),
        (
            {"cluster_config": CLUSTER, "execution_role_arn": "x"},
            "step 'step' (EMR): execution_role_arn needs cluster_id",
        ),
        (
            {"cluster_config": {**CLUSTER, "Name": "mine"}},
            "step 'step': the pipeline sets Name of its own cluster",
        ),
        (
            {"cluster_config": {"Instances": {**CLUSTER["Instances"], "TerminationProtected": True}}},  # type: ignore[dict-item]
            "step 'step': the pipeline sets Instances.TerminationProtected of its own cluster",
        ),
        (
            {"cluster_config": {"Instances": {"Foo": 1}}},
            "step 'step': ClusterConfig.Instances.Foo is not a field of JobFlowInstancesConfig",
        ),
        (
            {"cluster_id": "j", "args": "spark-submit"},
            "step 'step' (EMR): args: expected a list, got 'spark-submit'",
        ),
        ({"cluster_id": "j", "retry_policies": []}, None),
    ],
)
def test_mistakes(fields: dict[str, Any], message: str | None) -> None:
    step = {"type": "EMR", "jar": "x.jar", **fields}
    if message is None:
        assert "RetryPolicies" not in step_of(step)
    else:
        assert error_in(step).message == message
