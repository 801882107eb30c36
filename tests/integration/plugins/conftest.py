"""A folder on the path that plugins are installed into, and a project that is compiled with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dagcast import PipelineDAGCompiler
from dagcast.cli.main import cli
from dagcast.compile.report import CompileReport
from dagcast.template import Compilation
from tests.support.distributions import Built, plugin

CONFIG = """\
pipeline:
  name: demo
  region: us-east-1
  role: arn:aws:iam::123456789012:role/SageMakerRole
  bucket: my-bucket
  tags:
    team: science
parameters:
  Machine: ml.m5.xlarge
steps:
  prepare:
    type: Processing
    image_uri: 123456789012.dkr.ecr.us-east-1.amazonaws.com/tools:1
    instance_type: ${param.Machine}
    outputs:
      train: /opt/ml/processing/train
    tags:
      stage: early
  stop:
    type: Fail
    error_message: enough
    depends_on: [prepare]
"""
NOTE = """
from typing import Annotated, Literal

from dagcast.plugin import Lowering, StepConfig, StepType, StrOrReference, To


class NoteConfig(StepConfig):
    type: Literal["Note"] = "Note"
    text: Annotated[StrOrReference, To("ErrorMessage")]


def lower(step, config):
    step.put_fields()


note = StepType(
    name="Note", definition_type="Fail", about="Ends with a note.", config=NoteConfig, lower=lower
)
"""
"""The part of a plugin's module that makes a step type ``Note``."""


class Site:
    """Installed plugins, and a config to compile with them.

    Attributes:
        folder: Where distributions are installed.
        project: Where the config is.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "site"
        self.folder.mkdir()
        self.project = root / "project"
        self.project.mkdir()
        self.config = self.project / "pipeline.yaml"
        self.write()

    def write(self, text: str = CONFIG, more: str = "") -> None:
        """Write the config."""
        self.config.write_text(text + more, encoding="utf-8")

    def line(self, text: str) -> int:
        """The number of the first line of the config that holds this text."""
        lines = self.config.read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def install(self, built: Built) -> None:
        """Install a distribution."""
        built.install(self.folder)

    def plugin(self, name: str, source: str, **more: Any) -> None:
        """Install a distribution with one plugin; see :func:`tests.support.distributions.plugin`."""
        self.install(plugin(name, source, **more))

    def compiler(self, *plugins: Any, **arguments: Any) -> PipelineDAGCompiler:
        """A compiler of the config that runs these plugins."""
        return PipelineDAGCompiler(self.config, plugins=plugins, **arguments)

    def compile(self, *plugins: Any) -> Compilation:
        """Compile the config with these plugins."""
        return self.compiler(*plugins).compile_definition()

    def report(self, *plugins: Any) -> CompileReport:
        """The report of a compile with these plugins."""
        return self.compile(*plugins).report

    def steps(self, *plugins: Any) -> dict[str, Any]:
        """The steps of the definition, by name."""
        return {step["Name"]: step for step in json.loads(self.compile(*plugins).definition)["Steps"]}

    def cli(self, *arguments: str, **variables: str) -> Result:
        """Run the command line in this process."""
        return CliRunner(env=variables).invoke(cli, arguments)

    def json(self, *arguments: str, **variables: str) -> Any:
        """Run the command line with ``--json``, and read what it prints."""
        return self.json_of(*arguments, "--json", **variables)

    def json_of(self, *arguments: str, **variables: str) -> Any:
        """Run a command that prints JSON, and read it."""
        result = self.cli(*arguments, **variables)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return json.loads(result.stdout)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder on the path; what is imported from it is forgotten at the end."""
    made = Site(tmp_path)
    monkeypatch.delenv("DAGCAST_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(made.folder))
    monkeypatch.chdir(made.project)
    before = set(sys.modules)
    yield made
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(made.folder)):
            del sys.modules[name]
