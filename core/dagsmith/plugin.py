"""Everything that a plugin may import.

This namespace is frozen for each :data:`API_VERSION`: names are added to it, never changed or taken away. The rest of
dagsmith may move. How to write a plugin: ``docs/writing-plugins.md``.
"""

from __future__ import annotations

from dagsmith.bind.ports import InputPort, OutputPort
from dagsmith.dag import Edge, PipelineDAG
from dagsmith.errors import (
    Diagnostic,
    DiagnosticSink,
    InvalidInputError,
    Location,
    PluginError,
    did_you_mean,
)
from dagsmith.load.config import ConfigLike, PipelineConfig
from dagsmith.load.document import Document, document_from_data, read_document
from dagsmith.load.fields import ConfigModel, Flag, FreeMapping, Real, Stringly, Text, Whole
from dagsmith.load.models import BasePipelineConfig, ParameterConfig
from dagsmith.lower.request import Lowering
from dagsmith.plugins.hooks import API_VERSION, HOOKS, hookimpl
from dagsmith.plugins.metaclass import mixin
from dagsmith.plugins.provenance import Change
from dagsmith.report import CompileReport
from dagsmith.spec.edit import has, put, remove, value_at
from dagsmith.spec.pipeline import ParameterSpec, PipelineSpec, PropertyShape, RequestShape, StepSpec
from dagsmith.spec.values import (
    ExecutionVariable,
    FrozenDict,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
    freeze,
    references,
    thaw,
)
from dagsmith.steps.base import Cached, InputConfig, Retried, StepConfig, StepType, To, WithInputs

__all__ = [
    "API_VERSION",
    "HOOKS",
    "BasePipelineConfig",
    "Cached",
    "Change",
    "CompileReport",
    "ConfigLike",
    "ConfigModel",
    "Diagnostic",
    "DiagnosticSink",
    "Document",
    "Edge",
    "ExecutionVariable",
    "Flag",
    "FreeMapping",
    "FrozenDict",
    "InputConfig",
    "InputPort",
    "InvalidInputError",
    "Join",
    "JsonGet",
    "Location",
    "Lowering",
    "OutputPort",
    "ParameterConfig",
    "ParameterRef",
    "ParameterSpec",
    "PipelineConfig",
    "PipelineDAG",
    "PipelineSpec",
    "PluginError",
    "PropertyShape",
    "Real",
    "Reference",
    "RequestShape",
    "Retried",
    "StepConfig",
    "StepProperty",
    "StepSpec",
    "StepType",
    "Stringly",
    "Text",
    "To",
    "Whole",
    "WithInputs",
    "did_you_mean",
    "document_from_data",
    "freeze",
    "has",
    "hookimpl",
    "mixin",
    "put",
    "read_document",
    "references",
    "remove",
    "thaw",
    "value_at",
]
