"""Users write fields of the config: messages, hints and ``explain`` use their names and lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dagcast.cli.main import cli

HEAD = (
    "pipeline: {name: demo, region: us-east-1, role: arn:aws:iam::123456789012:role/R, bucket: my-bucket}\n"
)
JOB = "image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1, instance_type: ml.m5.large"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def dagcast(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--no-plugins"], catch_exceptions=False)


def validate(text: str) -> list[str]:
    Path("c.yaml").write_text(HEAD + text)
    return dagcast("validate", "c.yaml").stderr.splitlines()


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("spot: true", "did you mean 'use_spot_instances'?"),
        ("EnableManagedSpotTraining: true", "write use_spot_instances"),
        ("MaxWaitTimeInSeconds: 9", "write max_wait_time_in_seconds"),
        ("VpcConfig: {}", "write subnets or security_group_ids"),
        ("RetryStrategy: {}", "members of the request are given under request"),
        ("ignore_rules: [a]", "ignore_rules is a section of the config, next to steps"),
    ],
)
def test_an_unknown_field_has_the_right_hint(field: str, hint: str) -> None:
    line = validate(f"steps:\n  a: {{type: Training, {JOB}, {field}}}\n")[0]
    assert line.startswith("c.yaml:3: error: step 'a' (Training): unknown field ")
    assert f"({hint})" in line


def test_a_member_of_a_request_in_the_defaults_has_the_hint_of_its_field() -> None:
    line = validate(
        f"defaults: {{EnableManagedSpotTraining: true}}\nsteps:\n  a: {{type: Training, {JOB}}}\n"
    )[0]
    assert "(write use_spot_instances)" in line


def test_a_misspelt_section_of_an_environment_is_read_as_what_was_meant() -> None:
    steps = f"steps:\n  a: {{type: Training, {JOB}}}\n"
    lines = validate(f"{steps}environments:\n  prod:\n    stesp:\n      a: {{instance_type: ml.m5.lage}}\n")
    assert lines[0].startswith(
        "c.yaml:6: error: environment 'prod' has no section 'stesp' (did you mean 'steps'?)"
    )
    assert lines[1].startswith(
        "c.yaml:7: error: environment 'prod': step 'a': instance_type must be a value of "
    )
    assert lines[2:] == ["2 errors"]


@pytest.mark.parametrize("kind", ["Training", "Tuning"])
def test_a_rule_about_a_missing_field_points_to_the_field_that_needs_it(kind: str) -> None:
    search = "ranges: {n: {type: Integer, min: 1, max: 5}}, objective: {name: a}, metric_definitions: {a: 'a=(.*)'}"
    more = f", max_jobs: 2, {search}" if kind == "Tuning" else ""
    (line, count) = validate(
        f"steps:\n  a:\n    {{type: {kind}, {JOB}{more},\n    max_runtime_in_seconds: 3600,\n"
        "    use_spot_instances: true}\n"
    )
    assert line == (
        "c.yaml:6: error: step 'a': max_wait_time_in_seconds is missing, which use_spot_instances needs (the seconds "
        "of waiting and running together: at least 3,600, as max_runtime_in_seconds)  [training.spot-wait]"
    )
    assert count == "1 error"


def test_what_is_written_under_request_keeps_its_name() -> None:
    request = "request: {ResourceConfig: {VolumeSizeInGB: big}}"
    line = validate(f"steps:\n  a: {{type: Training, {JOB}, {request}}}\n")[0]
    assert "ResourceConfig.VolumeSizeInGB must be an integer" in line


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("a.instance_type", ["Arguments", "ResourceConfig", "InstanceType"]),
        ("a.max_runtime_in_seconds", ["Arguments", "StoppingCondition", "MaxRuntimeInSeconds"]),
        ("a.environment.LEVEL", ["Arguments", "Environment", "LEVEL"]),
        ("a.ResourceConfig.InstanceType", ["Arguments", "ResourceConfig", "InstanceType"]),
    ],
)
def test_explain_takes_fields_of_the_config_and_of_the_definition(what: str, path: list[str]) -> None:
    validate(f"steps:\n  a: {{type: Training, {JOB}, environment: {{LEVEL: x}}}}\n")
    found = json.loads(dagcast("explain", "c.yaml", what, "--json").stdout)
    assert [item["path"] for item in found] == [path]


def test_explain_shows_where_a_parameter_is_used() -> None:
    validate(
        f"parameters: {{Level: x}}\nsteps:\n  a: {{type: Training, {JOB}, environment: {{L: '${{param.Level}}'}}}}\n"
    )
    found = json.loads(dagcast("explain", "c.yaml", "param.Level", "--json").stdout)
    assert [(item["step"], item["path"]) for item in found] == [
        (None, ["Parameters", "Level"]),
        ("a", ["Arguments", "Environment", "L"]),
    ]
    assert "did you mean 'Level'?" in dagcast("explain", "c.yaml", "param.Levle").stderr


def test_ignored_rules_are_lines_of_the_output_with_their_reasons() -> None:
    lines = validate(
        f"ignore_rules: {{training.spot-wait: a trial, tuning.quota: ours is higher}}\n"
        f"steps:\n  a: {{type: Training, {JOB}, use_spot_instances: true}}\n"
    )
    assert lines == [
        "ignored: training.spot-wait (a trial): c.yaml:4: step 'a': max_wait_time_in_seconds is missing, which "
        "use_spot_instances needs",
        "ignored: tuning.quota (ours is higher): nothing breaks it",
        "c.yaml is valid",
    ]
    body = json.loads(dagcast("validate", "c.yaml", "--json").stdout)
    assert [(item["rule"], item["reason"], len(item["findings"])) for item in body["ignored"]] == [
        ("training.spot-wait", "a trial", 1),
        ("tuning.quota", "ours is higher", 0),
    ]
    report = json.loads(dagcast("compile", "c.yaml", "-o", "d.json", "--json").stdout)["report"]
    assert report["ignored"] == body["ignored"]
