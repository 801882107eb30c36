"""Pytest options that add the tests of the kit to a test run. Without them the plugin does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("dagcast", "conformance of dagcast plugins")
    group.addoption(
        "--dagcast-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="Run the conformance tests for this installed plugin. May be repeated.",
    )
    group.addoption(
        "--dagcast-plugin-options",
        metavar="FILE",
        help="YAML, JSON or TOML file with options by plugin.",
    )
    group.addoption(
        "--dagcast-plugin-config",
        metavar="FILE",
        help="Config to compile in the tests. Default: the sample of the kit.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the suite to the collected files."""
    if config.getoption("--dagcast-plugin"):
        config.args.append(str(Path(__file__).with_name("suite.py")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize each test of the suite by the named plugins."""
    if "plugin_name" in metafunc.fixturenames and metafunc.module.__name__.endswith("suite"):
        metafunc.parametrize("plugin_name", metafunc.config.getoption("--dagcast-plugin"), scope="module")
