"""Write a registered version to a folder as config and code, and compile it there."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from dagcast import DynamicPipelineTemplate
from dagcast.artifacts import CodeLimit, Compilation, lock_differences
from dagcast.plugin import InvalidInputError, PluginError
from mods_plugin.compiler import MODSPipelineDAGCompiler
from mods_plugin.options import ModsOptions
from mods_plugin.registry.capture import made_with
from mods_plugin.registry.compare import definition_diff
from mods_plugin.registry.errors import NotReproducedError, RegistryError
from mods_plugin.registry.records import TemplateVersion
from mods_plugin.resolve_decorator import InvalidDecoratorError, resolve_decorator

CONFIG_NAME = "pipeline.json"

ReadCode = Callable[[str], bytes]
"""Return the bytes of staged code by digest."""


def write_project(template: TemplateVersion, read: ReadCode, folder: Path) -> Path:
    """Write a version into a folder: one config, which contains the DAG, and its code.

    If code is above the config's folder, the config is written to a subfolder of the same depth.

    Args:
        template: The version.
        read: Returns the bytes of staged code.
        folder: An empty folder.

    Returns:
        The config file.

    Raises:
        RegistryError: If a registered path leaves the folder.
    """
    top = folder.resolve()
    named = [item for item in template.staged if item.form != "text"]
    root = top.joinpath(*_folders_above(template))
    root.mkdir(parents=True, exist_ok=True)
    # The archive of a script has an executable bit and a plain file of the same name has none: write files first.
    for item in sorted(named, key=lambda item: item.form != "file"):
        _make_entered_folders(root, item.source, top)
        place = _resolve_inside(root, item.source, top)
        if item.form == "archive":
            _unpack(read(item.sha256), place, top)
        elif item.form == "script":
            _unpack(read(item.sha256), place.parent, top)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(read(item.sha256))
    config = root / CONFIG_NAME
    text = json.dumps(_config_with_dag(template), indent=2, ensure_ascii=False)
    config.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return config


def create_compiler(
    template: TemplateVersion, config: Path, sagemaker_session: Any = None
) -> MODSPipelineDAGCompiler:
    """Return a compiler with the registered config, plugins and metadata, independent of this machine.

    Args:
        template: The version.
        config: Its config file, as written by :func:`write_project`.
        sagemaker_session: The session of pipelines.
    """
    names = [str(plugin["name"]) for plugin in template.plugins]
    stated = {**template.metadata, "mods": {**template.metadata["mods"], "decorator": _decorator(template)}}
    compiler = MODSPipelineDAGCompiler(
        config, sagemaker_session, template.role, plugins=names, metadata=stated
    )
    # A stored config is not trusted: a path of it must not make a deployment upload files of this machine.
    top = config.parents[len(_folders_above(template))]
    registered = frozenset(item.sha256 for item in template.staged)
    compiler.code_limit = CodeLimit(top, "is not among the registered code", registered)
    return compiler


def reproduce(template: TemplateVersion, config: Path) -> Compilation:
    """Compile a version again and compare the result; plugins receive the events of a compile.

    Args:
        template: The version.
        config: Its config file, as written by :func:`write_project`.

    Raises:
        NotReproducedError: If the plugins or the bytes of the definition differ.
        PluginError: If a plugin fails.
    """
    compiler = create_compiler(template, config)
    check_plugins(template, compiler)
    try:
        compilation = compiler.compile_definition()
    except InvalidInputError as error:
        _raise_not_reproduced(template, "it does not compile", [str(item) for item in error.diagnostics])
    check_definition(template, compilation.definition)
    return compilation


def check_reproducible(template: TemplateVersion, config: Path) -> None:
    """Check that a version can be compiled from its registered content; plugins receive no events.

    Raises:
        RegistryError: If it cannot.
    """
    try:
        made: DynamicPipelineTemplate = create_compiler(template, config).create_template()
        definition = made.compilation.definition
    except InvalidInputError as error:
        raise RegistryError(
            f"{template.name} {template.version} needs content that the registry cannot store, "
            f"such as your own classes; without it:\n{error}"
        ) from error
    if definition != template.definition:
        raise RegistryError(
            f"{template.name} {template.version} needs content that the registry cannot store, "
            f"such as your own classes; without it the definition differs:\n"
            f"{definition_diff(template.definition, definition)}"
        )


def check_plugins(template: TemplateVersion, compiler: MODSPipelineDAGCompiler) -> None:
    """Check that the plugins are those that the version was registered with.

    Raises:
        NotReproducedError: With every difference, or the error of loading the plugins.
    """
    problem = "the plugins differ from those it was registered with"
    try:
        running = compiler.plugins.lock()
    except PluginError as error:
        _raise_not_reproduced(template, problem, [str(error)])
    except InvalidInputError as error:
        # The site policy of this machine forbids one of them, or requires another one.
        _raise_not_reproduced(template, problem, [str(item) for item in error.diagnostics])
    # A version that was registered before locks had digests of code is compared without them.
    known = {key for plugin in template.plugins for key in plugin}
    comparable = [{key: value for key, value in plugin.items() if key in known} for plugin in running]
    differences = lock_differences(template.plugins, comparable)
    if differences:
        _raise_not_reproduced(template, problem, differences)


def check_definition(template: TemplateVersion, definition: str) -> None:
    """Check that a definition equals the registered one.

    Raises:
        NotReproducedError: With the diff, and the tools whose versions differ.
    """
    if definition == template.definition:
        return
    here = made_with()
    others = [
        f"{name} is {here.get(name)}, registered with {before}"
        for name, before in template.made_with.items()
        if here.get(name) != before
    ]
    diff = definition_diff(template.definition, definition)
    _raise_not_reproduced(template, "it compiles to a different definition", [*others, diff])


def _raise_not_reproduced(template: TemplateVersion, problem: str, reasons: list[str]) -> NoReturn:
    raise NotReproducedError(template.name, template.version, problem, reasons)


def _decorator(template: TemplateVersion) -> str | None:
    """Return the decorator of this machine for the report, which may differ from that of the registration."""
    try:
        options = ModsOptions.model_validate(
            ((template.config.get("plugins") or {}).get("options") or {}).get("mods", {})
        )
        return resolve_decorator(options).place
    except (ValidationError, InvalidDecoratorError):
        # The plugin reports this error with its location.
        return None


def _config_with_dag(template: TemplateVersion) -> dict[str, Any]:
    """Return the config with the DAG in it: its steps are the DAG's nodes, in their order."""
    steps = template.config.get("steps") or {}
    dag = template.dag
    return {
        **template.config,
        "steps": {node: steps[node] for node in dag["nodes"]},
        "edges": dag["edges"],
    }


def _folders_above(template: TemplateVersion) -> list[str]:
    """Return the folders between the project's folder and the config: as many as code is above the config."""
    named = [item.source for item in template.staged if item.form != "text"]
    return ["config"] * max(map(_levels_above, named), default=0)


def _levels_above(source: str) -> int:
    """Return the maximum number of levels that a path goes above the config's folder."""
    here = highest = 0
    for part in source.split("/"):
        here += -1 if part == ".." else 0 if part in ("", ".") else 1
        highest = max(highest, -here)
    return highest


def _make_entered_folders(root: Path, source: str, top: Path) -> None:
    """Create folders that a path enters and leaves again: ``code/../load.py`` needs ``code``."""
    parts = source.split("/")
    for length in range(1, len(parts)):
        if parts[length] == "..":
            _resolve_inside(root, "/".join(parts[:length]), top).mkdir(parents=True, exist_ok=True)


def _resolve_inside(folder: Path, name: str, top: Path) -> Path:
    """Resolve a path from a folder and require it to be inside ``top``: registered paths are not trusted."""
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
        raise RegistryError(f"the registry is damaged: path {name!r} leaves the project")
    return place


def _unpack(archive: bytes, folder: Path, top: Path) -> None:
    """Unpack an archive of dagcast, which contains only regular files."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                if content is None:
                    raise RegistryError(f"the registry is damaged: {member.name!r} is not a regular file")
                place = _resolve_inside(folder, member.name, folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                # The archive is in memory, but not its files, which may be many times larger.
                with place.open("wb") as file:
                    shutil.copyfileobj(content, file)
                place.chmod(0o755 if member.mode & 0o100 else 0o644)
    except OSError as error:
        # gzip's own error of a broken archive is an OSError without a number; the others are of the folder.
        if error.errno is not None:
            raise
        raise RegistryError(f"the registry is damaged: an archive cannot be unpacked: {error}") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise RegistryError(f"the registry is damaged: an archive cannot be unpacked: {error}") from error
