"""What a user's type checker sees of the public API. ``make types`` checks this file; nothing runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import dagcast
import mods_plugin
from dagcast import Pipeline, PipelineDAG, PipelineDAGCompiler, PipelineTemplateBase
from dagcast.plugin import CompileReport, Diagnostic, Location, PipelineSpec, PluginRequest, StepSpec, put


def dag(nodes: list[str]) -> None:
    made = PipelineDAG(nodes, edges=["a -> b"])
    assert_type(made.nodes, list[str])
    assert_type(made.topological_order(), list[str])
    assert_type(PipelineDAG.load("dag.yaml"), PipelineDAG)
    assert_type(made.to_dict(), dict[str, Any])


def compiler(config: Path) -> None:
    made = PipelineDAGCompiler(config, plugins=[])
    assert_type(made.compile(), Pipeline)
    template: PipelineTemplateBase = made.create_template()
    assert_type(template.generate_pipeline(), Pipeline)
    assert_type(made.validate().errors, tuple[Diagnostic, ...])
    assert_type(made.compile_definition().definition, str)
    assert_type(dagcast.compile_dag_to_pipeline(None, config), Pipeline)


def local_run(config: Path) -> None:
    result = dagcast.run(config, inputs={"s3://bucket/data": Path("data")}, jobs=4)
    assert_type(result, dagcast.RunResult)
    assert_type(result.steps["train"].outputs["model"], Path)
    assert_type(result.steps["train"].metrics["auc"], float)
    dagcast.run(config, runner="dockr")  # type: ignore[arg-type]


def pipeline(made: Pipeline) -> None:
    assert_type(made.definition(), str)
    assert_type(made.upsert(role_arn="arn"), dict[str, Any])
    assert_type(made.describe(), dict[str, Any])
    made.start({"Threshold": 0.5}, execution_display_name="x")
    made.start(parameter={})  # type: ignore[call-arg]
    made.upsrt()  # type: ignore[attr-defined]


def mods(config: Path) -> None:
    assert_type(mods_plugin.compile_mods_dag_to_pipeline(None, config), Pipeline)
    assert_type(mods_plugin.MODSPipelineDAGCompiler(config).compile(), Pipeline)
    assert_type(mods_plugin.default_execution_document(object()), dict[str, Any])


def plugin(spec: PipelineSpec, step: StepSpec, locate: Callable[[str, str], Location | None]) -> None:
    assert_type(put(step, "ResourceConfig.InstanceCount", 2), StepSpec)
    assert_type(spec.steps, tuple[StepSpec, ...])
    assert_type(locate("a", "Arguments"), Location | None)
    assert_type(Diagnostic("late", code="acme.late").as_dict(), dict[str, object])
    Diagnostic("late")  # type: ignore[call-arg]
    assert_type(PluginRequest().disabled, tuple[str, ...])


def report(made: CompileReport) -> None:
    assert_type(made.digest, str)
