"""The modules that plugins may import: documentation and contract list the same, and each name is documented."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DECISION = ROOT / "docs" / "decisions" / "public-modules.md"
GUIDE = ROOT / "docs" / "writing-plugins.md"

MODULES = (
    "dagcast",
    "dagcast.artifacts",
    "dagcast.command_line",
    "dagcast.errors",
    "dagcast.local_images",
    "dagcast.plugin",
)


def test_the_contract_allows_these_modules() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    contract = text[text.index('id = "public"') :]
    allowed = re.findall(r'"\*\* -> ([\w.]+)"', contract[: contract.index("\n]\n")])
    assert sorted(allowed) == sorted(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_the_documentation_lists_each(module: str) -> None:
    for page in (DECISION, GUIDE):
        assert f"`{module}`" in page.read_text("utf-8"), page.name


ANY = {
    "Lowering.as_string": "a value of a config, or a reference",
    "Pipeline.sagemaker_session": "an object of one of the two SDKs",
    "Pipeline.start": "an object of one of the two SDKs",
    "RequestBody.get": "a value of a request",
    "compile_verified": "its overloads have types",
    "freeze": "JSON data",
    "thaw": "JSON data",
    "value_at": "a value of a request",
}
"""Public functions whose result has no narrower type, with the reason."""


def members(module: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the public functions, methods and properties of a module: the name, what it is, and its function."""
    home = importlib.import_module(module)
    assert home.__all__
    for name in home.__all__:
        value = getattr(home, name)
        if inspect.isfunction(value):
            yield name, value, value
        elif inspect.isclass(value):
            for key, member in inspect.getmembers(value):
                function = member.fget if isinstance(member, property) else member
                ours = str(getattr(function, "__module__", "")).startswith(("dagcast", "mods_plugin"))
                if not key.startswith("_") and ours and inspect.isroutine(function):
                    yield f"{name}.{key}", member, function


@pytest.mark.parametrize("module", [*MODULES, "mods_plugin"])
def test_each_name_has_a_docstring(module: str) -> None:
    home = importlib.import_module(module)
    for name in home.__all__:
        value = getattr(home, name)
        if inspect.isroutine(value) or inspect.isclass(value):
            assert inspect.getdoc(value), name
    assert [name for name, member, _ in members(module) if not inspect.getdoc(member)] == []


@pytest.mark.parametrize("module", [*MODULES, "mods_plugin"])
def test_each_result_has_a_type_that_a_type_checker_can_use(module: str) -> None:
    untyped = {
        name
        for name, _, function in members(module)
        if inspect.signature(function).return_annotation in ("Any", Any, inspect.Signature.empty)
    }
    assert untyped <= ANY.keys()
