"""Compile a config and collect everything that is necessary to repeat the compile on another machine."""

from __future__ import annotations

import getpass
import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagcast.artifacts import mask_options_of
from dagcast.plugin import (
    BasePipelineConfig,
    ConfigLike,
    DAGLike,
    Diagnostic,
    InvalidInputError,
    PipelineConfig,
    PluginError,
    compile_verified,
    thaw,
)
from mods_plugin.compiler import MODSPipelineDAGCompiler
from mods_plugin.metadata import NAME, VERSION
from mods_plugin.metadata_sources import DEFAULT, TEMPLATE_CLASS
from mods_plugin.registry.errors import RegistryError
from mods_plugin.registry.records import StagedObject, TemplateVersion

if TYPE_CHECKING:
    from dagcast.artifacts import CodeUse, Compilation, PluginSet, StagedCode


@dataclass(frozen=True)
class Captured:
    """A compiled template, ready to register.

    Attributes:
        template: The version.
        code: The staged code of each use.
        warnings: The warnings of the compile.
        policies: The files of the site policy that held.
    """

    template: TemplateVersion
    code: tuple[StagedCode, ...]
    warnings: tuple[Diagnostic, ...]
    policies: tuple[Mapping[str, Any], ...] = ()


def capture(
    config: ConfigLike,
    dag: DAGLike | None,
    *,
    env: str | None,
    plugins: Iterable[Any] | Any | None,
    role: str | None,
    metadata: Mapping[str, Any],
) -> Captured:
    """Compile a config and collect its registered content.

    Raises:
        InvalidInputError: With every mistake in the config and the DAG, and if there is no version.
        PluginError: If a plugin is missing, broken, or exists only in this process.
        RegistryError: If the config is not JSON-compatible.
    """
    compiler = MODSPipelineDAGCompiler(config, role=role, env=env, plugins=plugins, metadata=metadata)
    template = compiler.create_template(dag)
    # Not generate_definition(): plugins receive the events of a compile when the version is compiled.
    compilation = compile_verified(template)
    loaded = compiler.load()
    report = compilation.report
    sources = report.metadata["mods"]["sources"]
    if sources[VERSION] == DEFAULT:
        place = loaded.source.locate(("pipeline",))
        hint = "set pipeline.version or plugins.options.mods.version"
        message = "missing version of the template, which registering requires"
        raise InvalidInputError([Diagnostic(message, place, code="mods.metadata", hint=hint)])
    for active in compiler.plugins.plugins:
        if active.loaded.entry is None:
            problem = "it is an object of this process, and does not exist on other machines"
            raise PluginError(active.name, problem, "package it, with an entry point in group dagcast")
    stated = sources[NAME] != TEMPLATE_CLASS
    moved = _relative_paths(compilation.code, loaded)
    record = TemplateVersion(
        name=str(report.metadata[NAME]) if stated else report.pipeline,
        version=str(report.metadata[VERSION]),
        pipeline=report.pipeline,
        metadata=thaw(report.metadata),
        dag=template.dag.to_dict(),
        config=_portable(loaded, moved, compiler.plugins),
        role=role,
        definition=compilation.definition,
        definition_sha256=report.digest,
        plugins=tuple(dict(plugin) for plugin in report.plugins),
        staged=_manifest(compilation, moved),
        made_with=made_with(),
        registered_by=current_user(),
    )
    return Captured(record, _objects(compilation), report.warnings, report.policies)


def current_user() -> str:
    """Return the name of the operating-system user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run as a user id without a name.
        return "unknown"


def made_with() -> dict[str, Any]:
    """Return the versions of the tools that a definition may depend on."""
    from importlib_metadata import PackageNotFoundError, version

    found: dict[str, Any] = {"python": platform.python_version()}
    for distribution in ("dagcast", "mods-plugin", "sagemaker", "botocore"):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            found[distribution] = None
    return found


def _objects(compilation: Compilation) -> tuple[StagedCode, ...]:
    """Return all staged code, one item for each use, even if the content is the same."""
    used = [code for use in compilation.code for code in use.objects]
    known = {code.uri for code in used}
    added = [code for code in compilation.spec.staged if code.uri not in known]
    return tuple({(code.uri, code.source, code.form): code for code in (*used, *added)}.values())


def _manifest(compilation: Compilation, moved: Mapping[str, str]) -> tuple[StagedObject, ...]:
    return tuple(
        StagedObject(code.uri, code.digest, code.size, _moved_path(code.source, moved), code.form)
        for code in _objects(compilation)
    )


def _relative_paths(code: tuple[CodeUse, ...], config: PipelineConfig) -> dict[str, str]:
    """Map absolute paths of code to paths relative to the config's folder."""
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


def _portable(config: PipelineConfig, moved: Mapping[str, str], plugins: PluginSet) -> dict[str, Any]:
    """Return the resolved config as JSON data that does not depend on this machine, and holds no secret option."""
    data: dict[str, Any] = thaw(config.source.data)
    section = data.get("plugins")
    if isinstance(section, dict) and isinstance(section.get("options"), dict):
        data["plugins"] = {**section, "options": mask_options_of(plugins, section["options"])}
    for section in ("defaults", "steps"):
        if section in data and moved:
            data[section] = _replaced(data[section], moved)
    pipeline = data.get("pipeline")
    if type(config.pipeline) is not BasePipelineConfig and isinstance(pipeline, dict):
        # Fields of the user's own class need that class. Those for MODS are in the metadata.
        known = _spellings()
        data["pipeline"] = {key: value for key, value in pipeline.items() if key in known}
    try:
        # Round-trip through JSON, so that values that JSON changes (tuples, say) compare equal after reading.
        written: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise RegistryError(f"the config is not JSON-compatible: {error}") from error
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
