"""MODS for dagcast: template metadata, standard parameters, execution documents, and a registry of templates."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mods_plugin.compiler import MODSPipelineDAGCompiler as MODSPipelineDAGCompiler
    from mods_plugin.compiler import compile_mods_dag_to_pipeline as compile_mods_dag_to_pipeline
    from mods_plugin.decorator import MODSTemplate as MODSTemplate
    from mods_plugin.decorator import MODSTemplateInner as MODSTemplateInner
    from mods_plugin.decorator import extract_template_list as extract_template_list
    from mods_plugin.execution_document import default_execution_document as default_execution_document
    from mods_plugin.template_class import build_mods_template_class as build_mods_template_class

_HOMES = {
    "MODSPipelineDAGCompiler": "mods_plugin.compiler",
    "MODSTemplate": "mods_plugin.decorator",
    "MODSTemplateInner": "mods_plugin.decorator",
    "build_mods_template_class": "mods_plugin.template_class",
    "compile_mods_dag_to_pipeline": "mods_plugin.compiler",
    "default_execution_document": "mods_plugin.execution_document",
    "extract_template_list": "mods_plugin.decorator",
}

__all__ = [
    "MODSPipelineDAGCompiler",
    "MODSTemplate",
    "MODSTemplateInner",
    "build_mods_template_class",
    "compile_mods_dag_to_pipeline",
    "default_execution_document",
    "extract_template_list",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
