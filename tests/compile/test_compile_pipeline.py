"""The compiler as one function: config and DAG in, definition or mistakes out."""

from __future__ import annotations

import json
from typing import Any

from dagcast import PipelineDAGCompiler
from dagcast.compile.compile_pipeline import compile_pipeline
from dagcast.errors import DiagnosticSink

FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:warn"
CONFIG: dict[str, Any] = {
    "pipeline": {"name": "churn", "role": "arn:aws:iam::111122223333:role/sm"},
    "parameters": {"Reason": {"type": "String", "default": "no data"}},
    "steps": {
        "warn": {"type": "Lambda", "function_arn": FUNCTION, "inputs": {"reason": "${param.Reason}"}},
        "stop": {"type": "Fail", "error_message": "the end", "depends_on": ["warn"]},
    },
}


def test_a_config_and_a_dag_become_a_definition() -> None:
    config = PipelineDAGCompiler(CONFIG, plugins=[]).load()
    sink = DiagnosticSink()
    compilation = compile_pipeline(config, config.dag, sink)
    assert compilation is not None
    assert not sink.diagnostics
    definition = json.loads(compilation.definition)
    assert definition["Parameters"] == [{"Name": "Reason", "Type": "String", "DefaultValue": "no data"}]
    assert definition["Steps"] == [
        {
            "Name": "warn",
            "Type": "Lambda",
            "Arguments": {"reason": {"Get": "Parameters.Reason"}},
            "FunctionArn": FUNCTION,
            "OutputParameters": [],
        },
        {"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "the end"}, "DependsOn": ["warn"]},
    ]


def test_the_same_arguments_give_the_same_result() -> None:
    config = PipelineDAGCompiler(CONFIG, plugins=[]).load()
    first = compile_pipeline(config, config.dag, DiagnosticSink())
    assert first == compile_pipeline(config, config.dag, DiagnosticSink())
    assert first == PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition()


def test_mistakes_are_collected_and_nothing_is_returned() -> None:
    steps = {"stop": {"type": "Fail", "error_message": "${param.Nothing}", "depends_on": ["nowhere"]}}
    config = PipelineDAGCompiler({**CONFIG, "steps": steps}, plugins=[]).load()
    sink = DiagnosticSink()
    assert compile_pipeline(config, config.dag, sink) is None
    assert {error.code for error in sink.errors} == {"reference.unknown-parameter", "reference.unknown-step"}
