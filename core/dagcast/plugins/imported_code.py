"""Compare the files of a plugin with the modules that this process imported.

A folder earlier on the path may shadow a package, cached bytecode may be that of other code, a distribution may be
upgraded after the import, and a module may be reloaded.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import field
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from dagcast.frozen_dataclass import dataclass
from dagcast.plugins.bytecode import has_other_bytecode, has_other_functions, is_from_source
from dagcast.plugins.code_files import PluginCode, file_differences, find_specs, spec_file
from dagcast.plugins.scan import PluginEntry


@dataclass
class _Import:
    """What was imported, and what lay on disk at that time.

    Attributes:
        files: The digests of the files.
        specs: By module: the module and its spec. A reload gives it another one.
        problems: Modules that run other code than their files have.
    """

    files: Mapping[str, str]
    specs: dict[str, tuple[ModuleType, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, code: PluginCode) -> None:
        """Add the modules of a plugin that are imported now, and were not before."""
        for name, (module, spec) in _specs(code).items():
            if name not in self.specs:
                self.specs[name] = (module, spec)
                self.problems += _code_problems(name, module)


# Imports are one for each process, as sys.modules is.
_IMPORTS: WeakKeyDictionary[ModuleType, _Import] = WeakKeyDictionary()


def check_import(entry: PluginEntry, code: PluginCode) -> Iterator[str]:
    """Yield what an import of the plugin's modules would run in place of their files. Nothing is imported."""
    for name, spec in find_specs(entry.module):
        origin = spec_file(spec)
        # Packages around the plugin's own may belong to another distribution.
        is_around = any(package.startswith(f"{name}.") for package in code.packages)
        if origin is not None and not code.is_own(origin) and (name in code.packages or not is_around):
            yield _shadowed(name, origin)
            return
    for path in sorted(code.paths.values()):
        if path.endswith(".py") and has_other_bytecode(path):
            yield _other_bytecode(path)


def remember_import(entry: PluginEntry, code: PluginCode) -> None:
    """Remember which files a plugin was imported from, unless that import is known already.

    Args:
        entry: The entry point, which was imported.
        code: The files of the plugin, read before the import.
    """
    module = sys.modules.get(entry.module)
    if isinstance(module, ModuleType) and module not in _IMPORTS:
        known = _IMPORTS[module] = _Import(dict(code.files))
        known.add(code)


def check_loaded(entry: PluginEntry, code: PluginCode) -> Iterator[str]:
    """Yield differences between the files of a plugin and the modules that this process imported."""
    foreign = {
        name: module.__file__
        for name, (module, _) in _specs(code).items()
        if module.__file__ and not code.is_own(module.__file__)
    }
    # A package that comes from elsewhere brings its modules from there: one cause.
    for name, file in foreign.items():
        if not any(name.startswith(f"{other}.") for other in foreign):
            yield _shadowed(name, file)
    module = sys.modules.get(entry.module)
    known = _IMPORTS.get(module) if isinstance(module, ModuleType) else None
    if known is None:
        return
    for name, (before, spec) in known.specs.items():
        now = sys.modules.get(name)
        if now is not before:
            yield f"module {name!r} was imported again in this process"
        elif before.__spec__ is not spec:
            yield f"module {name!r} was reloaded in this process"
    # Modules that were imported since then: hooks import when they are called.
    known.add(code)
    yield from known.problems
    for difference in file_differences(known.files, code.files):
        yield f"{difference} since this process imported it"


def _specs(code: PluginCode) -> dict[str, tuple[ModuleType, Any]]:
    prefixes = tuple(f"{name}." for name in code.packages)
    return {
        name: (module, getattr(module, "__spec__", None))
        for name, module in tuple(sys.modules.items())
        if (name in code.packages or name.startswith(prefixes)) and isinstance(module, ModuleType)
    }


def _code_problems(name: str, module: ModuleType) -> Iterator[str]:
    if module.__file__ and is_from_source(module) and has_other_bytecode(module.__file__):
        yield _other_bytecode(module.__file__)
    elif has_other_functions(module):
        yield (
            f"module {name!r} has functions that its file does not define: the file was changed after the import, or "
            "the functions were replaced"
        )


def _other_bytecode(path: str) -> str:
    cached = importlib.util.cache_from_source(path)
    return f"the cached bytecode of {path} is that of other code: delete {cached}"


def _shadowed(module: str, file: str | None) -> str:
    return f"module {module!r} comes from {file}, not from its distribution"
