"""Registering: what is stored, what a version is, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagcast import BasePipelineConfig, PipelineDAG, PipelineDAGCompiler
from dagcast.errors import InvalidInputError, PluginError
from dagcast.plugin import hookimpl
from mods_plugin import MODSPipelineDAGCompiler
from mods_plugin.registry import DifferentContentError, Registry, RegistryError
from tests.mods_plugin.configs import CODE, ROLE, STATED, config
from tests.mods_plugin.registry.conftest import Project


def test_all_content_is_stored(registry: Registry, project: Project) -> None:
    made = MODSPipelineDAGCompiler(project.file).compile_definition()
    done = registry.register(project.file)
    assert done.created
    found = registry.show("churn", "1.4.0")
    assert found == done.template
    assert (found.name, found.version, found.pipeline) == ("churn", "1.4.0", "churn")
    assert {field: found.metadata[field] for field in (*STATED, *CODE)} == {**STATED, **CODE}
    assert found.metadata["mods"]["sources"]["author"] == "pipeline.author"
    assert found.dag == PipelineDAG(["load", "train", "stop"], ["load -> train", "train => stop"]).to_dict()
    assert found.config == json.loads(project.file.read_text())
    assert found.definition == made.definition
    assert found.definition_sha256 == hashlib.sha256(made.definition.encode()).hexdigest()
    assert list(found.plugins) == [dict(plugin) for plugin in made.report.plugins]
    assert [(item.source, item.form) for item in found.staged] == [("load.py", "file"), ("code", "archive")]
    assert {item.uri: (item.sha256, item.size) for item in found.staged} == {
        code.uri: (code.digest, code.size) for code in made.report.staged
    }
    assert found.registered_at is not None
    assert found.registered_by
    assert found.made_with["dagcast"]
    assert json.loads(json.dumps(found.as_dict()))["definition"] == json.loads(made.definition)


def test_the_name_is_that_of_the_class_if_metadata_have_one(registry: Registry) -> None:
    registry.register(config({"name": "ChurnTemplate", "module": "team.churn"}))
    found = registry.show("ChurnTemplate")
    assert (found.name, found.pipeline) == ("ChurnTemplate", "churn")


def test_the_same_content_again_does_nothing(registry: Registry, project: Project) -> None:
    first = registry.register(project.file)
    second = registry.register(project.file)
    assert (first.created, second.created) == (True, False)
    assert second.template == first.template
    assert second.template.registered_at == first.template.registered_at
    assert registry.versions("churn") == ("1.4.0",)


def test_the_place_of_files_is_not_content(registry: Registry, project: Project, tmp_path: Path) -> None:
    registry.register(project.file)
    elsewhere = Project(tmp_path / "elsewhere" / "deeper")
    assert not registry.register(elsewhere.save()).created


def test_the_order_of_keys_is_not_content(registry: Registry, project: Project) -> None:
    registry.register(project.file)
    data = project.config()
    project.file.write_text(json.dumps({key: data[key] for key in reversed(data)}))
    assert not registry.register(project.file).created


def with_description(project: Project) -> dict[str, Any]:
    project.versioned("1.4.0", description="Finds who stays.")
    return {}


def with_commit(project: Project) -> dict[str, Any]:
    project.save({"commit_id": "4567cdef"})
    return {}


def with_code(project: Project) -> dict[str, Any]:
    project.write("code/lib/tools.py", "NUMBER = 2\n")
    return {}


def with_dag(project: Project) -> dict[str, Any]:
    return {"dag": PipelineDAG(["load", "train"], ["load -> train"])}


def with_role(project: Project) -> dict[str, Any]:
    return {"role": ROLE.replace("SageMakerRole", "Other")}


def with_plugins(project: Project) -> dict[str, Any]:
    return {"plugins": ["mods", "guardrails"]}


def with_options(project: Project) -> dict[str, Any]:
    project.save({"tags": False})
    return {}


def with_unused_default(project: Project) -> dict[str, Any]:
    project.save(defaults={**project.config()["defaults"], "volume_size_in_gb": 31})
    return {}


@pytest.mark.parametrize(
    ("change", "part", "line"),
    [
        (with_description, "metadata", '+  "description": "Finds who stays."'),
        (with_commit, "metadata", '+  "commit_id": "4567cdef"'),
        (with_code, "staged", '"source": "code"'),
        (with_dag, "dag", '-    "stop"'),
        (with_role, "role", "role/Other"),
        (with_plugins, "plugins", '+    "name": "guardrails"'),
        (with_options, "config", '+        "tags": false'),
        (with_unused_default, "definition", "+"),
    ],
)
def test_a_version_is_immutable(
    registry: Registry,
    project: Project,
    change: Callable[[Project], dict[str, Any]],
    part: str,
    line: str,
) -> None:
    before = registry.register(project.file).template
    arguments = change(project)
    with pytest.raises(DifferentContentError) as refused:
        registry.register(project.file, **arguments)
    error = refused.value
    assert (error.name, error.version) == ("churn", "1.4.0")
    assert f"--- churn@1.4.0 (registered) {part}\n+++ churn@1.4.0 (new) {part}\n" in error.diff
    assert line in error.diff
    assert "register this content under another version" in str(error)
    assert registry.show("churn", "1.4.0") == before


def test_a_diff_in_an_error_is_shortened(file_registry: Registry) -> None:
    def wide(letter: str) -> dict[str, Any]:
        steps = {f"s{n}": {"type": "Fail", "error_message": letter * 400} for n in range(60)}
        return config(steps=steps, edges=[])

    file_registry.register(wide("a"))
    with pytest.raises(DifferentContentError) as refused:
        file_registry.register(wide("b"))
    lines = refused.value.diff.split("\n")
    assert len(lines) == 61
    assert max(map(len, lines)) == 160
    assert lines[-1].startswith("... and ")


def test_each_version_is_an_entry(registry: Registry, project: Project) -> None:
    registry.register(project.file)
    registry.register(project.versioned("1.10.0"))
    registry.register(project.versioned("1.9.0"))
    assert registry.versions("churn") == ("1.4.0", "1.10.0", "1.9.0")
    assert registry.show("churn").version == "1.9.0", "the last that was registered"
    assert registry.versions("other") == ()


def test_an_environment_is_applied_to_the_config(registry: Registry, project: Project) -> None:
    environments = {"EU": {"pipeline": {"bucket": "my-bucket-eu", "version": "1.4.0-eu"}}}
    project.save(environments=environments)
    registry.register(project.file, env="EU")
    found = registry.show("churn", "1.4.0-eu")
    assert found.config["pipeline"]["bucket"] == "my-bucket-eu"
    assert "environments" not in found.config
    assert "my-bucket-eu" in registry.compile("churn", "1.4.0-eu").definition


def test_arguments_override_other_sources(registry: Registry, project: Project) -> None:
    done = registry.register(project.file, metadata={"version": "2.0.0", "author": "someone"})
    assert done.template.version == "2.0.0"
    assert registry.show("churn", "2.0.0").metadata["author"] == "someone"
    assert registry.compile("churn", "2.0.0").report.metadata["author"] == "someone"


def test_warnings_of_the_compile_are_returned(registry: Registry) -> None:
    pipeline = {**config()["pipeline"]}
    del pipeline["description"]
    done = registry.register(config(pipeline=pipeline))
    assert any("description" in str(warning) for warning in done.warnings)


@pytest.mark.parametrize("how", ["argument", "options", "pipeline"])
def test_a_template_without_a_version_is_an_error(file_registry: Registry, how: str, tmp_path: Path) -> None:
    pipeline = {**config()["pipeline"]}
    del pipeline["version"]
    unversioned = config(pipeline=pipeline)
    with pytest.raises(InvalidInputError, match="missing version of the template"):
        file_registry.register(unversioned)
    assert not (tmp_path / "registry.sqlite").exists()
    given: dict[str, Any] = {}
    if how == "argument":
        given["metadata"] = {"version": "3.0.0"}
    elif how == "options":
        unversioned["plugins"] = {"options": {"mods": {"version": "3.0.0"}}}
    else:
        unversioned["pipeline"] = {**pipeline, "pipeline_version": "3.0.0"}
    assert file_registry.register(unversioned, **given).template.version == "3.0.0"


def test_a_config_with_mistakes_is_not_registered(file_registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as refused:
        file_registry.register(config(edges=["load -> trian", "nothing -> train"]))
    assert {"did you mean 'train'?", "known: load, stop, train"} <= {
        d.hint for d in refused.value.diagnostics
    }
    assert not (tmp_path / "registry.sqlite").exists()


def test_a_plugin_object_of_this_process_is_an_error(file_registry: Registry) -> None:
    class Local:
        name = "local"

        @hookimpl
        def extract_metadata(self) -> dict[str, str]:
            return {"team": "risk"}

    with pytest.raises(PluginError, match="does not exist on other machines"):
        file_registry.register(config(), plugins=["mods", Local()])


def test_the_plugin_runs_with_any_selection(file_registry: Registry) -> None:
    template = file_registry.register(config(), plugins=["guardrails"]).template
    assert [plugin["name"] for plugin in template.plugins] == ["mods", "guardrails"]


def test_metadata_of_a_config_class_are_stored(registry: Registry) -> None:
    class TeamConfig(BasePipelineConfig):
        cost_center: str
        metadata: dict[str, str]

    pipeline = TeamConfig(
        name="churn",
        bucket="my-bucket",
        role=ROLE,
        cost_center="17",
        metadata={**STATED, "package_name": "Team"},
    )
    made = registry.register(config(pipeline=pipeline)).template
    assert (made.version, made.metadata["package_name"]) == ("1.4.0", "ChurnModels")
    assert "cost_center" not in made.config["pipeline"]
    again = registry.compile("churn", "1.4.0").report
    assert again.metadata["author"] == "risk"
    assert again.metadata["mods"]["sources"]["author"] == "pipeline.metadata.author"


def test_content_that_the_registry_cannot_store_is_an_error(file_registry: Registry, tmp_path: Path) -> None:
    from dagcast.compile.steps.fail import FailConfig

    class TeamFail(FailConfig):
        ticket: str = ""

    with pytest.raises(RegistryError, match=r"content that the registry cannot store.*(?s:.*)ticket"):
        file_registry.register(
            config(steps={"stop": TeamFail(error_message="stopped", ticket="T-1")}, edges=[])
        )
    assert not (tmp_path / "registry.sqlite").exists()


def test_the_definition_equals_that_of_the_standard_compiler(registry: Registry, project: Project) -> None:
    plain = PipelineDAGCompiler(project.file, plugins=["mods"]).compile_definition()
    assert registry.register(project.file).template.definition == plain.definition
