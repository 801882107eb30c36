"""Each plugin is a distribution of its own, and keeps what dagcast asks of every plugin."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.guardrails.rules import RULES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PLUGINS = {"guardrails": "dagcast_guardrails", "openlineage": "dagcast_openlineage"}


def folder(name: str) -> Path:
    return ROOT / "plugins" / f"dagcast-{name}"


@pytest.mark.parametrize("name", PLUGINS)
def test_the_wheel_holds_the_typed_package_and_the_entry_points(name: str, tmp_path: Path) -> None:
    package = PLUGINS[name]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    built = subprocess.run(command, cwd=folder(name), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = tmp_path.glob("*.whl")
    wheel = zipfile.ZipFile(path)
    modules = {f"{package}/{module.name}" for module in (folder(name) / package).glob("*.py")}
    inside = set(wheel.namelist())
    assert modules | {f"{package}/py.typed"} == {item for item in inside if ".dist-info/" not in item}
    points = ConfigParser()
    (listing,) = (item for item in inside if item.endswith("entry_points.txt"))
    points.read_string(wheel.read(listing).decode())
    assert dict(points["dagcast"]) == {name: f"{package}.hooks"}
    assert dict(points["dagcast.api"]) == {name: "v1"}
    assert "dagcast.autoload" not in points


@pytest.mark.parametrize("name", PLUGINS)
def test_it_imports_nothing_of_dagcast_but_the_namespace_for_plugins(name: str) -> None:
    imported = set()
    for module in (folder(name) / PLUGINS[name]).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    own = {item for item in imported if item.partition(".")[0] == "dagcast"}
    assert own == {"dagcast.plugin"}


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    from dagcast_openlineage import __version__

    metadata = tomllib.loads((folder("openlineage") / "pyproject.toml").read_text("utf-8"))
    assert metadata["project"]["version"] == __version__


@pytest.mark.parametrize("name", PLUGINS)
def test_it_keeps_what_dagcast_asks_of_every_plugin(name: str, tmp_path: Path) -> None:
    rules = {**RULES, "required_tags": {"project": {"pattern": "[a-z]+"}, "cost-center": "1234"}}
    options = {
        "guardrails": rules,
        "openlineage": {"transport": "file", "path": str(tmp_path / "lineage.jsonl")},
    }
    (tmp_path / "options.json").write_text(json.dumps(options))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "empty").mkdir()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "empty",
        "-q",
        "-p",
        "no:cacheprovider",
        "--dagcast-plugin",
        name,
    ]
    command += ["--dagcast-plugin-options", "options.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
