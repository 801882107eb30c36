"""A site policy holds for MODS as for every other door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dagcast.errors import InvalidInputError
from mods_plugin import MODSPipelineDAGCompiler
from mods_plugin.cli import mods_command
from mods_plugin.registry import NotReproducedError, Registry
from tests.mods_plugin.registry.conftest import Project


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a site policy, which the test writes."""
    file = tmp_path / "site.json"
    file.write_text("{}")
    monkeypatch.setenv("DAGCAST_SITE", str(file))
    return file


def test_the_compiler_of_mods_obeys(policy: Path, project: Project) -> None:
    policy.write_text(json.dumps({"plugins": {"forbidden": ["mods"]}}))
    with pytest.raises(
        InvalidInputError, match=f"the compiler needs plugin 'mods', which .*{policy}.*forbids"
    ):
        MODSPipelineDAGCompiler(project.file).compile_definition()
    policy.write_text(json.dumps({"plugins": {"required": ["mods"]}}))
    with pytest.raises(InvalidInputError, match=f"the site policy {policy}:1 requires"):
        MODSPipelineDAGCompiler(project.save(plugins={"disable": ["mods"]})).compile_definition()


def test_the_registry_obeys(policy: Path, project: Project, file_registry: Registry) -> None:
    policy.write_text(json.dumps({"plugins": {"options": {"mods": {"description": "Of the site."}}}}))
    arguments = ["register", str(project.file), "--registry", file_registry.location]
    done = CliRunner().invoke(mods_command, arguments)
    assert f"site policy: {policy}" in done.stderr, done.output
    policy.write_text(json.dumps({"plugins": {"required": ["guardrails"]}}))
    with pytest.raises(NotReproducedError, match=f"guardrails.*the site policy {policy}:1 requires"):
        file_registry.compile("churn")
    refused = CliRunner().invoke(mods_command, [*arguments, "--no-plugins"])
    assert refused.exit_code == 1
    assert f"the site policy {policy}:1 requires" in refused.stderr
