"""From a config to what is registered: a compile, and all that it takes to repeat it on another machine."""

from __future__ import annotations

import getpass
import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagcast.plugin import (
    BasePipelineConfig,
    ConfigLike,
    Diagnostic,
    InvalidInputError,
    PipelineConfig,
    PluginError,
    thaw,
)
from mods_plugin.compiler import DAGLike, MODSPipelineDAGCompiler
from mods_plugin.metadata import NAME, VERSION
from mods_plugin.registry.errors import RegistryError
from mods_plugin.registry.record import StagedObject, TemplateVersion
from mods_plugin.sources import DEFAULT, TEMPLATE_CLASS

if TYPE_CHECKING:
    from dagcast.artifacts import CodeUse, Compilation, StagedCode


@dataclass(frozen=True)
class Captured:
    """A compile, ready to be registered.

    Attributes:
        template: The version.
        code: The staged code, file by file; the manifest without its files.
        warnings: What the compile warned of.
    """

    template: TemplateVersion
    code: tuple[StagedCode, ...]
    warnings: tuple[Diagnostic, ...]


def capture(
    config: ConfigLike,
    dag: DAGLike | None,
    *,
    env: str | None,
    plugins: Iterable[Any] | Any | None,
    role: str | None,
    metadata: Mapping[str, Any],
) -> Captured:
    """Compile, and keep what is needed to do it again.

    Raises:
        InvalidInputError: With every mistake in the config and the DAG, and if nothing gives the version.
        PluginError: If a plugin is missing, broken, or exists only in this process.
        RegistryError: If the config cannot be written down.
    """
    compiler = MODSPipelineDAGCompiler(config, role=role, env=env, plugins=plugins, metadata=metadata)
    template = compiler.create_template(dag)
    # Not generate_definition(): what plugins do around a compile is done when the version is compiled.
    compilation = template.compilation
    loaded = compiler.load()
    report = compilation.report
    sources = report.metadata["mods"]["sources"]
    if sources[VERSION] == DEFAULT:
        place = loaded.source.locate(("pipeline",))
        hint = "set pipeline.version or plugins.options.mods.version"
        message = "nothing gives the template's version, under which it is registered"
        raise InvalidInputError([Diagnostic(message, place, code="mods.metadata", hint=hint)])
    for active in compiler.plugins.plugins:
        if active.loaded.entry is None:
            problem = "it is an object of this process, and other machines have no such plugin"
            raise PluginError(active.name, problem, "package it, with an entry point in group dagcast")
    stated = sources[NAME] != TEMPLATE_CLASS
    moved = _moved(compilation.code, loaded)
    record = TemplateVersion(
        name=str(report.metadata[NAME]) if stated else report.pipeline,
        version=str(report.metadata[VERSION]),
        pipeline=report.pipeline,
        metadata=thaw(report.metadata),
        dag=template.dag.to_dict(),
        config=_portable(loaded, moved),
        role=role,
        definition=compilation.definition,
        definition_sha256=report.digest,
        plugins=tuple(dict(plugin) for plugin in report.plugins),
        staged=_manifest(compilation, moved),
        made_with=made_with(),
        registered_by=user(),
    )
    return Captured(record, _objects(compilation), report.warnings)


def user() -> str:
    """The user of the system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run as a number that has no name.
        return "unknown"


def made_with() -> dict[str, Any]:
    """The versions on which a definition may depend."""
    from importlib_metadata import PackageNotFoundError, version

    found: dict[str, Any] = {"python": platform.python_version()}
    for distribution in ("dagcast", "mods-plugin", "sagemaker", "botocore"):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            found[distribution] = None
    return found


def _objects(compilation: Compilation) -> tuple[StagedCode, ...]:
    """All staged code, by its use: files of the same content are one object, and two files."""
    used = [code for use in compilation.code for code in use.objects]
    known = {code.uri for code in used}
    added = [code for code in compilation.spec.staged if code.uri not in known]
    return tuple({(code.uri, code.source, code.form): code for code in (*used, *added)}.values())


def _manifest(compilation: Compilation, moved: Mapping[str, str]) -> tuple[StagedObject, ...]:
    return tuple(
        StagedObject(code.uri, code.digest, code.size, _moved_path(code.source, moved), code.form)
        for code in _objects(compilation)
    )


def _moved(code: tuple[CodeUse, ...], config: PipelineConfig) -> dict[str, str]:
    """Absolute paths of code, and what is written in their place: the way there from the config's folder."""
    paths = [path for use in code for path in use.paths if os.path.isabs(path)]  # noqa: PTH117
    try:
        return {path: os.path.relpath(path, config.root).replace(os.sep, "/") for path in paths}
    except ValueError as error:
        raise RegistryError(f"code and config are on different drives: {error}") from error


def _moved_path(path: str, moved: Mapping[str, str]) -> str:
    for before, after in moved.items():
        if path == before or path.startswith(f"{before.rstrip('/')}/"):
            return after + path[len(before.rstrip("/")) :]
    return path


def _portable(config: PipelineConfig, moved: Mapping[str, str]) -> dict[str, Any]:
    """The resolved config as data that any machine can read."""
    data: dict[str, Any] = thaw(config.source.data)
    for section in ("defaults", "steps"):
        if section in data and moved:
            data[section] = _replaced(data[section], moved)
    pipeline = data.get("pipeline")
    if type(config.pipeline) is not BasePipelineConfig and isinstance(pipeline, dict):
        # Fields of the user's own class need that class. What they say to MODS is in the metadata.
        known = _spellings()
        data["pipeline"] = {key: value for key, value in pipeline.items() if key in known}
    try:
        # What JSON spells otherwise (a whole float, a tuple) is to be the same before and after.
        written: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RegistryError(f"the config is not JSON data: {error}") from error
    return written


def _spellings() -> set[str]:
    known: set[str] = set()
    for name, info in BasePipelineConfig.model_fields.items():
        known.add(name)
        known.update(str(choice) for choice in getattr(info.validation_alias, "choices", ()))
    return known


def _replaced(value: Any, moved: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, moved) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, moved) for item in value]
    return moved.get(value, value) if isinstance(value, str) else value
