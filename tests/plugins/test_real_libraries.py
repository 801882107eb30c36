"""Decorators of real libraries are called once. Each works, or is refused as Python itself would refuse it."""

from __future__ import annotations

from abc import ABC
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.errors import PluginError
from dagcast.plugin import hookimpl
from dagcast.template import DynamicPipelineTemplate
from tests.support.real_decorators import VARIANTS, Decorator

CONFIG = {"pipeline": {"name": "demo"}, "steps": {"stop": {"type": "Fail", "error_message": "enough"}}}
PLAIN = PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition().definition
WORKING = [name for name, variant in VARIANTS.items() if variant.problem is None]
REFUSED = [name for name, variant in VARIANTS.items() if variant.problem is not None]


class Plugin:
    """A plugin that applies the decorator of a library."""

    name = "alpha"

    def __init__(self, decorator: Decorator) -> None:
        self.decorator = decorator
        self.given: list[type] = []

    @hookimpl
    def decorate_template_class(self, template_class: type) -> Any:
        self.given.append(template_class)
        return self.decorator(template_class)


def works_in_python(decorator: Decorator) -> bool:
    """Return whether the decorator works on a class that has nothing to do with dagcast, and the same constructor."""

    class Bare(ABC):  # noqa: B024
        def __init__(self, dag: Any, config: Any, *, plugins: Any, metadata: Any) -> None:
            self.dag = dag
            self.config = config
            self.plugins = plugins
            self.metadata = metadata

    given = {name: object() for name in ("dag", "config", "plugins", "metadata")}
    try:
        made = decorator(Bare)
        if not (isinstance(made, type) and Bare in made.__mro__):
            return False
        instance = made(**given)
        return all(getattr(instance, name) is value for name, value in given.items())
    except Exception:
        return False


def test_there_are_enough() -> None:
    assert len(VARIANTS) >= 75
    assert len(WORKING) >= 55


@pytest.mark.parametrize("name", WORKING)
def test_it_works(name: str) -> None:
    plugin = Plugin(VARIANTS[name].decorator)
    compiler = PipelineDAGCompiler(CONFIG, plugins=[plugin])
    template = compiler.create_template()
    assert len(plugin.given) == 1
    made: Any = type(template)
    assert plugin.given[0] in made.__mro__
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(made, attribute) == getattr(DynamicPipelineTemplate, attribute)
    assert template.generate_definition().definition == PLAIN
    assert compiler.compile_definition().definition == PLAIN
    assert len(plugin.given) == 1
    assert PipelineDAGCompiler(CONFIG, plugins=[]).compile_definition().definition == PLAIN


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_as_python_refuses_it(name: str) -> None:
    variant = VARIANTS[name]
    plugin = Plugin(variant.decorator)
    with pytest.raises(PluginError) as caught:
        PipelineDAGCompiler(CONFIG, plugins=[plugin]).create_template()
    error = caught.value
    assert len(plugin.given) == 1
    assert (error.plugin, error.hook) == ("alpha", "decorate_template_class")
    assert str(variant.problem) in error.problem
    assert error.remedy
    assert not works_in_python(variant.decorator), f"Python accepts this: {error}"


@pytest.mark.parametrize("name", ["msgspec_struct", "protobuf_message", "typed_dict", "named_tuple"])
def test_a_base_that_no_class_statement_joins_is_not_answered_with_mixin(name: str) -> None:
    with pytest.raises(PluginError) as caught:
        PipelineDAGCompiler(CONFIG, plugins=[Plugin(VARIANTS[name].decorator)]).create_template()
    assert "mixin" not in caught.value.remedy
    assert "hold an instance of it in an attribute" in caught.value.remedy
