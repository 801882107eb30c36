"""Contradictions of the rules are reported with the line of the config; what cannot be checked is said to be so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.compiler import ValidationResult
from dagcast.plugin import PipelineSpec, hookimpl, remove
from tests.distributions.pipelines import STEPS, TUNING, config
from tests.guardrails.rules import RULES

CONFIG = """\
pipeline: {{name: demo, region: {region}, role: arn:aws:iam::123456789012:role/R, bucket: my-bucket, tags: {tags}}}
parameters:
  Default: {{type: String, default: {default}}}
  Unknown: {{type: String}}
steps:
  train:
    type: Training
    image_uri: {image}
    instance_type: {machine}
    {field}
plugins:
  enable: [guardrails]
  options:
    guardrails:
      {rule}
"""
FIELD_LINE = 10
GOOD = {
    "region": "us-east-1",
    "tags": "{team: risk}",
    "default": "ml.m5.xlarge",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1",
    "machine": "ml.m5.xlarge",
    "field": "description: A step.",
    "rule": "enforce: error",
}


def validate(folder: Path, **parts: str) -> ValidationResult:
    path = folder / "pipeline.yaml"
    path.write_text(CONFIG.format(**{**GOOD, **parts}))
    return PipelineDAGCompiler(path).validate()


CONTRADICTIONS = [
    (
        "volume_kms_key: other",
        "kms_key: alias/one",
        "volume-key",
        r"VolumeKmsKeyId is 'other', expected 'alias/one'",
    ),
    ("output_kms_key: other", "kms_key: {output: alias/one}", "output-key", r"KmsKeyId is 'other'"),
    (
        "{subnets: [subnet-1, subnet-9], security_group_ids: [sg-1]}",
        "{subnets: [subnet-1], security_group_ids: [sg-1]}",
        "subnet",
        r"VpcConfig.Subnets is 'subnet-9', expected one of subnet-1",
    ),
    (
        "{subnets: [subnet-1], security_group_ids: [sg-9]}",
        "{subnets: [subnet-1], security_group_ids: [sg-1]}",
        "security-group",
        r"SecurityGroupIds is 'sg-9'",
    ),
    (
        "encrypt_inter_container_traffic: false",
        "encrypt_inter_container_traffic: true",
        "traffic-encryption",
        r"Encryption is false, expected true",
    ),
    ("enable_network_isolation: false", "enable_network_isolation: true", "network-isolation", r"is false"),
    (
        "max_runtime_in_seconds: 7200",
        "max_runtime_in_seconds: 3600",
        "runtime",
        r"is 7200, expected at most 3600",
    ),
    ("tags: {team: 9}", 'required_tags: {team: {pattern: "[a-z]+"}}', "tag", r"tag 'team' is '9'"),
    ("tags: {team: other}", "required_tags: {team: risk}", "tag", r"tag 'team' is 'other', expected 'risk'"),
]


def lines(text: str, indent: int) -> str:
    """A flow mapping as lines of a block at this indent; anything else as it is."""
    if not text.startswith("{"):
        return text
    return f"\n{' ' * indent}".join(re.split(r", (?=\w+:)", text[1:-1]))


@pytest.mark.parametrize(("field", "rule", "code", "message"), CONTRADICTIONS)
def test_a_violation_is_an_error_with_a_line(
    field: str, rule: str, code: str, message: str, tmp_path: Path
) -> None:
    field = field.replace("9}", '"9"}')
    result = validate(tmp_path, field=lines(field, 4), rule=lines(rule, 6))
    (error,) = result.errors
    assert error.code == f"guardrails.{code}"
    assert re.search(message, error.message), error.message
    assert error.location is not None
    assert error.location.line == FIELD_LINE + (code == "security-group")


@pytest.mark.parametrize(("field", "rule", "code", "message"), CONTRADICTIONS)
def test_with_enforce_warn_a_violation_is_a_warning(
    field: str, rule: str, code: str, message: str, tmp_path: Path
) -> None:
    field = field.replace("9}", '"9"}')
    rule = f"{lines(rule, 6)}\n      enforce: warn"
    result = validate(tmp_path, field=lines(field, 4), rule=rule)
    assert result.is_valid
    assert [warning.code for warning in result.warnings] == [f"guardrails.{code}"]


@pytest.mark.parametrize(
    ("part", "value", "rule", "code", "line"),
    [
        ("machine", "ml.p3.2xlarge", 'allowed_instance_types: ["ml.m5.*", "ml.c?.*"]', "instance-type", 9),
        (
            "image",
            "999999999999.dkr.ecr.us-east-1.amazonaws.com/x:1",
            'allowed_image_registries: ["1*"]',
            "image",
            8,
        ),
        ("image", "python:3.11", 'allowed_image_registries: ["1*"]', "image", 8),
        ("image", "team/python:3.11", 'allowed_image_registries: ["1*"]', "image", 8),
        ("region", "eu-west-1", 'allowed_regions: ["us-*"]', "region", 1),
        ("tags", "{}", "required_tags: {team: {pattern: x}}", "tag", 1),
        ("tags", "{team: y}", "required_tags: {team: {pattern: x}}", "tag", 1),
    ],
)
def test_each_disallowed_value_is_an_error_with_a_line(
    part: str, value: str, rule: str, code: str, line: int, tmp_path: Path
) -> None:
    # The service takes an image of the pipeline's own region alone.
    own = {"image": f"123456789012.dkr.ecr.{value}.amazonaws.com/x:1"} if part == "region" else {}
    (error,) = validate(tmp_path, **{part: value}, **own, rule=rule).errors
    assert (error.code, error.location and error.location.line) == (f"guardrails.{code}", line)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("volume_kms_key: arn:aws:kms:us-east-1:123456789012:key/1234", 'kms_key: {volume: "1234"}'),
        ("volume_kms_key: alias/one", "kms_key: {volume: arn:aws:kms:us-east-1:123456789012:alias/one}"),
        ("max_runtime_in_seconds: 3600", "max_runtime_in_seconds: 3600"),
        ("tags: {team: risk}", 'required_tags: {team: {pattern: "[a-z]+"}}'),
        ("description: x", 'allowed_image_registries: ["*.dkr.ecr.us-east-1.amazonaws.com"]'),
        ("description: x", "allowed_regions: [us-east-1]"),
        ("description: x", "allowed_instance_types: [ml.m5.xlarge]"),
    ],
)
def test_allowed_values_are_not_reported(field: str, rule: str, tmp_path: Path) -> None:
    result = validate(tmp_path, field=field, rule=rule)
    assert (result.errors, result.warnings) == ((), ())


def test_arns_of_different_accounts_are_different_keys(tmp_path: Path) -> None:
    field = "volume_kms_key: arn:aws:kms:us-east-1:123456789012:key/1234"
    rule = "kms_key: {volume: arn:aws:kms:us-east-1:999999999999:key/1234}"
    assert [error.code for error in validate(tmp_path, field=field, rule=rule).errors] == [
        "guardrails.volume-key"
    ]


def test_the_default_of_a_parameter_is_checked(tmp_path: Path) -> None:
    rule = 'allowed_instance_types: ["ml.m5.*"]'
    assert validate(tmp_path, machine="${param.Default}", rule=rule).is_valid
    result = validate(tmp_path, machine="${param.Default}", default="ml.p3.2xlarge", rule=rule)
    (error,) = result.errors
    assert "${param.Default} (default 'ml.p3.2xlarge')" in error.message


def test_the_defaults_in_a_join_are_checked(tmp_path: Path) -> None:
    image = "${param.Default}.dkr.ecr.us-east-1.amazonaws.com/tools:1"
    rule = 'allowed_image_registries: ["1*.dkr.ecr.*"]'
    assert validate(tmp_path, image=image, default='"123456789012"', rule=rule).is_valid
    (error,) = validate(tmp_path, image=image, default='"999999999999"', rule=rule).errors
    assert error.code == "guardrails.image"


@pytest.mark.parametrize(
    ("part", "value", "rule", "code"),
    [
        ("machine", "${param.Unknown}", "allowed_instance_types: [ml.m5.xlarge]", "instance-type"),
        ("image", "${param.Unknown}/tools:1", "allowed_image_registries: [registry]", "image"),
        ("field", "volume_kms_key: ${param.Unknown}", "kms_key: alias/one", "volume-key"),
        ("field", 'tags: {team: "${param.Unknown}"}', "required_tags: {team: {pattern: risk}}", "tag"),
    ],
)
def test_values_known_only_at_run_time_are_warnings(
    part: str, value: str, rule: str, code: str, tmp_path: Path
) -> None:
    result = validate(tmp_path, **{part: value}, rule=rule)
    assert result.is_valid
    (warning,) = result.warnings
    assert warning.code == f"guardrails.{code}"
    assert "${param.Unknown}" in warning.message
    assert "cannot be checked" in warning.message


def test_an_unknown_region_is_a_warning() -> None:
    ruled = config(
        {"step": STEPS["Training"]}, {"guardrails": {"allowed_regions": ["us-*"]}}, pipeline={"region": None}
    )
    result = PipelineDAGCompiler(ruled, plugins=["guardrails"]).validate()
    assert [(warning.code, warning.hint) for warning in result.warnings] == [
        ("guardrails.region", "set pipeline.region")
    ]


MACHINE = {"instance_type": "ml.p3.2xlarge"}
IMAGE = {"image_uri": "registry.example.com/tools:1"}


@pytest.mark.parametrize(
    ("kind", "own", "rule", "path"),
    [
        (
            "Processing",
            {"instance_type": "ml.p3.2xlarge"},
            "allowed_instance_types",
            "ProcessingResources.ClusterConfig",
        ),
        (
            "Tuning",
            {"instance_type": "ml.p3.2xlarge"},
            "allowed_instance_types",
            "TrainingJobDefinition.ResourceConfig",
        ),
        (
            "Transform",
            {"instance_type": "ml.p3.2xlarge"},
            "allowed_instance_types",
            "TransformResources.InstanceType",
        ),
        (
            "EndpointConfig",
            {"instance_type": "ml.p3.2xlarge"},
            "allowed_instance_types",
            "ProductionVariants[0]",
        ),
        ("CreateModel", {"image_uri": "x.com/y:1"}, "allowed_image_registries", "PrimaryContainer.Image"),
        (
            "RegisterModel",
            {"image_uri": "x.com/y:1"},
            "allowed_image_registries",
            "InferenceSpecification.Containers[0]",
        ),
        (
            "RegisterModel",
            {"inference_instances": ["ml.m5.large", "ml.p3.2xlarge"]},
            "allowed_instance_types",
            "InferenceSpecification.SupportedRealtimeInferenceInstanceTypes is 'ml.p3.2xlarge'",
        ),
        ("QualityCheck", IMAGE, "allowed_image_registries", "AppSpecification.ImageUri"),
        (
            "AutoML",
            {"max_runtime_in_seconds": 7200},
            "max_runtime_in_seconds",
            "MaxAutoMLJobRuntimeInSeconds is 7200",
        ),
        (
            "EMR",
            {"cluster_config": {"Instances": {"InstanceCount": 1, "Ec2SubnetIds": ["subnet-1", "subnet-9"]}}},
            "subnets",
            "ClusterConfig.Instances.Ec2SubnetIds is 'subnet-9'",
        ),
    ],
)
def test_every_kind_of_request_is_checked(kind: str, own: dict[str, Any], rule: str, path: str) -> None:
    names = (rule, "security_group_ids") if rule == "subnets" else (rule,)
    options = {"guardrails": {name: RULES[name] for name in names}}
    compiler = PipelineDAGCompiler(config({"step": {**STEPS[kind], **own}}, options), plugins=["guardrails"])
    (error,) = compiler.validate().errors
    assert path in error.message


def test_every_instance_group_of_a_cluster_is_checked() -> None:
    groups = [
        {"InstanceGroupName": name, "InstanceType": machine, "InstanceCount": 1}
        for name, machine in (("one", "ml.m5.xlarge"), ("two", "ml.p3.2xlarge"))
    ]
    resources = {"InstanceType": None, "InstanceCount": None, "InstanceGroups": groups}
    step = {**STEPS["Training"], "request": {"ResourceConfig": resources}}
    options = {"guardrails": {"allowed_instance_types": ["ml.m5.*"]}}
    (error,) = PipelineDAGCompiler(config({"step": step}, options), plugins=["guardrails"]).validate().errors
    assert "ResourceConfig.InstanceGroups[1].InstanceType is 'ml.p3.2xlarge'" in error.message


def test_a_disallowed_default_instance_type_is_an_error() -> None:
    options = {"guardrails": {"allowed_instance_types": ["ml.c5.*"]}}
    step = {key: value for key, value in TUNING.items() if key != "instance_type"}
    steps = {"step": {**step, "instance_type": "ml.c5.xlarge"}, "check": STEPS["QualityCheck"]}
    (error,) = PipelineDAGCompiler(config(steps, options), plugins=["guardrails"]).validate().errors
    assert "step 'check'" in error.message
    assert error.hint is None


class Stripping:
    """A plugin that takes away what guardrails filled in."""

    name = "stripping"

    def __init__(self, path: tuple[str | int, ...]) -> None:
        self.path = path

    @hookimpl
    def transform_spec(self, spec: PipelineSpec) -> PipelineSpec:
        return replace(spec, steps=tuple(remove(step, self.path) for step in spec.steps))


@pytest.mark.parametrize(
    ("path", "rules", "code"),
    [
        (("ResourceConfig", "VolumeKmsKeyId"), {"kms_key": "alias/one"}, "volume-key"),
        (("VpcConfig",), {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]}, "subnet"),
        (("Tags",), {"required_tags": {"team": "risk"}}, "tag"),
    ],
)
def test_a_field_removed_by_a_later_plugin_is_reported(
    path: tuple[str | int, ...], rules: dict[str, Any], code: str
) -> None:
    compiler = PipelineDAGCompiler(
        config({"step": STEPS["Training"]}, {"guardrails": rules}), plugins=["guardrails", Stripping(path)]
    )
    errors = compiler.validate().errors
    assert f"guardrails.{code}" in [error.code for error in errors]


def test_all_violations_are_reported_at_once(tmp_path: Path) -> None:
    field = "volume_kms_key: other\n    max_runtime_in_seconds: 7200"
    rule = "kms_key: alias/one\n      max_runtime_in_seconds: 3600\n      allowed_regions: [eu-west-1]"
    codes = [error.code for error in validate(tmp_path, field=field, rule=rule).errors]
    assert codes == ["guardrails.region", "guardrails.volume-key", "guardrails.runtime"]
