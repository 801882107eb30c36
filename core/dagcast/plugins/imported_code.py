"""Compare the modules that this process imported with the files of a plugin.

What runs is not always what lies on disk: a folder earlier on the path shadows the package, the distribution was
upgraded after this process imported it, or a module was reloaded.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.code_files import PluginCode, file_differences, module_name
from dagcast.plugins.scan import PluginEntry


def check_import(entry: PluginEntry, code: PluginCode) -> tuple[str, ...]:
    """Return where an import of the plugin would find another module than its own. Nothing is imported."""
    top = entry.value.partition(":")[0].partition(".")[0].strip()
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return ()
    origin = getattr(found, "origin", None)
    if not origin or not code.paths or top not in {name.partition(".")[0] for name in code.packages}:
        return ()
    return () if os.path.realpath(origin) in code.paths else (_shadowed(top, origin),)


@dataclass
class _Import:
    """What was imported, and what lay on disk at that time.

    Attributes:
        files: The digests of the files.
        specs: By module: the module and its spec. A reload gives it another one.
        outdated: Modules whose functions are not those of their files.
    """

    files: Mapping[str, str]
    specs: dict[str, tuple[ModuleType, Any]]
    outdated: tuple[str, ...] = ()


# Imports are one for each process, as sys.modules is.
_IMPORTS: WeakKeyDictionary[ModuleType, _Import] = WeakKeyDictionary()


def remember_import(entry: PluginEntry, code: PluginCode, earlier: Iterable[str]) -> None:
    """Remember which files a plugin was imported from, unless that import is known already.

    Args:
        entry: The entry point, which was imported.
        code: The files of the plugin, read before the import.
        earlier: The modules that other code had imported before the files were read. Their functions are compared with
            the files.
    """
    module = sys.modules.get(module_name(entry))
    if isinstance(module, ModuleType) and module not in _IMPORTS:
        specs = _specs(code)
        outdated = tuple(name for name in earlier if name in specs and not _is_from_source(specs[name][0]))
        _IMPORTS[module] = _Import(dict(code.files), specs, outdated)


def loaded_modules(code: PluginCode) -> tuple[str, ...]:
    """Return the modules of a plugin that are imported now."""
    return tuple(_specs(code))


def check_loaded(entry: PluginEntry, code: PluginCode) -> tuple[str, ...]:
    """Return differences between the files of a plugin and the modules that this process imported."""
    foreign = {
        name: module.__file__
        for name, (module, _) in _specs(code).items()
        if module.__file__ and code.paths and os.path.realpath(module.__file__) not in code.paths
    }
    # A package that comes from elsewhere brings its modules from there: one cause.
    problems = [
        _shadowed(name, file)
        for name, file in foreign.items()
        if not any(name.startswith(f"{other}.") for other in foreign)
    ]
    module = sys.modules.get(module_name(entry))
    known = _IMPORTS.get(module) if isinstance(module, ModuleType) else None
    if known is None:
        return tuple(problems)
    for name, (before, spec) in known.specs.items():
        now = sys.modules.get(name)
        if now is not before:
            problems.append(f"module {name!r} was imported again in this process")
        elif before.__spec__ is not spec:
            problems.append(f"module {name!r} was reloaded in this process")
    # Modules that were imported since then.
    for name, pair in _specs(code).items():
        known.specs.setdefault(name, pair)
    problems += (f"module {name!r} was imported before its file was changed" for name in known.outdated)
    problems += (
        f"{difference} since this process imported it"
        for difference in file_differences(known.files, code.files)
    )
    return tuple(problems)


def _specs(code: PluginCode) -> dict[str, tuple[ModuleType, Any]]:
    prefixes = tuple(f"{name}." for name in code.packages)
    return {
        name: (module, getattr(module, "__spec__", None))
        for name, module in tuple(sys.modules.items())
        if (name in code.packages or name.startswith(prefixes)) and isinstance(module, ModuleType)
    }


def _is_from_source(module: ModuleType) -> bool:
    """Return whether the functions of a module are those that its source file defines now."""
    file = module.__file__
    # Another loader may change the code on purpose, as those of pytest and beartype do.
    if not file or type(getattr(module, "__loader__", None)) is not SourceFileLoader:
        return True
    try:
        compiled = compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except (OSError, ValueError, SyntaxError):
        return False
    known = set(_nested_code(compiled))
    return all(code in known for code in _function_code(module, file))


def _nested_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested_code(constant)


def _function_code(module: ModuleType, file: str) -> Iterator[CodeType]:
    """Yield the code of functions and methods of a module. Generated ones have no file."""
    for value in tuple(vars(module).values()):
        members = tuple(vars(value).values()) if isinstance(value, type) else (value,)
        for member in members:
            function = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
            if isinstance(function, FunctionType) and function.__code__.co_filename == file:
                yield function.__code__


def _shadowed(module: str, file: str | None) -> str:
    return f"module {module!r} comes from {file}, not from its distribution"
