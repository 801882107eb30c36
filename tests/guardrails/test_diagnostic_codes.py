"""Each code of dagcast-guardrails, produced by a rule and a config that contradicts it."""

from __future__ import annotations

from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast_guardrails.diagnostic_codes import CODES
from tests.support.compiling import PIPELINE

TRAIN = {
    "type": "Training",
    "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1",
    "instance_type": "ml.m5.xlarge",
}
VPC = {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}

# The rule, and what the step says against it.
INPUTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "guardrails.image": ({"allowed_image_registries": ["999999999999.dkr.ecr.*"]}, {}),
    "guardrails.instance-type": ({"allowed_instance_types": ["ml.c5.*"]}, {}),
    "guardrails.network-isolation": (
        {"enable_network_isolation": True},
        {"enable_network_isolation": False},
    ),
    "guardrails.output-key": ({"kms_key": {"output": "alias/one"}}, {"output_kms_key": "alias/two"}),
    "guardrails.region": ({"allowed_regions": ["eu-*"]}, {}),
    "guardrails.runtime": ({"max_runtime_in_seconds": 3600}, {"max_runtime_in_seconds": 3601}),
    "guardrails.security-group": (VPC, {**VPC, "security_group_ids": ["sg-2"]}),
    "guardrails.subnet": (VPC, {**VPC, "subnets": ["subnet-2"]}),
    "guardrails.tag": ({"required_tags": {"team": "risk"}}, {"tags": {"team": "other"}}),
    "guardrails.traffic-encryption": (
        {"encrypt_inter_container_traffic": True},
        {"encrypt_inter_container_traffic": False},
    ),
    "guardrails.volume-key": ({"kms_key": {"volume": "alias/one"}}, {"volume_kms_key": "alias/two"}),
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_produced_by_an_input(code: str) -> None:
    rules, fields = INPUTS[code]
    source = {
        "pipeline": PIPELINE,
        "steps": {"train": {**TRAIN, **fields}},
        "plugins": {"enable": ["guardrails"], "options": {"guardrails": rules}},
    }
    assert [error.code for error in PipelineDAGCompiler(source).validate().errors] == [code]
