"""A registered version as a folder with config and code, and compiling what is in it."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from dagcast import DynamicPipelineTemplate
from dagcast.artifacts import Compilation, lock_differences
from dagcast.plugin import InvalidInputError, PluginError
from mods_plugin.compiler import MODSPipelineDAGCompiler
from mods_plugin.options import ModsOptions
from mods_plugin.registry.capture import made_with
from mods_plugin.registry.compare import definition_diff
from mods_plugin.registry.errors import NotReproducedError, RegistryError
from mods_plugin.registry.record import TemplateVersion
from mods_plugin.resolve import NamedDecoratorError, resolve_decorator

CONFIG = "pipeline.json"

ReadCode = Callable[[str], bytes]
"""Gives the bytes of staged code by digest."""


def write_project(template: TemplateVersion, read: ReadCode, folder: Path) -> Path:
    """Write a version into a folder: one config, which holds the DAG, and the code that it names.

    Code that lies above the config's folder keeps its place: the config lies that much deeper.

    Args:
        template: The version.
        read: Gives the bytes of staged code.
        folder: An empty folder.

    Returns:
        The config file.

    Raises:
        RegistryError: If what is registered would lead out of the folder.
    """
    top = folder.resolve()
    named = [item for item in template.staged if item.form != "text"]
    depth = max((_steps_up(item.source) for item in named), default=0)
    root = top.joinpath(*["config"] * depth)
    root.mkdir(parents=True, exist_ok=True)
    # A script knows whether it may be executed, and the same file staged as it is does not: that is written first.
    for item in sorted(named, key=lambda item: item.form != "file"):
        _make_way(root, item.source, top)
        place = _inside(root, item.source, top)
        if item.form == "archive":
            _unpack(read(item.sha256), place, top)
        elif item.form == "script":
            _unpack(read(item.sha256), place.parent, top)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(read(item.sha256))
    config = root / CONFIG
    text = json.dumps(_self_contained(template), indent=2, ensure_ascii=False)
    config.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return config


def compiler_of(
    template: TemplateVersion, config: Path, sagemaker_session: Any = None
) -> MODSPipelineDAGCompiler:
    """A compiler with the config, plugins and metadata that are registered, and nothing of this machine.

    Args:
        template: The version.
        config: Its config file, as :func:`write_project` wrote it.
        sagemaker_session: The session that pipelines will use.
    """
    names = [str(plugin["name"]) for plugin in template.plugins]
    stated = {**template.metadata, "mods": {**template.metadata["mods"], "decorator": _decorator(template)}}
    return MODSPipelineDAGCompiler(config, sagemaker_session, template.role, plugins=names, metadata=stated)


def reproduce(template: TemplateVersion, config: Path) -> Compilation:
    """Compile a version again; plugins are told, as by every compile.

    Args:
        template: The version.
        config: Its config file, as :func:`write_project` wrote it.

    Raises:
        NotReproducedError: If the plugins differ from those that made it, or it does not compile to the same bytes.
        PluginError: If a plugin fails.
    """
    compiler = compiler_of(template, config)
    check_plugins(template, compiler)
    try:
        compilation = compiler.compile_definition()
    except InvalidInputError as error:
        _refuse(template, "it does not compile here", [str(item) for item in error.diagnostics])
    compare(template, compilation.definition)
    return compilation


def rehearse(template: TemplateVersion, config: Path) -> None:
    """Find out whether a version could be compiled from what is registered; plugins are not told.

    Raises:
        RegistryError: If it could not.
    """
    try:
        made: DynamicPipelineTemplate = compiler_of(template, config).create_template()
        definition = made.compilation.definition
    except InvalidInputError as error:
        raise RegistryError(
            f"{template.name} {template.version} needs more than the registry can hold, such as classes of your own; "
            f"without that:\n{error}"
        ) from error
    if definition != template.definition:
        raise RegistryError(
            f"{template.name} {template.version} needs more than the registry can hold, such as classes of your own; "
            f"without that it is another pipeline:\n{definition_diff(template.definition, definition)}"
        )


def check_plugins(template: TemplateVersion, compiler: MODSPipelineDAGCompiler) -> None:
    """Refuse other plugins than those that made a version.

    Raises:
        NotReproducedError: With every difference, or why the plugins cannot be loaded.
    """
    problem = "the plugins are not those that made it"
    try:
        running = compiler.plugins.lock()
    except PluginError as error:
        _refuse(template, problem, [str(error)])
    differences = lock_differences(template.plugins, running)
    if differences:
        _refuse(template, problem, differences)


def compare(template: TemplateVersion, definition: str) -> None:
    """Refuse another definition than the one that is registered.

    Raises:
        NotReproducedError: With the diff, and the versions of what makes definitions.
    """
    if definition == template.definition:
        return
    here = made_with()
    others = [
        f"{name} is {here.get(name)}, it was {before}"
        for name, before in template.made_with.items()
        if here.get(name) != before
    ]
    diff = definition_diff(template.definition, definition)
    _refuse(template, "it compiles to another definition here", [*others, diff])


def _refuse(template: TemplateVersion, problem: str, reasons: list[str]) -> NoReturn:
    raise NotReproducedError(template.name, template.version, problem, reasons)


def _decorator(template: TemplateVersion) -> str | None:
    """Which decorator runs here; the report is to say so, whichever ran when the version was registered."""
    try:
        options = ModsOptions.model_validate(
            template.config.get("plugins", {}).get("options", {}).get("mods", {})
        )
        return resolve_decorator(options).place
    except (ValidationError, NamedDecoratorError):
        # The plugin will say so with more around it.
        return None


def _self_contained(template: TemplateVersion) -> dict[str, Any]:
    """The config with the DAG in it: its steps are the nodes, in their order."""
    steps = template.config.get("steps") or {}
    dag = template.dag
    return {
        **template.config,
        "steps": {node: steps[node] for node in dag["nodes"]},
        "edges": dag["edges"],
    }


def _steps_up(source: str) -> int:
    """How many folders above the config's a path leads, at its highest."""
    here = highest = 0
    for part in source.split("/"):
        here += -1 if part == ".." else 0 if part in ("", ".") else 1
        highest = max(highest, -here)
    return highest


def _make_way(root: Path, source: str, top: Path) -> None:
    """Make the folders that a path enters only to leave them again: ``code/../load.py`` needs ``code``."""
    parts = source.split("/")
    for length in range(1, len(parts)):
        if parts[length] == "..":
            _inside(root, "/".join(parts[:length]), top).mkdir(parents=True, exist_ok=True)


def _inside(folder: Path, name: str, top: Path) -> Path:
    """A place below a folder, which must be inside of ``top``; what the registry says is not trusted with the disk."""
    parts = name.replace("\\", "/").split("/")
    place = folder
    for part in parts:
        if part == "..":
            place = place.parent
        elif part not in ("", "."):
            place = place / part
        if not place.is_relative_to(top):
            break
    if name.startswith("/") or "\0" in name or not place.is_relative_to(top) or place == top:
        raise RegistryError(f"the registry is damaged: {name!r} leads out of the project")
    return place


def _unpack(archive: bytes, folder: Path, top: Path) -> None:
    """Unpack an archive that dagcast made: regular files, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                if content is None:
                    raise RegistryError(f"the registry is damaged: {member.name!r} is no file")
                place = _inside(folder, member.name, folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                # One archive is in memory at a time; the files in it, which may be many times larger, never are.
                with place.open("wb") as file:
                    shutil.copyfileobj(content, file)
                place.chmod(0o755 if member.mode & 0o100 else 0o644)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RegistryError(f"the registry is damaged: an archive cannot be unpacked: {error}") from error
