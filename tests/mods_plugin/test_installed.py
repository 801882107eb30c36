"""Installing the distribution is all that it takes: the command line, the conformance tests, what importing costs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from importlib_metadata import distributions

from tests.mods_plugin.configs import config

Run = Callable[..., subprocess.CompletedProcess[str]]
CLI = ("-m", "dagcast.cli")


@pytest.fixture
def compiled(run: Run, tmp_path: Path) -> Callable[..., dict[str, object]]:
    """Compiles a config from the command line; gives the report."""
    (tmp_path / "pipeline.json").write_text(json.dumps(config()))

    def execute(*flags: str, **environment: str) -> dict[str, object]:
        done = run(*CLI, "compile", "pipeline.json", "-o", "out.json", "--json", *flags, **environment)
        assert done.returncode == 0, done.stderr
        report: dict[str, object] = json.loads(done.stdout)["report"]
        return report

    return execute


def test_the_plugin_runs_after_installation(
    compiled: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    report = compiled()
    assert isinstance(report["metadata"], dict)
    assert report["metadata"]["author"] == "risk"
    lock = json.loads((tmp_path / "out.plugins.json").read_text())["plugins"]
    assert [(item["name"], item["distribution"], item["version"]) for item in lock] == [
        ("mods", "mods-plugin", "0.1.0")
    ]
    compiled("--locked")


@pytest.mark.parametrize("flag", [("--no-plugin", "mods"), ("--no-plugins",)])
def test_one_flag_turns_the_plugin_off(
    compiled: Callable[..., dict[str, object]], flag: tuple[str, ...]
) -> None:
    report = compiled(*flag)
    assert (report["plugins"], report["metadata"]) == ([], {})


def test_mistakes_in_options_have_a_line(run: Run, tmp_path: Path) -> None:
    text = "pipeline: {name: churn}\nsteps: {stop: {type: Fail, error_message: x}}\nplugins:\n  options:\n    mods:\n"
    (tmp_path / "pipeline.yaml").write_text(
        text + "      verzion: 1.0.0\n      author: 7\n      version: soon\n"
    )
    done = run(*CLI, "validate", "pipeline.yaml")
    assert done.returncode == 1
    assert (
        "pipeline.yaml:6: error: options of plugin 'mods': unknown field 'verzion' (did you mean 'version'?)"
        in done.stderr
    )
    assert "pipeline.yaml:7: error: options of plugin 'mods': author: expected a string, got 7" in done.stderr
    assert (
        "pipeline.yaml:8: error: options of plugin 'mods': version: value is 'soon', expected a version"
        in done.stderr
    )


def test_the_options_are_part_of_the_schema(run: Run) -> None:
    done = run(*CLI, "schema")
    assert done.returncode == 0, done.stderr
    assert "standard_parameters" in done.stdout


def test_the_plugin_passes_the_conformance_tests(run: Run) -> None:
    kit = ("-p", "no:dagcast", "-p", "dagcast.conformance.pytest_plugin", "-p", "no:cacheprovider")
    done = run("-m", "pytest", "-q", *kit, "--dagcast-plugin", "mods")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_importing_the_package_is_lazy(run: Run) -> None:
    script = """
import sys
import mods_plugin
assert not [name for name in ("pydantic", "sagemaker", "dagcast", "mods") if name in sys.modules]
for name in mods_plugin.__all__:
    assert getattr(mods_plugin, name).__name__ == name
assert set(mods_plugin.__all__) <= set(dir(mods_plugin))
assert not [name for name in ("sagemaker", "boto3", "mods") if name in sys.modules]
"""
    done = run("-c", script)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error(run: Run) -> None:
    done = run("-c", "import mods_plugin; mods_plugin.Nothing")
    assert "has no attribute 'Nothing'" in done.stderr


def test_the_wheel_is_typed(site: Path) -> None:
    (found,) = distributions(path=[str(site)])
    assert (site / "mods_plugin" / "py.typed").is_file()
    assert found.metadata["Name"] == "mods-plugin"
    points = {(point.group, point.name) for point in found.entry_points}
    assert {
        ("dagcast", "mods"),
        ("dagcast.api", "mods"),
        ("dagcast.autoload", "mods"),
        ("mods_plugin.metadata_providers", "ci"),
        ("mods_plugin.metadata_providers", "pyproject"),
    } <= points
    assert not any(requirement.startswith("mods ") for requirement in found.requires or ())
