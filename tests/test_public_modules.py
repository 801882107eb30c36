"""The modules that plugins may import: documentation and contract list the same, and each name is documented."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DECISION = ROOT / "docs" / "decisions" / "public-modules.md"
GUIDE = ROOT / "docs" / "writing-plugins.md"

MODULES = ("dagcast", "dagcast.artifacts", "dagcast.command_line", "dagcast.errors", "dagcast.plugin")


def test_the_contract_allows_these_modules() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    contract = text[text.index('id = "public"') :]
    allowed = re.findall(r'"\*\* -> ([\w.]+)"', contract[: contract.index("\n]\n")])
    assert sorted(allowed) == sorted(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_the_documentation_lists_each(module: str) -> None:
    for page in (DECISION, GUIDE):
        assert f"`{module}`" in page.read_text("utf-8"), page.name


@pytest.mark.parametrize("module", ["dagcast.artifacts", "dagcast.command_line"])
def test_each_name_has_a_docstring(module: str) -> None:
    home = importlib.import_module(module)
    names = home.__all__
    assert names
    for name in names:
        assert inspect.getdoc(getattr(home, name)), name
