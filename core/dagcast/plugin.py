"""The public names for plugins.

Names of this namespace are stable for each :data:`API_VERSION`: names are added, but not changed or removed. Other
modules of dagcast may move. How to write a plugin: ``docs/writing-plugins.md``.

Example:
    A plugin that adds a tag to each pipeline::

        @hookimpl
        def transform_spec(spec: PipelineSpec) -> PipelineSpec:
            return replace(spec, tags=(*spec.tags, ("team", "risk")))
"""

from __future__ import annotations

from dagcast.check.rules.combinators import (
    at_most,
    at_most_one_of,
    each,
    exactly_one_of,
    excludes,
    needs,
    only_with,
    unique,
)
from dagcast.check.rules.request_body import UNKNOWN, Finding, RequestBody
from dagcast.check.rules.rule import PipelineFacts, Rule
from dagcast.compile.bind.ports import InputPort, OutputPort
from dagcast.compile.config.config import ConfigLike, PipelineConfig, open_config
from dagcast.compile.config.fields import (
    BoolOrReference,
    CoercedStrOrReference,
    ConfigModel,
    FloatOrReference,
    FreeMapping,
    IntOrReference,
    StrOrReference,
)
from dagcast.compile.config.models import BasePipelineConfig, ParameterConfig
from dagcast.compile.config.pipeline_dag import DAGLike, PipelineDAG
from dagcast.compile.config.step import (
    Cached,
    InputConfig,
    Retried,
    StepConfig,
    To,
    WithInputs,
    WithOutputs,
)
from dagcast.compile.document.document import Document, document_from_data, read_document
from dagcast.compile.report import CompileReport
from dagcast.compile.spec.changes import Change
from dagcast.compile.spec.edit import has, put, remove, value_at
from dagcast.compile.spec.pipeline import ParameterSpec, PipelineSpec, PropertyShape, RequestShape, StepSpec
from dagcast.compile.steps.lowering import Lowering
from dagcast.compile.steps.step_type import StepType
from dagcast.dag import Edge
from dagcast.definition.property_paths import parse_property_path
from dagcast.definition.references import (
    ExecutionVariable,
    Join,
    JsonGet,
    ParameterRef,
    Reference,
    StepProperty,
    references,
)
from dagcast.definition.values import FrozenDict, freeze, thaw
from dagcast.errors import (
    Diagnostic,
    DiagnosticSink,
    InvalidInputError,
    Location,
    PluginError,
    did_you_mean,
)
from dagcast.paths import FieldPath, format_path, to_path
from dagcast.plugins.api_version import API_VERSION
from dagcast.plugins.call_hooks import notify_compiled
from dagcast.plugins.distributions import find_distributions
from dagcast.plugins.hooks import HOOKS, hookimpl
from dagcast.plugins.join_classes import mixin
from dagcast.plugins.select import PluginRequest
from dagcast.plugins.verify_compiled import compile_verified
from dagcast.sagemaker.data_fields import DataFields, data_fields
from dagcast.sagemaker.instances import has_local_storage
from dagcast.sagemaker.limits import DESCRIPTION_MAX_LENGTH, TAG_VALUE_MAX_LENGTH
from dagcast.sagemaker.path_patterns import EACH, FieldPattern, find_values
from dagcast.sagemaker.request_fields import RequestField, RequestFields, request_fields, step_fields

__all__ = [
    "API_VERSION",
    "DESCRIPTION_MAX_LENGTH",
    "EACH",
    "HOOKS",
    "TAG_VALUE_MAX_LENGTH",
    "UNKNOWN",
    "BasePipelineConfig",
    "BoolOrReference",
    "Cached",
    "Change",
    "CoercedStrOrReference",
    "CompileReport",
    "ConfigLike",
    "ConfigModel",
    "DAGLike",
    "DataFields",
    "Diagnostic",
    "DiagnosticSink",
    "Document",
    "Edge",
    "ExecutionVariable",
    "FieldPath",
    "FieldPattern",
    "Finding",
    "FloatOrReference",
    "FreeMapping",
    "FrozenDict",
    "InputConfig",
    "InputPort",
    "IntOrReference",
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
    "PipelineFacts",
    "PipelineSpec",
    "PluginError",
    "PluginRequest",
    "PropertyShape",
    "Reference",
    "RequestBody",
    "RequestField",
    "RequestFields",
    "RequestShape",
    "Retried",
    "Rule",
    "StepConfig",
    "StepProperty",
    "StepSpec",
    "StepType",
    "StrOrReference",
    "To",
    "WithInputs",
    "WithOutputs",
    "at_most",
    "at_most_one_of",
    "compile_verified",
    "data_fields",
    "did_you_mean",
    "document_from_data",
    "each",
    "exactly_one_of",
    "excludes",
    "find_distributions",
    "find_values",
    "format_path",
    "freeze",
    "has",
    "has_local_storage",
    "hookimpl",
    "mixin",
    "needs",
    "notify_compiled",
    "only_with",
    "open_config",
    "parse_property_path",
    "put",
    "read_document",
    "references",
    "remove",
    "request_fields",
    "step_fields",
    "thaw",
    "to_path",
    "unique",
    "value_at",
]
