"""Configs for tests, and the compiler's public doors in few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagcast import PipelineDAGCompiler
from dagcast.compile.config.config import ConfigLike
from dagcast.compile.config.pipeline_dag import DAGLike
from dagcast.compiler import ValidationResult
from dagcast.errors import Diagnostic
from tests.support.follow_hints import follow_hints

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1"
PIPELINE = {"name": "demo", "region": "us-east-1", "role": ROLE, "bucket": "my-bucket"}
JOB = {"image_uri": IMAGE, "instance_type": "ml.m5.xlarge"}
EXPERIMENT = {
    "ExperimentName": {"Get": "Execution.PipelineName"},
    "TrialName": {"Get": "Execution.PipelineExecutionId"},
}
ALWAYS = [{"left": 1, "op": "==", "right": 1}]


def config(steps: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """A config with these steps, and a base config unless one is given."""
    return {"pipeline": PIPELINE, "steps": dict(steps), **sections}


def definition_of(
    source: ConfigLike, dag: DAGLike | None = None, *, env: str | None = None
) -> dict[str, Any]:
    """The definition of a config, as data; it must compile without plugins."""
    compiler = PipelineDAGCompiler(source, env=env, plugins=[])
    definition: dict[str, Any] = json.loads(compiler.compile_definition(dag).definition)
    return definition


def steps_of(source: ConfigLike, dag: DAGLike | None = None, *, env: str | None = None) -> dict[str, Any]:
    """The steps of a config's definition by name, those in branches included."""
    found: dict[str, Any] = {}

    def collect(steps: list[dict[str, Any]]) -> None:
        for step in steps:
            found[step["Name"]] = step
            collect(step["Arguments"].get("IfSteps", []))
            collect(step["Arguments"].get("ElseSteps", []))

    collect(definition_of(source, dag, env=env)["Steps"])
    return found


def step_of(fields: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """The definition of a pipeline's only step."""
    step: dict[str, Any] = steps_of(config({"step": fields}, **sections))["step"]
    return step


def arguments_of(fields: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """The request of a pipeline's only step."""
    arguments: dict[str, Any] = step_of(fields, **sections)["Arguments"]
    return arguments


def check(source: ConfigLike, dag: DAGLike | None = None, *, env: str | None = None) -> ValidationResult:
    """What is wrong with a config; every diagnostic must say where, and what a hint says to write must be accepted."""
    result = PipelineDAGCompiler(source, env=env, plugins=[]).validate(dag)
    for diagnostic in (*result.errors, *result.warnings):
        assert diagnostic.location is not None, diagnostic
        assert diagnostic.location.file, diagnostic
    if isinstance(source, Mapping):
        follow_hints(
            source,
            result.errors,
            lambda changed: PipelineDAGCompiler(changed, env=env, plugins=[]).validate(dag).errors,
        )
    return result


def errors_of(source: ConfigLike, dag: DAGLike | None = None, *, env: str | None = None) -> list[str]:
    """The errors of a config as the user sees them."""
    return [str(diagnostic) for diagnostic in check(source, dag, env=env).errors]


def only_error(source: ConfigLike, dag: DAGLike | None = None, *, env: str | None = None) -> Diagnostic:
    """The one error of a config."""
    errors = check(source, dag, env=env).errors
    assert len(errors) == 1, errors
    return errors[0]


def error_in(fields: Mapping[str, Any], **sections: Any) -> Diagnostic:
    """The one error of a pipeline with this only step."""
    return only_error(config({"step": fields}, **sections))
