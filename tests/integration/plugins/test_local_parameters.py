"""Parameters that plugins add for the service alone, in a run on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.plugins.conftest import Site

CONFIG = """\
pipeline: {name: demo, role: "arn:aws:iam::123456789012:role/R", bucket: my-bucket}
steps: {stop: {type: Fail, error_message: "${param.Key} ${param.Net}"}}
plugins: {enable: [alpha]}
"""
ADDS = """
from dagcast.plugin import ParameterSpec


@hookimpl
def pipeline_parameters(config):
    return [ParameterSpec("Key", "String"), ParameterSpec("Net", "String")]
"""
LOCAL = """

@hookimpl
def local_parameters(config, metadata):
    return {values}
"""


@pytest.fixture
def run(site: Site, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.chdir(site.project)
    site.write(CONFIG)
    return lambda *arguments: site.cli("run", str(site.config), *arguments)


def test_the_values_of_a_plugin_are_used_but_for_those_of_the_user(site: Site, run: object) -> None:
    site.plugin("alpha", ADDS + LOCAL.format(values="{'Key': 'of-alpha', 'Net': 'of-alpha'}"))
    result = run("--param", "Net=mine")  # type: ignore[operator]
    assert "local values of plugin 'alpha': Key, Net" not in result.output
    assert "local values of plugin 'alpha': Key\n" in result.output
    assert "of-alpha mine" in result.output


def test_parameters_without_a_value_name_their_plugin_once(site: Site, run: object) -> None:
    site.plugin("alpha", ADDS)
    result = run()  # type: ignore[operator]
    assert result.exit_code == 1
    assert (
        "parameters 'Key', 'Net' of plugin 'alpha' have no value (--param Key=VALUE --param Net=VALUE, "
        "or leave the plugin out with --no-plugin alpha)" in result.output
    )
    assert result.output.count("Key=VALUE") == 1
    assert "parameter 'Net' of plugin 'alpha' has no value" in run("--param", "Key=a").output  # type: ignore[operator]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ("{'Kye': 'a'}", "it gives a value for parameter 'Kye', which the pipeline does not have"),
        ("{'Key': 5}", "it gives 5 for parameter 'Key', whose type is String"),
        ("None", "it returned nothing"),
        ("1 / 0", "it raised ZeroDivisionError"),
    ],
)
def test_a_wrong_result_names_the_plugin(site: Site, run: object, values: str, problem: str) -> None:
    site.plugin("alpha", ADDS + LOCAL.format(values=values))
    result = run()  # type: ignore[operator]
    assert result.exit_code == 1
    assert f"plugin 'alpha' (alpha-plugin 1.0), hook local_parameters: {problem}" in result.output
    assert not Path(".dagcast/runs").exists()
