"""Examples in docstrings run, and every public callable has one."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dagcast
import dagcast.plugin
from dagcast import PipelineDAGCompiler

WITHOUT_EXAMPLE = {
    "Cached": "a mixin without arguments of its own",
    "Change": "a value that dagcast creates",
    "CompileReport": "a value that dagcast creates",
    "Document": "a value that dagcast creates",
    "Lowering": "a value that dagcast creates",
    "PipelineConfig": "a value that dagcast creates",
    "Reference": "a base class that is not instantiated",
    "RequestField": "a value that dagcast creates",
    "RequestFields": "a value that dagcast creates",
    "Retried": "a mixin without arguments of its own",
    "SDKError": "raised where no SDK is installed",
    "StagingError": "raised by calls of AWS",
    "WithInputs": "a mixin without arguments of its own",
    "hookimpl": "documented by pluggy, with an example in the docstring of dagcast.plugin",
}
"""Public callables whose call is obvious, with the reason."""


def modules() -> list[str]:
    """Modules with an example, found by their text, so that others are not imported."""
    root = Path(dagcast.__path__[0])
    files = (
        path.relative_to(root) for path in sorted(root.rglob("*.py")) if ">>> " in path.read_text("utf-8")
    )
    names = (".".join(("dagcast", *file.with_suffix("").parts)) for file in files)
    return [name.removesuffix(".__init__") for name in names]


def public_callables() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for namespace in (dagcast, dagcast.plugin):
        for name in namespace.__all__:
            value = getattr(namespace, name)
            if inspect.isclass(value) or inspect.isfunction(value) or name == "hookimpl":
                found[name] = value
    return found


def examples_of(module: ModuleType) -> Iterator[doctest.DocTest]:
    return (item for item in doctest.DocTestFinder(exclude_empty=True).find(module) if item.examples)


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_run(name: str) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    output: list[str] = []
    for example in examples_of(import_module(name)):
        runner.run(example, out=output.append)
    assert not output, "".join(output)


@pytest.mark.parametrize("name", sorted(public_callables()))
def test_a_public_callable_has_an_example(name: str) -> None:
    has_example = ">>> " in (public_callables()[name].__doc__ or "")
    assert has_example != (name in WITHOUT_EXAMPLE)


def test_exemptions_are_public_names() -> None:
    assert set(WITHOUT_EXAMPLE) <= set(public_callables())


@pytest.mark.parametrize(
    "door", ["create_decorated_class", "create_template_params", "create_template", "compile"]
)
def test_a_door_of_the_compiler_has_an_example(door: str) -> None:
    text = getattr(PipelineDAGCompiler, door).__doc__
    assert ">>> " in text


def test_a_wrong_example_fails() -> None:
    module = ModuleType("wrong", ">>> 1 + 1\n3\n")
    output: list[str] = []
    for example in examples_of(module):
        doctest.DocTestRunner(verbose=False).run(example, out=output.append)
    assert "Expected:\n    3\nGot:\n    2" in "".join(output)
