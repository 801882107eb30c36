"""The tests that every plugin has to pass. Each says what it asks for in its message."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any

import pytest

from dagcast.compile.spec.definition import definition_json
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.conformance.companion import Companion
from dagcast.conformance.plugin_under_test import PluginUnderTest, undeclared
from dagcast.errors import DagcastError, InvalidInputError
from dagcast.plugins.load import load_plugin
from dagcast.plugins.options import options_model
from dagcast.plugins.scan import scan_plugins
from dagcast.template import DynamicPipelineTemplate, PipelineTemplateBase

IMPORT_BUDGET = 0.1
"""Most code that importing a plugin may load, as a part of what dagcast itself loads for every compile.

boto3, numpy or a web client are three times that, pandas and the SDK much more.
"""

CONTRACT = ("generate_pipeline", "generate_definition", "compile_into", "locate")
"""Methods of a template class that are called whatever has decorated it."""


@pytest.fixture(scope="module")
def subject(plugin_name: str, request: pytest.FixtureRequest) -> PluginUnderTest:
    """The plugin under test."""
    config = request.config
    return PluginUnderTest.read(
        plugin_name,
        config.getoption("--dagcast-plugin-options"),
        config.getoption("--dagcast-plugin-config"),
    )


@pytest.fixture(scope="module")
def apart(subject: PluginUnderTest) -> dict[str, Any]:
    """What compiling with it gives in a process of its own."""
    return subject.compile_apart(1)


def test_it_loads(subject: PluginUnderTest) -> None:
    """It is installed once, for these hooks, and every hook of it is one that exists."""
    plugin = load_plugin(subject.name, scan_plugins())
    assert plugin.hooks
    assert options_model(plugin).model_config.get("extra") == "forbid"


def test_importing_it_is_cheap_and_touches_no_network(subject: PluginUnderTest) -> None:
    """Importing it loads little code, opens no connection and starts no program."""
    found = subject.import_apart()
    assert found["used"] == [], "it uses the network or other programs while it is imported"
    loaded, budget = found["loaded"], int(found["loaded_before"] * IMPORT_BUDGET)
    heaviest = sorted(loaded, key=lambda package: -loaded[package])[:3]
    told = ", ".join(f"{package} {loaded[package]:,} bytes" for package in heaviest)
    problem = f"importing it loads more than {budget:,} bytes of code: {told}"
    assert sum(loaded.values()) <= budget, f"{problem}; import these inside the functions that need them"


def test_it_is_deterministic(subject: PluginUnderTest, apart: dict[str, Any]) -> None:
    """The same input gives the same bytes, in any process and with any hash seed."""
    again = subject.compile_apart(4242)
    for part in ("definition", "changes", "plugins"):
        assert apart[part] == again[part], f"two processes give different {part}"


def test_it_is_idempotent(subject: PluginUnderTest) -> None:
    """Changing a pipeline that it has changed already changes nothing more."""
    compiler = subject.compiler([subject.name])
    active = compiler.plugins.plugins[0]
    if not active.implements("transform_spec"):
        return
    once = compiler.compile_definition()
    metadata = once.report.metadata
    twice = active.call("transform_spec", spec=once.spec, metadata=metadata)
    assert isinstance(twice, PipelineSpec)
    assert twice == once.spec, "transform_spec changes a pipeline that it has changed already"


def test_it_changes_only_what_it_declares(subject: PluginUnderTest, apart: dict[str, Any]) -> None:
    """Every difference that it makes is recorded under one of its hooks, and it leaves the process as it was.

    What decorates the template class or takes note of a compile declares no change of the pipeline.
    """
    hooks = load_plugin(subject.name, scan_plugins()).hooks
    compiler = subject.compiler([subject.name])
    changed = compiler.compile_definition()
    for change in changed.report.changes:
        assert change.plugin == subject.name
        assert change.hook in hooks
    assert changed.definition == definition_json(changed.spec), "the definition is not that of its pipeline"
    assert apart["process"] == [], "these belong to the whole process, and are another after the compile"
    if "pipeline_compiled" in hooks and _has_sdk():
        pipeline, report = compiler.compile_with_report()
        assert pipeline.definition() == definition_json(report.spec), "it changes a pipeline that is compiled"
    try:
        plain = subject.compile_without()
    except InvalidInputError:
        pytest.skip("the config does not compile without the plugin: there is nothing to compare with")
    assert undeclared(plain, changed) == [], "these differ without the plugin, and none of its hooks says so"


def test_it_keeps_the_class_contract(subject: PluginUnderTest) -> None:
    """The decorated class is a template class of the same name, called alike, that makes the same pipeline."""
    compiler = subject.compiler([subject.name])
    decorated = compiler.create_decorated_class()
    assert isinstance(decorated, type)
    assert issubclass(decorated, (DynamicPipelineTemplate, PipelineTemplateBase))
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(decorated, attribute) == getattr(DynamicPipelineTemplate, attribute)
    for method in CONTRACT:
        known = inspect.signature(getattr(DynamicPipelineTemplate, method))
        arguments = dict.fromkeys(known.parameters)
        try:
            inspect.signature(getattr(decorated, method)).bind(**arguments)
        except TypeError as error:
            pytest.fail(f"{method} cannot be called with {', '.join(arguments)}: {error}")
    assert compiler.create_decorated_class() is decorated, "the same plugins and metadata give the same class"
    definition = subject.compile([subject.name]).definition
    template = decorated(**compiler.create_template_params())
    assert template.generate_definition().definition == definition
    assert template.compilation.definition == definition
    if decorated is not DynamicPipelineTemplate and _has_sdk():
        assert template.generate_pipeline().definition() == definition


def test_it_works_beside_every_other_plugin(subject: PluginUnderTest) -> None:
    """It compiles before and after a plugin that makes use of every hook, and each other one that is installed."""
    others: list[Any] = [Companion(), *scan_plugins().names]
    for other in others:
        name = other if isinstance(other, str) else other.name
        if name == subject.name:
            continue
        try:
            subject.compile([other])
        except DagcastError:
            # The other one is broken, or needs options that are not given: not for this plugin to answer.
            continue
        for order in ([subject.name, other], [other, subject.name]):
            plugins = [item["name"] for item in subject.compile(order).report.plugins]
            assert plugins == [name if item is other else item for item in order]


def test_it_fails_closed(subject: PluginUnderTest) -> None:
    """An option that it does not have is refused, and so is a plugin that does not exist."""
    options = {
        **subject.options,
        subject.name: {**subject.options.get(subject.name, {}), "no_such_option": 1},
    }
    with pytest.raises(InvalidInputError, match="no_such_option"):
        subject.compiler([subject.name], options).compile_definition()
    with pytest.raises(DagcastError, match="not installed"):
        subject.compile([subject.name, "no-such-plugin"])


def _has_sdk() -> bool:
    return find_spec("sagemaker") is not None
