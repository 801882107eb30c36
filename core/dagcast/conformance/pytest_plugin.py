"""The door to the kit: pytest options that add its tests to a run. Inert, and cheap to import, unless asked."""

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
        help="Put this installed plugin to the tests.",
    )
    group.addoption(
        "--dagcast-plugin-options",
        metavar="FILE",
        help="YAML, JSON or TOML file: options by plugin, where it needs some.",
    )
    group.addoption(
        "--dagcast-plugin-config",
        metavar="FILE",
        help="Config to compile in the tests, in place of the kit's sample.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the suite to what is collected."""
    if config.getoption("--dagcast-plugin"):
        config.args.append(str(Path(__file__).with_name("suite.py")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the suite for each plugin that is named."""
    if "plugin_name" in metafunc.fixturenames and metafunc.module.__name__.endswith("suite"):
        metafunc.parametrize("plugin_name", metafunc.config.getoption("--dagcast-plugin"), scope="module")
