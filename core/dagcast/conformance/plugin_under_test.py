"""The plugin under test, and compiles with and without it."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from pathlib import Path
from types import new_class
from typing import Any

from pydantic import BaseModel

from dagcast.compile.config.pipeline_dag import PipelineDAG
from dagcast.compile.document.document import read_document
from dagcast.compiler import PipelineDAGCompiler
from dagcast.frozen_dataclass import dataclass
from dagcast.paths import FieldPath, format_path, is_within
from dagcast.plugins.attribute_changes import attribute_changes
from dagcast.plugins.join_classes import apply_decorator
from dagcast.template import Compilation, DynamicPipelineTemplate

SAMPLE = Path(__file__).with_name("sample.yaml")

ARGUMENTS = ("sagemaker_session", "execution_role")
"""Constructor arguments of the template that a plugin may set and that are part of the pipeline."""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@dataclass(frozen=True)
class PluginUnderTest:
    """A plugin under test.

    Attributes:
        name: Its name.
        options: Options by plugin, as in a config.
        config: The config to compile.
        environment: The environment variables of child processes, saved before the plugin runs.
        folder: The working directory of child processes, saved before the plugin runs.
    """

    name: str
    options: dict[str, Any]
    config: dict[str, Any]
    environment: Mapping[str, str] = field(default_factory=_environment, repr=False)
    folder: Path = field(default_factory=Path.cwd)

    @classmethod
    def read(cls, name: str, options_file: str | None, config_file: str | None) -> PluginUnderTest:
        """Read the options and the config of the plugin from files."""
        options = read_document(options_file).data if options_file else {}
        return cls(name, options, read_document(config_file or SAMPLE).data)

    def compiler(self, plugins: Sequence[Any], options: dict[str, Any] | None = None) -> PipelineDAGCompiler:
        """Create a compiler of the config with these plugins."""
        section = {"options": self.options if options is None else options}
        return PipelineDAGCompiler({**self.config, "plugins": section}, plugins=list(plugins))

    def compile(self, plugins: Sequence[Any]) -> Compilation:
        """Compile the config with these plugins."""
        return self.compiler(plugins).compile_definition()

    def compile_without(self) -> Compilation:
        """Compile the config without the plugin, but with the constructor arguments that it sets."""
        params = self.compiler([self.name]).create_template_params()
        return self.compiler([]).compile_definition(**{name: params[name] for name in ARGUMENTS})

    def mutating_hooks(self) -> list[str]:
        """Compile with the plugin, and return the hooks that change one of their arguments in place."""
        compiler = self.compiler([self.name])
        found: list[str] = []
        functions = compiler.plugins.plugins[0].loaded.functions
        for hook, function in list(functions.items()):
            functions[hook] = _watched(hook, function, found)
        compiler.compile_definition()
        return found

    def holders_of_argument(self) -> list[str]:
        """Decorate a class with the plugin, and return the types of containers that hold the class it was given.

        References of the decorated class are left out: its bases, and its functions.
        """
        compiler = self.compiler([self.name])
        plugin = compiler.plugins.plugins[0]
        metadata = compiler.compile_definition().report.metadata
        attributes = {
            "__module__": DynamicPipelineTemplate.__module__,
            "__doc__": DynamicPipelineTemplate.__doc__,
        }
        name = DynamicPipelineTemplate.__name__
        given = new_class(name, (DynamicPipelineTemplate,), exec_body=lambda body: body.update(attributes))
        result = apply_decorator(
            lambda cls: plugin.call("decorate_template_class", template_class=cls, metadata=metadata), given
        )
        if result is given:
            return []
        gc.collect()
        own = {id(item) for cls in result.__mro__ for item in gc.get_referents(cls)}
        holders = [item for item in gc.get_referrers(given) if isinstance(item, (list, set, dict, deque))]
        return [type(item).__name__ for item in holders if id(item) not in own]

    def compile_isolated(self, hash_seed: int) -> dict[str, Any]:
        """Compile with the plugin in a separate process; see :func:`isolated.measure_compile`."""
        return self._run("compile", self.name, self.options, self.config, PYTHONHASHSEED=str(hash_seed))

    def import_isolated(self) -> dict[str, Any]:
        """Import the plugin in a separate process; see :func:`isolated.measure_import`."""
        return self._run("import", self.name)

    def _run(self, what: str, *arguments: Any, **variables: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "dagcast.conformance.isolated", what, *map(json.dumps, arguments)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.environment, **variables},
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"the process failed:\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _watched(hook: str, function: Callable[..., Any], found: list[str]) -> Callable[..., Any]:
    def watched(**arguments: Any) -> Any:
        before = _contents(arguments)
        result = function(**arguments)
        if _contents(arguments) != before and hook not in found:
            found.append(hook)
        return result

    return watched


def _contents(value: Any, parents: tuple[int, ...] = ()) -> Any:
    """Return the contents of an argument of a hook as nested tuples, to compare them later."""
    if id(value) in parents:
        return "..."
    within = (*parents, id(value))
    if isinstance(value, Mapping):
        return tuple((str(key), _contents(item, within)) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(_contents(item, within) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return tuple((item.name, _contents(getattr(value, item.name), within)) for item in fields(value))
    if isinstance(value, BaseModel):
        return _contents(vars(value), within)
    if isinstance(value, PipelineDAG):
        return _contents(value.to_dict(), within)
    if value is None or isinstance(value, (str, bytes, bool, int, float)):
        return value
    return type(value).__qualname__


def undeclared_changes(plain: Compilation, changed: Compilation) -> list[str]:
    """Return the fields in which two compiles differ and that no hook is recorded to have changed.

    Args:
        plain: The compile without the plugin.
        changed: The compile with it.
    """
    _, differences = attribute_changes("", plain.spec, changed.spec)
    declared = [change.path for change in changed.report.changes]
    return [
        format_path(path)
        for path in map(_as_declared, (change.path for change in differences))
        if not any(is_within(path, other) or is_within(other, path) for other in declared)
    ]


def _as_declared(path: FieldPath) -> FieldPath:
    """The path by which a hook that adds a parameter declares it, for a difference in the parameters."""
    added = ("pipeline", "parameters")
    return ("Parameters", *path[2:]) if is_within(path, added) and len(path) > 2 else path
