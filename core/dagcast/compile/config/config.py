"""The typed config of a pipeline, and how it is read from a file or taken from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from dagcast.compile.config.environments import ConfigSource, choose_environment
from dagcast.compile.config.model_data import model_data
from dagcast.compile.config.models import BasePipelineConfig, ParameterConfig, PluginsConfig
from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.config.step import StepConfig
from dagcast.compile.config.validation_errors import report_validation
from dagcast.compile.document.document import document_from_data, read_document
from dagcast.errors import Diagnostic, DiagnosticSink, InvalidInputError
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath
from dagcast.staging.code_limit import CodeLimit, project_folder

ConfigLike = str | os.PathLike[str] | Mapping[str, Any] | BaseModel
"""A config: a file, or its content as a mapping or a pydantic model."""


class StepTypes(Protocol):
    """The step types that a config may use, by name; each has a model ``config``.

    Implemented by :class:`dagcast.compile.steps.catalog.StepCatalog`.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all step types."""

    def __contains__(self, name: object, /) -> bool: ...

    def __getitem__(self, name: str, /) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """The validated content of a config.

    Attributes:
        source: The layers it came from; gives the place of each value.
        root: The folder that paths in the config are relative to.
        pipeline: The base config.
        parameters: The pipeline's parameters, by name.
        steps: The configs of the steps, by name.
        plugins: Which plugins are asked for.
        ignore_rules: The ids of the rules to ignore, each with the reason, or an empty text.
        dag: The DAG of the config's own ``edges``; its nodes are the steps.
        catalog: The step types that the config may use.
        invalid_steps: Names of steps whose config is too wrong to go on with; why is reported.
        project: The folder of the project that the config file is in; ``None`` for a config from Python.
        code_limit: The only code that may be staged, if it is limited.
        local: Whether the pipeline is compiled to run on this machine alone: stand-ins replace what it lacks.
        stand_ins: Which of ``role`` and ``bucket`` of the base config are stand-ins.
        incomplete: Names of steps that lack fields which were wrong, ``pipeline`` among them for the base
            config; why is reported. They are only good for finding further mistakes.
        unclear_nodes: Nodes of ``dag`` that wrong edges may have been meant to end at; those edges are reported.
        unread_steps: Names of steps with fields that nothing has; one of them may have been meant to declare ports.
        warnings: The warnings that reading it caused, which every compile reports.
    """

    source: ConfigSource
    root: Path
    pipeline: BasePipelineConfig
    parameters: Mapping[str, ParameterConfig]
    steps: Mapping[str, StepConfig]
    plugins: PluginsConfig
    ignore_rules: Mapping[str, str]
    dag: PipelineDAG
    catalog: StepTypes
    invalid_steps: frozenset[str] = frozenset()
    incomplete: frozenset[str] = frozenset()
    unclear_nodes: frozenset[str] = frozenset()
    unread_steps: frozenset[str] = frozenset()
    project: Path | None = None
    code_limit: CodeLimit | None = None
    local: bool = False
    stand_ins: frozenset[str] = frozenset()
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpenedConfig:
    """A config that is read but not validated, since its plugins decide which step types it may use.

    :func:`dagcast.compile.config.validate_config.validate_config` validates it.

    Attributes:
        source: The layers it is made of.
        root: The folder that paths in it are relative to.
        plugins: Which plugins it asks for.
        models: By path: the pydantic models that were passed from Python.
        project: The folder of the project that the config file is in; ``None`` for a config from Python.
        code_limit: The only code that may be staged, if it is limited.
        local: Whether the pipeline is compiled to run on this machine alone.
    """

    source: ConfigSource
    root: Path
    plugins: PluginsConfig
    models: Mapping[FieldPath, type[BaseModel]]
    project: Path | None = None
    code_limit: CodeLimit | None = None
    local: bool = False


def open_config(config: ConfigLike, sink: DiagnosticSink, *, env: str | None = None) -> OpenedConfig | None:
    """Read a config, merge an environment over it, and validate its ``plugins`` section.

    Args:
        config: A file (YAML, JSON or TOML), or the same content as a mapping or a model from Python. In a
            mapping, ``pipeline`` and each step may be pydantic models of the user's own.
        sink: Takes every mistake.
        env: The environment to lay over it.

    Returns:
        The config, or ``None`` where it cannot be read at all.

    Example:
        >>> sink = DiagnosticSink()
        >>> opened = open_config({"pipeline": {"name": "churn"}, "plugins": {"enable": ["owner"]}}, sink)
        >>> opened.plugins.enable
        ('owner',)
    """
    models: dict[FieldPath, type[BaseModel]] = {}
    project: Path | None = None
    try:
        if isinstance(config, (str, os.PathLike)):
            document = read_document(config)
            root = Path(config).absolute().parent
            project = project_folder(root)
        else:
            document = document_from_data(model_data(config, models), "<config>")
            root = Path.cwd()
    except InvalidInputError as error:
        sink.extend(error.diagnostics)
        return None
    source = choose_environment(document, env, sink)
    plugins = _plugins(source, sink)
    return OpenedConfig(
        source=source, root=root, plugins=plugins, models=MappingProxyType(models), project=project
    )


def _plugins(source: ConfigSource, sink: DiagnosticSink) -> PluginsConfig:
    section = source.merged.get("plugins")
    try:
        return PluginsConfig.model_validate({} if section is None else section)
    except ValidationError as error:
        found = DiagnosticSink()
        report_validation(
            error,
            "plugins",
            PluginsConfig,
            lambda tail, *, key=False: source.locate(("plugins", *tail), key=key),
            found,
        )
        # Options may be secret: a value in the place of all options of a plugin is not repeated.
        sink.extend(
            replace(item, message=item.message.partition(", got ")[0], hint=None)
            if "options" in item.message
            else item
            for item in found.diagnostics
        )
        return PluginsConfig()
