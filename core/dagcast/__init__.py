"""dagcast: a DAG and a config file become an Amazon SageMaker Pipeline."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dagcast.compile.config.models import BasePipelineConfig
    from dagcast.compile.config.pipeline_dag import PipelineDAG
    from dagcast.compiler import PipelineDAGCompiler, compile_dag_to_pipeline
    from dagcast.errors import (
        DagcastError,
        InvalidInputError,
        PluginError,
        SDKError,
        StagingError,
    )
    from dagcast.local_run import run
    from dagcast.run_result import RunResult, RunStep
    from dagcast.sagemaker.pipeline_protocol import Pipeline
    from dagcast.template import DynamicPipelineTemplate, PipelineTemplateBase

_HOMES = {
    "BasePipelineConfig": "dagcast.compile.config.models",
    "DagcastError": "dagcast.errors",
    "DynamicPipelineTemplate": "dagcast.template",
    "InvalidInputError": "dagcast.errors",
    "Pipeline": "dagcast.sagemaker.pipeline_protocol",
    "PipelineDAG": "dagcast.compile.config.pipeline_dag",
    "PipelineDAGCompiler": "dagcast.compiler",
    "PipelineTemplateBase": "dagcast.template",
    "PluginError": "dagcast.errors",
    "RunResult": "dagcast.run_result",
    "RunStep": "dagcast.run_result",
    "SDKError": "dagcast.errors",
    "StagingError": "dagcast.errors",
    "compile_dag_to_pipeline": "dagcast.compiler",
    "run": "dagcast.local_run",
}

__all__ = [
    "BasePipelineConfig",
    "DagcastError",
    "DynamicPipelineTemplate",
    "InvalidInputError",
    "Pipeline",
    "PipelineDAG",
    "PipelineDAGCompiler",
    "PipelineTemplateBase",
    "PluginError",
    "RunResult",
    "RunStep",
    "SDKError",
    "StagingError",
    "__version__",
    "compile_dag_to_pipeline",
    "run",
]


def __getattr__(name: str) -> Any:
    # Lazy, so that importing dagcast costs nothing until something of it is used.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
