"""JSON files of other tools are named by what they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dagcast.cli.main import cli
from dagcast.definition.read import read_definition
from dagcast.errors import InvalidInputError

FILES: dict[str, tuple[Any, str]] = {
    "a state machine": ({"StartAt": "a", "States": {"a": {"Type": "Pass"}}}, "AWS Step Functions"),
    "DescribePipeline": (
        {"PipelineArn": "arn:x", "PipelineDefinition": "{}"},
        "response of DescribePipeline",
    ),
    "CreatePipeline": ({"PipelineName": "p", "PipelineDefinition": "{}"}, "request of CreatePipeline"),
    "an execution": (
        {"PipelineExecutionArn": "arn:x", "PipelineExecutionStatus": "Failed"},
        "DescribePipelineExecution",
    ),
    "its steps": ({"PipelineExecutionSteps": []}, "ListPipelineExecutionSteps"),
    "a template": ({"Resources": {"P": {"Type": "AWS::SageMaker::Pipeline"}}}, "AWS CloudFormation"),
    "Kubeflow": ({"pipelineSpec": {}, "runtimeConfig": {}}, "Kubeflow"),
    "Kubernetes": ({"apiVersion": "argoproj.io/v1", "kind": "Workflow"}, "Workflow of Kubernetes"),
    "a job": ({"TrainingJobName": "t", "AlgorithmSpecification": {}}, "one resource (TrainingJob)"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_every_verb_says_what_a_file_is(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, expected = FILES[name]
    Path("file.json").write_text(json.dumps(content))
    done = CliRunner().invoke(cli, [command, "file.json"])
    assert done.exit_code == 1
    assert expected in done.output
    assert done.output.count("error:") == 1
    assert not Path(".dagcast").exists()


@pytest.mark.parametrize("content", [{}, {"a": 1}, [], None, {"Steps": {}}])
def test_of_other_files_only_the_missing_steps_are_reported(content: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=re.escape("expected an object with a list of Steps")
    ) as caught:
        read_definition(json.dumps(content), "file.json")
    assert caught.value.diagnostics[0].hint is None
