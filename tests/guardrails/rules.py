"""A company's rules, as its config has them."""

from __future__ import annotations

from typing import Any

RULES: dict[str, Any] = {
    "kms_key": {"volume": "alias/volumes", "output": "alias/outputs"},
    "subnets": ["subnet-1", "subnet-2"],
    "security_group_ids": ["sg-1"],
    "encrypt_inter_container_traffic": True,
    "enable_network_isolation": True,
    "required_tags": {"cost-center": "1234", "team": {"pattern": "[a-z]+"}},
    "allowed_regions": ["us-*", "eu-west-1"],
    "allowed_instance_types": ["ml.m5.*", "ml.g4dn.*"],
    "allowed_image_registries": ["123456789012.dkr.ecr.*.amazonaws.com"],
    "max_runtime_in_seconds": 3600,
}
