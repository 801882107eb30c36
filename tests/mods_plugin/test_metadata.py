"""Metadata: what a value may be, where it comes from, and where it ends up."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from dagcast import BasePipelineConfig, PipelineDAGCompiler
from dagcast.errors import InvalidInputError, PluginError
from dagcast.plugin import CompileReport
from mods_plugin import MODSPipelineDAGCompiler
from mods_plugin.decorator import UnknownMetadataError
from mods_plugin.git_checkout import Checkout, read_checkout
from mods_plugin.labels import tag_value
from mods_plugin.metadata import find_problem, is_version
from mods_plugin.metadata_sources import base_config_metadata
from tests.mods_plugin.configs import CODE, STATED, config, unlabelled

Run = Callable[..., subprocess.CompletedProcess[str]]


FIELDS = ("author", "version", "description", "module", "name", "package_name", "commit_id")


def report_of(source: Any, **metadata: str) -> CompileReport:
    return MODSPipelineDAGCompiler(source, **metadata).compile_definition().report


def sources_of(report: CompileReport) -> Mapping[str, str]:
    sources: Mapping[str, str] = report.metadata["mods"]["sources"]
    return sources


def errors_of(source: Any, **metadata: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        report_of(source, **metadata)
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize(
    "version", ["1", "1.4.0", "2024.12", "1.0rc1", "1!2.0+local", "1.0.0-alpha.1+build.5", "v1.2"]
)
def test_versions_by_either_standard_are_accepted(version: str) -> None:
    assert is_version(version)
    assert find_problem("version", version) is None


@pytest.mark.parametrize("version", ["", "latest", "1.4.0 ", "1..0", "1.0.0-a_b", "one", "\u0661.0", "1.0\n"])
def test_other_text_is_not_a_version(version: str) -> None:
    assert find_problem("version", version) is not None


@given(
    st.sampled_from(["author", "description", "package_name", "commit_id"]), st.characters(categories=["Cc"])
)
def test_control_characters_are_invalid(field: str, character: str) -> None:
    assert "control character" in str(find_problem(field, f"a{character}b"))


@given(
    st.sampled_from(["author", "description", "package_name"]),
    st.text("a\u00e9\u4e16 '", min_size=1, max_size=256),
)
def test_printable_text_is_valid(field: str, text: str) -> None:
    assert (find_problem(field, text) is None) == bool(text.strip())


@pytest.mark.parametrize(
    ("field", "limit"), [("author", 256), ("description", 3072), ("package_name", 256), ("commit_id", 256)]
)
def test_text_is_limited(field: str, limit: int) -> None:
    """TagValue and PipelineDescription of the SageMaker API reference."""
    assert find_problem(field, "a" * limit) is None
    assert f"the service allows {limit}" in str(find_problem(field, "a" * (limit + 1)))


@pytest.mark.parametrize(
    ("field", "value"), [("module", "a.1b"), ("module", "a..b"), ("name", "a.b"), ("name", "1a")]
)
def test_module_and_name_must_be_python_names(field: str, value: str) -> None:
    assert "expected the name of a Python" in str(find_problem(field, value))


def test_sources_have_this_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One author in every place; taking away the first again and again shows the order."""
    repository(tmp_path, "from git")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nauthors = [{name = "from pyproject"}]\n')
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_ACTOR", "from CI")
    base: dict[str, Any] = {"author": "from base config"}
    options: dict[str, Any] = {"author": "from options", "providers": ["ci", "pyproject"]}

    def author(**metadata: str) -> tuple[Any, str]:
        file = tmp_path / "pipeline.json"
        file.write_text(json.dumps(unlabelled(options, **base)))
        report = report_of(file, **metadata)
        return report.metadata["author"], sources_of(report)["author"]

    assert author(author="from argument") == ("from argument", "argument")
    assert author() == ("from options", "plugins.options.mods")
    del options["author"]
    assert author() == ("from CI", "provider ci")
    options["providers"] = ["pyproject", "ci"]
    assert author() == ("from pyproject", "provider pyproject")
    options["providers"] = []
    assert author() == ("from base config", "pipeline.author")
    base.clear()
    assert author() == ("from git", "git checkout")
    subprocess.run(["rm", "-rf", str(tmp_path / ".git")], check=True)
    assert author() == ("unknown", "default")


def repository(folder: Path, author: str, remote: str | None = None) -> str:
    """A git checkout; gives its commit."""
    git = ["git", "-C", str(folder), "-c", f"user.name={author}", "-c", "user.email=a@example.com"]
    (folder / "tracked.txt").write_text("text")
    commands = [["init", "-q"], ["add", "tracked.txt"], ["commit", "-q", "-m", "first"]]
    if remote is not None:
        commands.append(["remote", "add", "origin", remote])
    for command in commands:
        subprocess.run([*git, *command], check=True)
    return subprocess.run(
        [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("remote", "package"),
    [
        ("git@git.example.com:team/churn-models.git", "churn-models"),
        ("https://git.example.com/team/churn-models/", "churn-models"),
        ("ssh://git.example.com/pkg/ChurnModels", "ChurnModels"),
    ],
)
def test_a_checkout_has_author_commit_and_package(tmp_path: Path, remote: str, package: str) -> None:
    commit = repository(tmp_path, "Ada Lovelace", remote)
    file = tmp_path / "deep" / "pipeline.json"
    file.parent.mkdir()
    file.write_text(json.dumps(unlabelled()))
    report = report_of(file)
    assert report.metadata["author"] == "Ada Lovelace"
    assert report.metadata["commit_id"] == commit
    assert report.metadata["package_name"] == package


def test_without_git_there_is_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path, "Ada")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(unlabelled()))
    assert sources_of(report_of(file))["commit_id"] == "default"


def test_variables_of_git_hooks_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "mine").mkdir()
    repository(tmp_path / "other", "Other")
    commit = repository(tmp_path / "mine", "Mine")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    file = tmp_path / "mine" / "pipeline.json"
    file.write_text(json.dumps(unlabelled()))
    assert report_of(file).metadata["commit_id"] == commit


CI = {
    "GITHUB_ACTIONS": (
        {"GITHUB_ACTOR": "ada", "GITHUB_SHA": "abc", "GITHUB_REPOSITORY": "team/churn"},
        {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1.2.0"},
    ),
    "GITLAB_CI": (
        {"GITLAB_USER_NAME": "ada", "CI_COMMIT_SHA": "abc", "CI_PROJECT_NAME": "churn"},
        {"CI_COMMIT_TAG": "1.2.0"},
    ),
    "JENKINS_URL": (
        {"BUILD_USER": "ada", "GIT_COMMIT": "abc", "GIT_URL": "https://git.example.com/team/churn.git"},
        {"TAG_NAME": "1.2.0"},
    ),
}


@pytest.mark.parametrize("system", CI)
def test_ci_variables_are_read(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, tag = CI[system]
    source = unlabelled({"providers": ["ci"]})
    for name, value in {system: "yes", **variables}.items():
        monkeypatch.setenv(name, value)
    found = report_of(source).metadata
    assert (found["author"], found["commit_id"], found["package_name"]) == ("ada", "abc", "churn")
    assert found["version"] == "0.0.0"
    for name, value in tag.items():
        monkeypatch.setenv(name, value)
    assert report_of(source).metadata["version"] == "1.2.0"


def test_a_branch_is_not_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_COMMIT_TAG", "nightly")
    assert sources_of(report_of(unlabelled({"providers": ["ci"]})))["version"] == "default"


def test_pyproject_is_found_above_the_config(tmp_path: Path) -> None:
    text = '[project]\nname = "churn"\nversion = "2.0"\ndescription = "Churn."\nauthors = [{email = "a@example.com"}]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    file = tmp_path / "deep" / "pipeline.json"
    file.parent.mkdir()
    file.write_text(json.dumps(unlabelled({"providers": ["pyproject"]})))
    found = report_of(file).metadata
    assert [found[name] for name in ("author", "version", "description", "package_name")] == [
        "a@example.com",
        "2.0",
        "Churn.",
        "churn",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[project\n", "pyproject.toml:1"),
        ("project = 1\n", "'project' is invalid, expected a table"),
        ('[project]\nversion = "no"\n', "expected a version"),
    ],
)
def test_mistakes_in_pyproject_are_reported(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(unlabelled({"providers": ["pyproject"]})))
    assert any(expected in error for error in errors_of(file))


def provide(
    modules: Callable[[str, str], None], text: str, name: str = "house", owner: str = "house-rules"
) -> None:
    """Install a metadata provider of a third party."""
    module = owner.replace("-", "_")
    modules(f"{module}.py", text)
    modules(f"{owner}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {owner}\nVersion: 1.0\n")
    points = f"[mods_plugin.metadata_providers]\n{name} = {module}:provider\n"
    modules(f"{owner}-1.0.dist-info/entry_points.txt", points)


def test_third_parties_provide_metadata(modules: Callable[[str, str], None]) -> None:
    provide(
        modules,
        "def provider(context):\n    return {'author': context.config.pipeline.name + ' team', 'version': None}\n",
    )
    report = report_of(unlabelled({"providers": ["house"]}, version="3.0"))
    assert (report.metadata["author"], report.metadata["version"]) == ("churn team", "3.0")
    assert sources_of(report)["author"] == "provider house"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "def provider(context):\n    raise RuntimeError('down')\n",
            r"'house' \(house-rules 1.0\) raised RuntimeError: down",
        ),
        ("def provider(context):\n    return 7\n", "returned 7, expected a mapping"),
        (
            "def provider(context):\n    return {'autor': 'x'}\n",
            "returned unknown field 'autor', expected author",
        ),
        ("", "raised AttributeError"),
    ],
)
def test_a_broken_provider_is_reported(modules: Callable[[str, str], None], text: str, expected: str) -> None:
    provide(modules, text)
    with pytest.raises(PluginError, match=expected):
        report_of(unlabelled({"providers": ["house"]}))


def test_two_providers_of_one_name_are_an_error(modules: Callable[[str, str], None]) -> None:
    text = "def provider(context):\n    return {}\n"
    provide(modules, text)
    provide(modules, text, owner="other-rules")
    with pytest.raises(PluginError, match=r"provided by house-rules 1.0 and other-rules 1.0"):
        report_of(unlabelled({"providers": ["house"]}))


BROKEN = {
    "no metadata": {
        "broken-1.0.dist-info/entry_points.txt": "[mods_plugin.metadata_providers]\nbroken = x:y\n"
    },
    "no bytes of text": {"broken-1.0.dist-info/entry_points.txt": "\udcff"},
    "no entry points": {
        "broken-1.0.dist-info/METADATA": "Name: broken\n",
        "broken-1.0.dist-info/entry_points.txt": "mods_plugin.metadata_providers = x\n",
    },
    "an empty folder": {"broken-1.0.dist-info/RECORD": ""},
}


@pytest.mark.parametrize("way", BROKEN)
def test_an_unrelated_broken_distribution_stops_no_provider(
    tmp_path: Path, modules: Callable[[str, str], None], way: str
) -> None:
    provide(modules, "def provider(context):\n    return {'author': 'risk'}\n")
    for path, text in BROKEN[way].items():
        file = tmp_path / "modules" / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode(errors="surrogateescape"))
    assert report_of(unlabelled({"providers": ["house"]})).metadata["author"] == "risk"


def test_a_distribution_with_unreadable_metadata_is_reported(modules: Callable[[str, str], None]) -> None:
    modules("broken-1.0.dist-info/entry_points.txt", "[mods_plugin.metadata_providers]\nbroken = x:y\n")
    (error,) = errors_of(unlabelled({"providers": ["broken"]}))
    assert "unknown metadata provider 'broken'; the metadata of " in error
    assert "broken-1.0.dist-info cannot be read" in error


def test_outside_of_a_checkout_git_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent), prepend=os.pathsep)
    assert read_checkout(tmp_path) == Checkout()
    assert not (tmp_path / "started").exists()
    (tmp_path / ".git").mkdir()
    assert read_checkout(tmp_path) == Checkout()
    assert (tmp_path / "started").exists()


def test_an_unknown_provider_is_a_located_error() -> None:
    (error,) = errors_of(unlabelled({"providers": ["pyprojekt"]}))
    assert error.startswith(
        "<config>.plugins.options.mods.providers[0]: unknown metadata provider 'pyprojekt'"
    )
    assert "'pyproject'" in error


class Section(BaseModel):
    author: str = "nested"
    module: str = "team.churn"


class TeamConfig(BasePipelineConfig):
    mods: Section


FLAT = {"author": "a", "version": "1.0", "description": "d"}
LONG = {"pipeline_author": "a", "pipeline_version": "1.0", "pipeline_description": "d"}


@pytest.mark.parametrize("base", [FLAT, LONG, {"pipeline": FLAT}, {"mods": LONG}, {"metadata": FLAT}])
def test_a_base_config_can_use_either_spelling_and_sections(base: dict[str, Any]) -> None:
    found = base_config_metadata(base)
    assert {name: value for name, (value, _) in found.items()} == FLAT


def test_a_base_config_can_be_a_model() -> None:
    base = TeamConfig(name="churn", role="arn:aws:iam::123456789012:role/R", version="1.0", mods=Section())
    found = base_config_metadata(base)
    assert found["author"] == ("nested", ("mods", "author"))
    assert found["module"] == ("team.churn", ("mods", "module"))
    assert found["version"][0] == "1.0"
    assert "name" not in found, "the name of a base config is the pipeline's"
    source = {**unlabelled(), "pipeline": TeamConfig(**unlabelled()["pipeline"], mods=Section())}
    report = report_of(source)
    assert (report.metadata["author"], report.metadata["module"]) == ("nested", "team.churn")


@pytest.mark.parametrize("spelling", ["version", "pipeline_version"])
def test_an_invalid_value_is_located(tmp_path: Path, spelling: str) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        "pipeline:\n  name: churn\n  role: arn:aws:iam::123456789012:role/R\n"
        f"  {spelling}: latest\nsteps:\n  stop: {{type: Fail, error_message: x}}\n"
    )
    (error,) = errors_of(file)
    assert error.startswith(
        f"{file}:4: the version of the template, from pipeline.version, is 'latest', expected a version"
    )


def test_all_mistakes_are_reported_at_once() -> None:
    source = config({"commit_id": "a\tb", "strict": True}, pipeline={**config()["pipeline"], "version": "x"})
    source["steps"]["train"]["instance_count"] = "two"
    found = errors_of(source)
    assert any("commit_id: value contains control character U+0009" in error for error in found)
    assert any("instance_count: expected an integer" in error for error in found)


def test_mistakes_in_metadata_do_not_hide_others() -> None:
    source = config(
        pipeline={**config()["pipeline"], "author": "a\tb"}, edges=["load -> train", "load => trian"]
    )
    found = errors_of(source)
    assert len(found) == 2
    assert any(
        "the author of the template, from pipeline.author, contains control character" in error
        for error in found
    )
    assert any("'trian'" in error for error in found)
    result = MODSPipelineDAGCompiler(source).validate()
    assert sorted(map(str, result.errors)) == sorted(found)


def test_arguments_are_validated() -> None:
    (error,) = errors_of(config(), author="a\nb")
    assert error == "<author>: the author of the template, from argument, contains control character U+000A"


def test_a_default_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(unlabelled()))
    report = report_of(file)
    assert [warning.code for warning in report.warnings] == ["mods.metadata"] * 5
    messages = [warning.message for warning in report.warnings]
    assert "missing author of the template, using default 'unknown'" in messages
    assert "missing commit_id of the template" in messages
    assert all(warning.location is not None for warning in report.warnings)
    assert (report.metadata["version"], report.metadata["package_name"]) == ("0.0.0", None)
    assert dict(report.spec.tags) == {}
    assert report.spec.description is None


def test_unknown_metadata_raise_when_requested(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(unlabelled()))
    template: Any = MODSPipelineDAGCompiler(file).create_decorated_class()
    # The checkout that dagcast itself may be in is not that of the template.
    with pytest.raises(UnknownMetadataError, match="commit_id of template"):
        template.extract_commit_id()
    with pytest.raises(UnknownMetadataError, match="package_name of template"):
        template.extract_gitfarm_package_name()


def test_strict_turns_missing_metadata_into_errors(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(unlabelled({"strict": True, "author": "risk"}), indent=1))
    found = errors_of(file)
    missing = ("version", "description", "package_name", "commit_id")
    assert [error.split(" (")[0].split(": ")[1] for error in found] == [
        f"missing {name} of the template" for name in missing
    ]
    assert not PipelineDAGCompiler(file, plugins=["mods"]).validate().is_valid
    assert report_of(config({"strict": True})).warnings == ()


def test_metadata_are_added_to_class_pipeline_and_report() -> None:
    compiler = MODSPipelineDAGCompiler(config({"module": "team.churn", "name": "Churn"}))
    expected = {**STATED, **CODE, "module": "team.churn", "name": "Churn"}
    template: Any = compiler.create_decorated_class()
    assert {name: getattr(template, name) for name in FIELDS} == expected
    assert template.extract_author() == "risk"
    assert template.extract_gitfarm_package_name() == "ChurnModels"
    assert template.extract_commit_id() == "0123abcd"
    assert (template.extract_module(), template.extract_name()) == ("team.churn", "Churn")
    pipeline, report = compiler.compile_with_report()
    assert {name: report.metadata[name] for name in FIELDS} == expected
    assert dict(pipeline.spec.tags) == {
        "mods:author": "risk",
        "mods:version": "1.4.0",
        "mods:template": "Churn",
        "mods:package": "ChurnModels",
        "mods:commit": "0123abcd",
    }
    assert (pipeline.spec.description, pipeline.spec.version) == ("Finds who leaves.", "1.4.0")
    json.dumps(report.as_dict())


def test_metadata_of_the_class_hold_for_its_instances() -> None:
    compiler = MODSPipelineDAGCompiler(config())
    template = compiler.create_decorated_class(author="someone else", description="Other.")
    made: Any = template(**compiler.create_template_params())
    assert made.extract_author() == "someone else"
    assert dict(made.generate_definition().spec.tags)["mods:author"] == "someone else"
    assert made.report.metadata["author"] == "someone else"


def test_values_of_the_user_do_not_change() -> None:
    base = {**config()["pipeline"], "tags": {"mods:author": "mine"}, "description": "Mine."}
    spec = (
        MODSPipelineDAGCompiler(config({"description": "Theirs."}, pipeline=base)).compile_definition().spec
    )
    assert spec.tags[0] == ("mods:author", "mine")
    assert spec.description == "Mine."
    assert MODSPipelineDAGCompiler(config({"tags": False})).compile_definition().spec.tags == ()


def test_tag_values_are_valid_for_the_service() -> None:
    assert tag_value("Se\u00e1n O'Neil, Jr.") == "Se\u00e1n O_Neil_ Jr."
    report = report_of(config({"author": "Se\u00e1n O'Neil"}))
    assert report.metadata["author"] == "Se\u00e1n O'Neil"
    assert dict(report.spec.tags)["mods:author"] == "Se\u00e1n O_Neil"


def test_the_plugin_is_installed_for_these_tests_only() -> None:
    assert importlib.metadata.version("mods-plugin") == "0.1.0"
