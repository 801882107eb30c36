"""The standard parameters, and the steps that take network and encryption from them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import freeze, thaw
from mods_plugin.security import apply_security_parameters
from tests.distributions.pipelines import STEPS
from tests.mods_plugin.configs import IMAGE, config
from tests.support.instance_families import WITH_LOCAL_STORAGE, WITHOUT_LOCAL_STORAGE

KEY = {"Get": "Parameters.KMS_ENCRYPTION_KEY_PARAM"}
VPC = {
    "SecurityGroupIds": [{"Get": "Parameters.SECURITY_GROUP_ID"}],
    "Subnets": [{"Get": "Parameters.VPC_SUBNET"}],
}
NETWORK = {"VpcConfig": VPC, "EnableInterContainerTrafficEncryption": True}


def definition(options: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    compiler = PipelineDAGCompiler(config(options, **sections), plugins=["mods"])
    found: dict[str, Any] = json.loads(compiler.compile_definition().definition)
    return found


STANDARD_PARAMETERS = ("EXECUTION_S3_PREFIX", "KMS_ENCRYPTION_KEY_PARAM", "SECURITY_GROUP_ID", "VPC_SUBNET")
"""The contract of MODS, in the order of its documentation."""


def arguments(step: dict[str, Any], **sections: Any) -> dict[str, Any]:
    found: dict[str, Any] = definition(steps={"step": step}, edges=[], **sections)["Steps"][0]["Arguments"]
    return found


def test_the_parameters_are_strings_without_defaults() -> None:
    expected = [{"Name": name, "Type": "String"} for name in STANDARD_PARAMETERS]
    assert definition()["Parameters"] == expected


def test_the_environment_gives_defaults() -> None:
    source = config(environments={"prod": {"parameters": {"VPC_SUBNET": "subnet-prod"}}})
    for env, expected in (("prod", "subnet-prod"), (None, None)):
        compiler = PipelineDAGCompiler(source, plugins=["mods"], env=env)
        parameters = json.loads(compiler.compile_definition().definition)["Parameters"]
        defaults = {item["Name"]: item.get("DefaultValue") for item in parameters}
        assert defaults == {**dict.fromkeys(STANDARD_PARAMETERS), "VPC_SUBNET": expected}


def test_a_parameter_of_another_type_is_refused() -> None:
    with pytest.raises(
        PluginError, match="adds parameter 'VPC_SUBNET' as String, the config has it as Integer"
    ):
        definition(parameters={"VPC_SUBNET": 1})


def test_the_config_can_refer_to_the_parameters() -> None:
    step = {**STEPS["Processing"], "environment": {"PLACE": "${param.EXECUTION_S3_PREFIX}/in"}}
    place = arguments(step)["Environment"]["PLACE"]
    assert place == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.EXECUTION_S3_PREFIX"}, "/in"]}}


def at(body: dict[str, Any], path: str) -> Any:
    value: Any = body
    for part in path.split(".") if path else ():
        value = value[part]
    return value


EXPECTED = {
    "Processing": (
        "NetworkConfig",
        ["ProcessingOutputConfig.KmsKeyId", "ProcessingResources.ClusterConfig.VolumeKmsKeyId"],
    ),
    "QualityCheck": ("NetworkConfig", ["ProcessingResources.ClusterConfig.VolumeKmsKeyId"]),
    "ClarifyCheck": ("NetworkConfig", ["ProcessingResources.ClusterConfig.VolumeKmsKeyId"]),
    "Training": ("", ["OutputDataConfig.KmsKeyId", "ResourceConfig.VolumeKmsKeyId"]),
    "Tuning": (
        "TrainingJobDefinition",
        [
            "TrainingJobDefinition.OutputDataConfig.KmsKeyId",
            "TrainingJobDefinition.ResourceConfig.VolumeKmsKeyId",
        ],
    ),
    "Transform": (None, ["TransformOutput.KmsKeyId", "TransformResources.VolumeKmsKeyId"]),
    "AutoML": (
        "AutoMLJobConfig.SecurityConfig",
        ["OutputDataConfig.KmsKeyId", "AutoMLJobConfig.SecurityConfig.VolumeKmsKeyId"],
    ),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_job_gets_network_and_encryption(kind: str) -> None:
    network, keys = EXPECTED[kind]
    found = arguments(STEPS[kind])
    for key in keys:
        assert at(found, key) == KEY, key
    if network is not None:
        assert {name: at(found, network)[name] for name in NETWORK} == NETWORK


@pytest.mark.parametrize("machine", ["ml.m5.xlarge", "ml.g5.xlarge"])
def test_an_endpoint_gets_the_key_for_all_instance_types(machine: str) -> None:
    # The key encrypts the volume, not the local storage. Source: CreateEndpointConfig, KmsKeyId.
    assert arguments({**STEPS["EndpointConfig"], "instance_type": machine})["KmsKeyId"] == KEY


def test_a_serverless_endpoint_gets_no_volume_key() -> None:
    variant = {"ModelName": "m", "VariantName": "v", "ServerlessConfig": {"MaxConcurrency": 1}}
    spec = PipelineDAGCompiler(config(steps={"step": STEPS["EndpointConfig"]}, edges=[]), plugins=[])
    (step,) = spec.compile_definition().spec.steps
    spec_of = replace(
        spec.compile_definition().spec,
        steps=(replace(step, arguments=freeze({**thaw(step.arguments), "ProductionVariants": [variant]})),),
    )
    assert "KmsKeyId" not in apply_security_parameters(spec_of).steps[0].arguments


@pytest.mark.parametrize(
    ("machines", "takes_key"),
    [(["ml.m5.xlarge", "ml.c5.xlarge"], True), (["ml.m5.xlarge", "ml.g5.xlarge"], False)],
)
@pytest.mark.parametrize(
    ("kind", "within"),
    [("Training", "ResourceConfig"), ("Processing", "ProcessingResources.ClusterConfig")],
)
def test_preferred_instance_types_are_considered(
    kind: str, within: str, machines: list[str], takes_key: bool
) -> None:
    cluster: dict[str, Any] = {
        "InstanceType": None,
        "InstancePreferences": [{"InstanceType": machine} for machine in machines],
    }
    request: dict[str, Any] = cluster
    for part in reversed(within.split(".")):
        request = {part: request}
    found = at(arguments({**STEPS[kind], "request": request}), within)
    assert ("VolumeKmsKeyId" in found) == takes_key


@pytest.mark.parametrize("kind", ["Endpoint", "RegisterModel", "EMR", "Fail"])
def test_other_steps_do_not_change(kind: str) -> None:
    source = config(steps={"step": STEPS[kind]}, edges=[])
    plain = PipelineDAGCompiler(source, plugins=[]).compile_definition().definition
    assert definition(steps={"step": STEPS[kind]}, edges=[])["Steps"] == json.loads(plain)["Steps"]


def test_every_training_job_of_a_tuning_step_is_changed() -> None:
    # The service takes several definitions in place of one; the step reaches them by its request.
    compiler = PipelineDAGCompiler(config(steps={"step": STEPS["Tuning"]}, edges=[]), plugins=[])
    spec = compiler.compile_definition().spec
    (step,) = spec.steps
    several = thaw(step.arguments)
    several["TrainingJobDefinitions"] = [several.pop("TrainingJobDefinition")] * 2
    secured = apply_security_parameters(replace(spec, steps=(replace(step, arguments=freeze(several)),)))
    for found in secured.steps[0].arguments["TrainingJobDefinitions"]:
        assert found["ResourceConfig"]["VolumeKmsKeyId"].name == "KMS_ENCRYPTION_KEY_PARAM"
        assert found["EnableInterContainerTrafficEncryption"] is True
    assert apply_security_parameters(secured) is secured


def test_a_model_gets_the_network() -> None:
    found = arguments(STEPS["CreateModel"])
    assert found["VpcConfig"] == VPC
    assert "EnableInterContainerTrafficEncryption" not in found


MINE = {
    "volume_kms_key": "alias/mine",
    "output_kms_key": "alias/out",
    "encrypt_inter_container_traffic": False,
    "subnets": ["subnet-mine"],
    "security_group_ids": ["sg-mine"],
}


def test_values_of_the_user_do_not_change() -> None:
    found = arguments({**STEPS["Training"], **MINE})
    assert found["VpcConfig"] == {"SecurityGroupIds": ["sg-mine"], "Subnets": ["subnet-mine"]}
    assert found["EnableInterContainerTrafficEncryption"] is False
    assert found["OutputDataConfig"]["KmsKeyId"] == "alias/out"
    assert found["ResourceConfig"]["VolumeKmsKeyId"] == "alias/mine"


def test_values_of_defaults_and_request_do_not_change() -> None:
    request = {"OutputDataConfig": {"KmsKeyId": "alias/request"}}
    found = arguments(
        {**STEPS["Training"], "request": request},
        defaults={"image_uri": IMAGE, "instance_type": "ml.m5.xlarge", "volume_kms_key": "alias/defaults"},
    )
    assert found["OutputDataConfig"]["KmsKeyId"] == "alias/request"
    assert found["ResourceConfig"]["VolumeKmsKeyId"] == "alias/defaults"


@pytest.mark.parametrize("machine", ["ml.g4dn.xlarge", "ml.p4d.24xlarge", "ml.g5.xlarge", "ml.trn1.2xlarge"])
def test_instances_with_local_storage_get_no_volume_key(machine: str) -> None:
    found = arguments({**STEPS["Training"], "instance_type": machine})
    assert "VolumeKmsKeyId" not in found["ResourceConfig"]
    assert found["OutputDataConfig"]["KmsKeyId"] == KEY
    by_parameter = {**STEPS["Training"], "instance_type": "${param.Machine}"}
    found = arguments(by_parameter, parameters={"Machine": machine})
    assert "VolumeKmsKeyId" not in found["ResourceConfig"]


@pytest.mark.parametrize("machine", ["ml.m5.xlarge", "ml.p3.2xlarge", "ml.c6i.xlarge", "ml.g6.xlarge"])
def test_instances_without_local_storage_get_a_volume_key(machine: str) -> None:
    found = arguments({**STEPS["Training"], "instance_type": machine})
    assert ("VolumeKmsKeyId" in found["ResourceConfig"]) == (machine != "ml.g6.xlarge")


@pytest.mark.parametrize("families", [WITH_LOCAL_STORAGE, WITHOUT_LOCAL_STORAGE])
def test_each_instance_family_follows_its_local_storage(families: tuple[str, ...]) -> None:
    # Not every family is one of training jobs.
    ignored = ["request.unknown-value"]
    step = {**STEPS["Training"], "instance_type": "${param.Machine}"}
    has_key = {
        family: "VolumeKmsKeyId"
        in arguments(step, parameters={"Machine": f"ml.{family}.xlarge"}, ignore_rules=ignored)[
            "ResourceConfig"
        ]
        for family in families
    }
    assert has_key == dict.fromkeys(families, families is WITHOUT_LOCAL_STORAGE)


def test_parameters_can_be_declared_without_applying_them() -> None:
    plain = PipelineDAGCompiler(config(), plugins=[]).compile_definition().definition
    declared = definition({"standard_parameters": "declare"})
    assert [item["Name"] for item in declared["Parameters"]] == list(STANDARD_PARAMETERS)
    assert declared["Steps"] == json.loads(plain)["Steps"]
    assert definition({"standard_parameters": "off"}) == json.loads(plain)
