"""A definition without its config is checked by the same rules as a config, by every verb that takes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dagcast.cli.main import cli
from dagcast.errors import InvalidInputError
from dagcast.runner.options import RunOptions
from dagcast.runner.runner import Runner

CONFIG = """\
pipeline: {name: demo, region: us-east-1, role: arn:aws:iam::123456789012:role/R, bucket: my-bucket}
steps:
  train:
    type: Training
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1
    instance_type: ml.m5.xlarge
    use_spot_instances: true
    max_wait_time_in_seconds: 90000
"""
NO_WAIT = (
    "d.json: error: step 'train': MaxWaitTimeInSeconds is missing, which EnableManagedSpotTraining needs "
    "(the seconds of waiting and running together)  [training.spot-wait]"
)


def dagcast(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


@pytest.fixture
def request_of_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The request of a training step, as a compile writes it."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(CONFIG)
    text = dagcast("compile", "c.yaml", "--no-plugins").stdout
    found: dict[str, Any] = json.loads(text)["Steps"][0]["Arguments"]
    return found


def write(request: dict[str, Any], **more: Any) -> str:
    text = json.dumps({"Steps": [{"Name": "train", "Type": "Training", "Arguments": request}], **more})
    Path("d.json").write_text(text)
    return text


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_a_broken_rule_is_reported_in_the_same_words(request_of_train: dict[str, Any], verb: str) -> None:
    del request_of_train["StoppingCondition"]["MaxWaitTimeInSeconds"]
    write(request_of_train)
    result = dagcast(verb, "d.json")
    assert result.exit_code == 1
    assert NO_WAIT in result.stderr.splitlines()
    assert not Path(".dagcast/runs").exists()


def test_a_runner_refuses_what_the_command_refuses(request_of_train: dict[str, Any], tmp_path: Path) -> None:
    del request_of_train["StoppingCondition"]["MaxWaitTimeInSeconds"]
    text = write(request_of_train)
    with pytest.raises(InvalidInputError) as refused:
        Runner(text, "demo", options=RunOptions(runs=tmp_path / "runs")).run()
    assert "training.spot-wait" in [item.code for item in refused.value.diagnostics]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("ResourceConfig", "InstanceCuont"), 2, "request.unknown-field"),
        (("ResourceConfig", "InstanceType"), "ml.m5.lage", "request.unknown-value"),
        (("StoppingCondition", "MaxRuntimeInSeconds"), 0, "request.out-of-range"),
        (("AlgorithmSpecification", "AlgorithmName"), "arn:x", "training.image-and-algorithm"),
    ],
)
def test_shapes_values_and_rules_are_checked_once(
    request_of_train: dict[str, Any], path: tuple[str, str], value: Any, code: str
) -> None:
    request_of_train[path[0]][path[1]] = value
    write(request_of_train)
    for verb in ("validate", "run"):
        lines = [json.loads(line) for line in _json_documents(dagcast(verb, "d.json", "--json").stdout)]
        codes = [item["code"] for line in lines for item in line["diagnostics"]]
        assert codes.count(code) == 1, (verb, codes)


def _json_documents(text: str) -> list[str]:
    """The JSON of ``validate`` is one document of several lines, that of ``run`` is one a line."""
    return [text] if text.startswith("{\n") else text.splitlines()


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_a_rule_is_ignored_and_the_output_says_so(request_of_train: dict[str, Any], verb: str) -> None:
    del request_of_train["StoppingCondition"]["MaxWaitTimeInSeconds"]
    write(request_of_train)
    Path("stub.json").write_text("{}")
    more = ["--stub", "train=stub.json"] if verb == "run" else []
    result = dagcast(verb, "d.json", "--no-plugins", "--ignore-rule", "training.spot-wait=a trial", *more)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stderr.splitlines() if "training.spot-wait" in line]
    assert "ignored: training.spot-wait (a trial): d.json: step 'train': MaxWaitTimeInSeconds" in line


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_an_unknown_rule_cannot_be_ignored(request_of_train: dict[str, Any], verb: str) -> None:
    write(request_of_train)
    result = dagcast(verb, "d.json", "--ignore-rule", "training.spot-wiat")
    assert result.exit_code == 1
    assert "--ignore-rule: 'training.spot-wiat' is not the id of a rule" in result.stderr
    assert "did you mean 'training.spot-wait'?" in result.stderr


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_rules_of_a_config_are_ignored_in_the_config(request_of_train: dict[str, Any], verb: str) -> None:
    result = dagcast(verb, "c.yaml", "--no-plugins", "--ignore-rule", "training.spot-wait=a trial")
    assert result.exit_code == 2
    assert "write ignore_rules: {training.spot-wait: a trial} into c.yaml" in result.stderr


def test_the_remedy_of_a_value_newer_than_botocore_works(request_of_train: dict[str, Any]) -> None:
    request_of_train["ResourceConfig"]["InstanceType"] = "ml.m99.xlarge"
    write(request_of_train)
    refused = dagcast("validate", "d.json")
    assert "use --ignore-rule request.unknown-value" in refused.stderr
    assert dagcast("validate", "d.json", "--ignore-rule", "request.unknown-value").exit_code == 0


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_a_parameter_whose_default_is_refused_is_named(request_of_train: dict[str, Any], verb: str) -> None:
    request_of_train["ResourceConfig"]["InstanceType"] = {"Get": "Parameters.Machine"}
    parameter = {"Name": "Machine", "Type": "String", "DefaultValue": "ml.m5.lage"}
    write(request_of_train, Parameters=[parameter])
    assert "parameter 'Machine', which step 'train' reads: " in dagcast(verb, "d.json").stderr


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_plugins_are_for_configs(request_of_train: dict[str, Any], verb: str) -> None:
    write(request_of_train)
    result = dagcast(verb, "d.json", "--plugin", "x")
    assert result.exit_code == 2
    assert "d.json is a definition" in result.stderr


def test_an_invalid_definition_is_not_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d.json").write_text('{"Steps": [{"Name": "a b", "Type": "Fail"}]}')
    result = dagcast("validate", "d.json")
    assert result.exit_code == 1
    assert "invalid step name 'a b'" in result.stderr
