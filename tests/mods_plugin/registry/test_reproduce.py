"""Compiling from the registry alone: the same bytes, on another machine, or an error that says why not."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dagcast.plugins.lock import lock_differences
from dagcast.staging.stage_files import archive_bytes
from mods_plugin import MODSPipelineDAGCompiler
from mods_plugin.registry import NotReproducedError, Registry, RegistryError, StagedObject
from mods_plugin.registry.project import write_project
from tests.mods_plugin.configs import IMAGE, config, unlabelled
from tests.mods_plugin.registry.conftest import Project
from tests.support import every_type

Run = Callable[..., subprocess.CompletedProcess[str]]
CLI = ("-m", "dagcast.cli", "mods")


def change(place: str, statement: str, **values: Any) -> None:
    """Change the database behind the registry's back."""
    url = place.replace("postgresql://", "postgresql+psycopg://") if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url)
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount == 1
    engine.dispose()


def replace_content(registry: Registry, place: str, **parts: Any) -> None:
    """Change a version and the digest of its content, as somebody who can write to the database would."""
    content = {**registry.show("churn").content(), **parts}
    # How the code of a plugin was installed is not content.
    how = ("code", "code_problems")
    content["plugins"] = [
        {key: value for key, value in plugin.items() if key not in how} for plugin in content["plugins"]
    ]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    change(
        place,
        "UPDATE mods_template_versions SET config = :config, plugins = :plugins, content_sha256 = :digest",
        config=json.dumps(content["config"]),
        plugins=json.dumps(content["plugins"]),
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
    )


def test_another_machine_compiles_the_same_bytes(
    registry: Registry, place: str, project: Project, run: Run, tmp_path: Path
) -> None:
    """Another process, folder and CI system; a git checkout around it; nothing of the project is left."""
    project.save({"providers": ["ci", "pyproject"], "commit_id": None, "package_name": None})
    template = registry.register(project.file).template
    assert template.metadata["commit_id"] is None
    shutil.rmtree(project.folder)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\nversion = "9.9.9"\n')
    for command in (
        ["init", "-q"],
        ["-c", "user.name=another", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "another", "GITHUB_SHA": "f" * 40}
    done = run(*CLI, "compile", "churn@1.4.0", "--registry", place, TMPDIR=str(tmp_path), **ci)
    assert done.returncode == 0, done.stderr
    assert done.stdout == template.definition + "\n"
    script = """
import json, sys
from mods_plugin.registry import Registry
compilation = Registry(sys.argv[1]).compile("churn")
print(json.dumps([compilation.report.metadata, compilation.spec.tags], default=dict))
"""
    again = run("-c", script, place, TMPDIR=str(tmp_path), **ci)
    assert again.returncode == 0, again.stderr
    metadata, tags = json.loads(again.stdout)
    assert metadata == template.metadata, "nothing of this machine is in the metadata"
    assert not [value for _, value in tags if "another" in value or "ffff" in value]


def test_code_keeps_its_relative_paths(registry: Registry, project: Project, tmp_path: Path) -> None:
    """Above the config's folder, by an absolute path, twice with the same content, and executable."""
    project.write("../shared/common.py", "print('common')\n")
    project.write("twin/load.py", "print('load')\n")
    project.write("tool.py", "print('tool')\n")
    (project.folder / "tool.py").chmod(0o755)
    image = {"type": "Processing", "outputs": {}}
    steps = {
        "above": {**image, "entry_point": "../shared/common.py"},
        "absolute": {**image, "entry_point": str(project.folder / "load.py")},
        "outside": {**image, "entry_point": str(tmp_path / "shared" / "common.py")},
        "twin": {**image, "entry_point": "twin/load.py"},
        "script": {"type": "Training", "entry_point": "tool.py"},
        "same": {**image, "entry_point": "tool.py"},
        "way": {**image, "entry_point": "code/../twin/load.py"},
    }
    project.save(steps=steps, edges=[])
    template = registry.register(project.file).template
    assert str(tmp_path) not in json.dumps(template.config)
    assert str(tmp_path) not in json.dumps([item.as_dict() for item in template.staged])
    assert {item.source for item in template.staged} == {
        "../shared/common.py",
        "load.py",
        "twin/load.py",
        "tool.py",
        "code/../twin/load.py",
    }
    expected = MODSPipelineDAGCompiler(project.file).compile_definition().definition
    shutil.rmtree(project.folder)
    shutil.rmtree(tmp_path / "shared")
    assert registry.compile("churn").definition == expected


def test_files_next_to_folders(registry: Registry, project: Project) -> None:
    project.write("report.ipynb", "{}")
    project.write("jars/a.jar", "a")
    project.write("jars/deep/b.jar", "b")
    notebook = {
        "type": "NotebookJob",
        "input_notebook": "report.ipynb",
        "initialization_script": str(project.folder / "load.py"),
        "additional_dependencies": [str(project.folder / "jars"), "code/lib/tools.py"],
        "image_uri": IMAGE,
        "kernel_name": "python3",
    }
    project.save(steps={"report": notebook}, edges=[])
    template = registry.register(project.file).template
    assert {item.source for item in template.staged} >= {"jars/a.jar", "jars/deep/b.jar", "load.py"}
    shutil.rmtree(project.folder)
    assert registry.compile("churn").definition == template.definition


def test_every_step_type_is_reproduced(registry: Registry, tmp_path: Path) -> None:
    """With references, branches, images and code of each."""
    template = registry.register(every_type.write_project(tmp_path / "every")).template
    shutil.rmtree(tmp_path / "every")
    assert registry.compile(template.name, "1.0").definition == template.definition


def test_a_dag_can_select_and_reorder_steps(registry: Registry, project: Project) -> None:
    steps = {name: {"type": "Fail", "error_message": name} for name in "abcd"}
    project.save(steps=steps, edges=["a => b"])
    dag = {"nodes": ["d", "c", "a"], "edges": ["a => c"]}
    template = registry.register(project.file, dag).template
    compiled = registry.compile("churn")
    assert compiled.definition == template.definition
    assert [step.name for step in compiled.spec.steps] == ["d", "a", "c"]


def test_default_metadata_stay_defaults(registry: Registry) -> None:
    unnamed = unlabelled(version="1.0.0")
    report = MODSPipelineDAGCompiler(unnamed).compile_definition().report
    registry.register(unnamed)
    again = registry.compile("churn").report
    assert again.metadata == report.metadata
    assert again.spec.tags == report.spec.tags


def test_the_report_contains_the_decorator_of_this_machine(
    registry: Registry, modules: Callable[[str, str], None]
) -> None:
    registry.register(config())
    modules("mods/__init__.py", "")
    modules("mods/mods_template.py", "from mods_plugin.decorator import MODSTemplate\n")
    assert registry.compile("churn").report.metadata["mods"]["decorator"] == "mods.mods_template:MODSTemplate"


def test_a_version_can_be_deployed_from_the_registry(registry: Registry, project: Project) -> None:
    template = registry.register(project.file).template
    shutil.rmtree(project.folder)
    with registry.compiler("churn", "1.4.0") as compiler:
        pipeline, report = compiler.compile_with_report()
        assert pipeline.definition() == template.definition
        assert compiler.create_decorated_class().extract_author() == "risk"
        assert {code.uri: len(archive_bytes(code)) for code in report.staged} == {
            item.uri: item.size for item in template.staged
        }
        root = Path(compiler.config_path).parent
        assert (root / "code" / "lib" / "tools.py").read_text() == "NUMBER = 1\n"
    assert not root.exists()


@pytest.mark.parametrize("call", ["compile", "compiler"])
def test_different_plugins_are_an_error(registry: Registry, place: str, project: Project, call: str) -> None:
    registry.register(project.file, plugins=["guardrails"])
    lock = [dict(plugin) for plugin in registry.show("churn").plugins]
    lock[0]["version"] = "0.0.9"
    lock[1]["options_sha256"] = "0" * 64
    replace_content(registry, place, plugins=lock)

    def again() -> None:
        if call == "compile":
            registry.compile("churn")
        else:
            with registry.compiler("churn"):
                raise AssertionError("it is refused before")

    with pytest.raises(NotReproducedError) as refused:
        again()
    error = refused.value
    assert len(error.reasons) == 2
    assert "plugin 'mods': its version is 0.1.0, the lock has 0.0.9" in error.reasons
    assert (
        "the plugins differ from those it was registered with (--stored writes the registered definition)"
        in str(error)
    )


def test_a_missing_plugin_is_reported(registry: Registry, place: str) -> None:
    registry.register(config())
    lock = [*map(dict, registry.show("churn").plugins), {"name": "lineage-of-ours"}]
    replace_content(registry, place, plugins=lock)
    with pytest.raises(NotReproducedError, match="'lineage-of-ours': it is not installed"):
        registry.compile("churn")


def test_a_different_definition_is_an_error_with_a_diff(registry: Registry, place: str) -> None:
    registry.register(config())
    data = registry.show("churn").config
    data["steps"]["stop"]["error_message"] = "halted"
    replace_content(registry, place, config=data)
    made_with = json.dumps({"sagemaker": "2.0.0"})
    change(place, "UPDATE mods_template_versions SET made_with = :made_with", made_with=made_with)
    with pytest.raises(NotReproducedError) as refused:
        registry.compile("churn")
    assert "it compiles to a different definition" in str(refused.value)
    assert '-        "ErrorMessage": "stopped"' in str(refused.value)
    assert '+        "ErrorMessage": "halted"' in str(refused.value)
    assert "sagemaker is " in str(refused.value)
    assert ", registered with 2.0.0" in str(refused.value)


def test_a_failing_compile_has_a_reason(registry: Registry, place: str) -> None:
    registry.register(config())
    data = registry.show("churn").config
    data["steps"]["stop"]["messsage"] = "halted"
    replace_content(registry, place, config=data)
    with pytest.raises(NotReproducedError, match=r"does not compile(?s:.*)unknown field 'messsage'"):
        registry.compile("churn")


def test_a_damaged_definition_is_an_error(registry: Registry, place: str) -> None:
    registry.register(config())
    change(place, "UPDATE mods_template_versions SET definition = definition || ' '")
    for call in (registry.show, registry.compile):
        with pytest.raises(
            RegistryError,
            match=r"the registry is damaged: churn@1\.4\.0: definition: the digest of the definition differs",
        ):
            call("churn")


def test_damaged_code_is_an_error(registry: Registry, place: str, project: Project) -> None:
    found = registry.register(project.file).template.staged[0]
    change(
        place,
        "UPDATE mods_code_pieces SET content = :content WHERE sha256 = :sha256",
        content=b"print('evil')\n",
        sha256=found.sha256,
    )
    with pytest.raises(RegistryError, match=f"the registry is damaged: the bytes of code {found.sha256}"):
        registry.compile("churn")


def test_code_of_any_size_round_trips(registry: Registry, project: Project) -> None:
    content = os.urandom(1024).hex() * 1700
    project.write("code/large.txt", content)
    template = registry.register(project.file).template
    shutil.rmtree(project.folder)
    assert max(item.size for item in template.staged) > 3 * 1024 * 1024
    assert registry.compile("churn").definition == template.definition


def test_shared_code_is_stored_once(registry: Registry, place: str, project: Project) -> None:
    registry.register(project.file)
    registry.register(project.versioned("1.5.0"))
    url = place.replace("postgresql://", "postgresql+psycopg://") if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url)
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT count(*) FROM mods_code")).scalar_one()
        staged = connection.execute(text("SELECT count(*) FROM mods_staged_code")).scalar_one()
    engine.dispose()
    assert (counted, staged) == (2, 4)


def packed(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    """An archive with one member."""
    content, member = io.BytesIO(), tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc"
    with tarfile.open(fileobj=content, mode="w:gz") as opened:
        opened.addfile(member, io.BytesIO(b""))
    return content.getvalue()


@pytest.mark.parametrize(
    ("source", "form", "member"),
    [
        ("code", "archive", ("../outside.py", tarfile.REGTYPE)),
        ("code", "archive", ("a/../../outside.py", tarfile.REGTYPE)),
        ("code", "archive", ("/etc/outside.py", tarfile.REGTYPE)),
        ("code", "archive", ("..", tarfile.REGTYPE)),
        ("code", "archive", ("link", tarfile.SYMTYPE)),
        ("code", "archive", ("link", tarfile.LNKTYPE)),
        ("code", "archive", ("pipe", tarfile.FIFOTYPE)),
        ("code", "archive", None),
        ("code.py", "script", ("../outside.py", tarfile.REGTYPE)),
        ("/etc/outside.py", "file", None),
        ("..", "file", None),
        ("a\0b", "file", None),
    ],
)
def test_nothing_is_written_outside_of_the_project(
    file_registry: Registry, tmp_path: Path, source: str, form: str, member: tuple[str, bytes] | None
) -> None:
    content = packed(*member) if member is not None else b"no archive"
    template = file_registry.register(config()).template
    staged = StagedObject("s3://my-bucket/code", "0" * 64, len(content), source, form)
    before = set(tmp_path.iterdir())
    with pytest.raises(RegistryError, match="the registry is damaged"):
        write_project(replace(template, staged=(staged,)), lambda _: content, tmp_path / "project")
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "project"}


def test_the_written_project_compiles_without_the_registry(
    file_registry: Registry, project: Project, tmp_path: Path
) -> None:
    template = file_registry.register(project.file).template
    with file_registry.compiler("churn") as compiler:
        shutil.copytree(Path(compiler.config_path).parent, tmp_path / "copy")
    again = MODSPipelineDAGCompiler(tmp_path / "copy" / "pipeline.json").compile_definition()
    assert again.definition == template.definition
    assert not lock_differences(template.plugins, again.report.plugins)
