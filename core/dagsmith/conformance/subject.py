"""The plugin under test, and ways to compile with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagsmith.compiler import PipelineDAGCompiler
from dagsmith.load.document import read_document
from dagsmith.template import Compilation

SAMPLE = Path(__file__).with_name("sample.yaml")

HEAVY = ("sagemaker", "boto3", "pandas", "numpy", "torch", "tensorflow")
"""Modules that a plugin may use, but not import when it is imported: every compile would pay for them."""

_IMPORT = """
import json, sys
touched, network = [], ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, args: touched.append(event) if event in network else None)
from dagsmith.plugins.discovery import scan
from dagsmith.plugins.loading import load_plugin
load_plugin(sys.argv[1], scan())
heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print(json.dumps({"network": touched, "heavy": heavy}))
"""

_COMPILE = """
import json, sys
from dagsmith.conformance.subject import Subject
subject = Subject(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]))
compilation = subject.compile([subject.name])
changes = [change.as_dict() for change in compilation.report.changes]
print(json.dumps([compilation.definition, changes, [dict(item) for item in compilation.report.plugins]]))
"""


@dataclass(frozen=True)
class Subject:
    """A plugin under test.

    Attributes:
        name: Its name.
        options: Options by plugin, as a config holds them.
        config: The config that is compiled.
    """

    name: str
    options: dict[str, Any]
    config: dict[str, Any]

    @classmethod
    def read(cls, name: str, options_file: str | None, config_file: str | None) -> Subject:
        """The plugin of that name, with options and config from files."""
        options = read_document(options_file).data if options_file else {}
        return cls(name, options, read_document(config_file or SAMPLE).data)

    def compiler(self, plugins: Sequence[Any], options: dict[str, Any] | None = None) -> PipelineDAGCompiler:
        """A compiler of the config with these plugins."""
        section = {"options": self.options if options is None else options}
        return PipelineDAGCompiler({**self.config, "plugins": section}, plugins=list(plugins))

    def compile(self, plugins: Sequence[Any]) -> Compilation:
        """The config, compiled with these plugins."""
        return self.compiler(plugins).compile_definition()

    def compile_apart(self, hash_seed: int) -> Any:
        """Definition, changes and lock as a process of its own makes them."""
        arguments = [self.name, json.dumps(self.options), json.dumps(self.config)]
        return json.loads(_run(_COMPILE, *arguments, PYTHONHASHSEED=str(hash_seed)))

    def import_apart(self) -> dict[str, list[str]]:
        """What importing the plugin does in a process of its own: network access and heavy modules."""
        found: dict[str, list[str]] = json.loads(_run(_IMPORT, self.name, json.dumps(HEAVY)))
        return found


def _run(script: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **environment},
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"the process failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1]
