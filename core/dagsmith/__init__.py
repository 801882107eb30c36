"""dagsmith: a DAG and a config file become an Amazon SageMaker Pipeline."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dagsmith.compiler import PipelineDAGCompiler, compile_dag_to_pipeline
    from dagsmith.dag import PipelineDAG
    from dagsmith.errors import DagsmithError
    from dagsmith.load.models import BasePipelineConfig
    from dagsmith.template import DynamicPipelineTemplate, PipelineTemplateBase

_HOMES = {
    "BasePipelineConfig": "dagsmith.load.models",
    "DagsmithError": "dagsmith.errors",
    "DynamicPipelineTemplate": "dagsmith.template",
    "PipelineDAG": "dagsmith.dag",
    "PipelineDAGCompiler": "dagsmith.compiler",
    "PipelineTemplateBase": "dagsmith.template",
    "compile_dag_to_pipeline": "dagsmith.compiler",
}

__all__ = [
    "BasePipelineConfig",
    "DagsmithError",
    "DynamicPipelineTemplate",
    "PipelineDAG",
    "PipelineDAGCompiler",
    "PipelineTemplateBase",
    "__version__",
    "compile_dag_to_pipeline",
]


def __getattr__(name: str) -> Any:
    # Lazy, so that importing dagsmith costs nothing until something of it is used.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
