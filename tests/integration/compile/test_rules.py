"""Rules of the service at the command line: reported with an id, ignored by it, listed and explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dagcast.cli.main import cli

ROOT = Path(__file__).parents[3]
CONFIG = """\
pipeline: {name: demo, region: us-east-1, role: arn:aws:iam::123456789012:role/SageMakerRole, bucket: my-bucket}
parameters: {Spot: {type: Boolean, default: false}}
steps:
  train:
    type: Training
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1
    instance_type: ml.m5.xlarge
    use_spot_instances: true
"""


def dagcast(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--no-plugins"], catch_exceptions=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text(CONFIG)
    return path


def diagnostics(path: Path, command: str = "validate") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dagcast(command, str(path), "--json").stdout)["diagnostics"]
    return found


def test_a_broken_rule_is_an_error_with_its_id(config: Path) -> None:
    result = dagcast("validate", str(config))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].endswith(
        ":8: error: step 'train': max_wait_time_in_seconds is missing, which use_spot_instances needs "
        "(the seconds of waiting and running together)  [training.spot-wait]"
    )


@pytest.mark.parametrize(
    "ignored",
    ["[training.spot-wait]", "{training.spot-wait: a trial}", "{training.spot-wait: }"],
)
def test_a_config_ignores_a_rule(config: Path, ignored: str) -> None:
    config.write_text(f"{CONFIG}ignore_rules: {ignored}\n")
    assert diagnostics(config) == []


def test_a_value_that_botocore_does_not_know_is_let_through_by_name(config: Path) -> None:
    text = CONFIG.replace("ml.m5.xlarge", "ml.m99.xlarge").replace("    use_spot_instances: true\n", "")
    config.write_text(text)
    (found,) = diagnostics(config)
    config.write_text(f"{text}ignore_rules: {{{found['code']}: newer than botocore}}\n")
    assert diagnostics(config) == []


@pytest.mark.parametrize(
    ("ignored", "line", "code"),
    [
        ("[training.spot-wait, training.spot-wiat]", 9, "config.unknown-rule"),
        ("{config.unknown-field: why}", 9, "config.unknown-rule"),
        ("training.spot-wait", 9, "config.wrong-type"),
        ("[3]", 9, "config.wrong-type"),
        ("{training.spot-wait: [1]}", 9, "config.wrong-type"),
    ],
)
def test_an_unknown_rule_cannot_be_ignored(config: Path, ignored: str, line: int, code: str) -> None:
    config.write_text(f"{CONFIG}ignore_rules: {ignored}\n")
    assert (line, code) in [(item["line"], item["code"]) for item in diagnostics(config)]


def test_the_default_of_a_parameter_breaks_a_rule_as_a_warning(config: Path) -> None:
    text = CONFIG.replace("use_spot_instances: true", "use_spot_instances: ${param.Spot}")
    config.write_text(text)
    assert diagnostics(config) == []
    config.write_text(text.replace("default: false", "default: true"))
    assert [(item["severity"], item["code"]) for item in diagnostics(config)] == [
        ("warning", "training.spot-wait")
    ]


def test_run_reports_it_before_anything_starts(config: Path, tmp_path: Path) -> None:
    result = dagcast("run", str(config), "--runs", str(tmp_path / "runs"))
    assert result.exit_code == 1
    assert "[training.spot-wait]" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_rules_are_listed_and_explained() -> None:
    listed = dagcast("rules").stdout.splitlines()
    assert sum(line.startswith("training.") for line in listed) > 20
    explained = dagcast("rules", "training.spot-wait").stdout
    assert "Spot training needs MaxWaitTimeInSeconds." in explained
    assert "model-managed-spot-training" in explained
    data = json.loads(dagcast("rules", "training.spot-wait", "--json").stdout)
    assert data["breaks"]["EnableManagedSpotTraining"] is True
    assert "StoppingCondition" in data["obeys"]


def test_an_unknown_rule_gets_the_nearest_one() -> None:
    result = dagcast("rules", "training.spot-wiat")
    assert result.exit_code == 1
    assert "did you mean 'training.spot-wait'?" in result.stderr


def test_the_page_in_the_docs_is_the_registry() -> None:
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == dagcast("rules", "--markdown").stdout
