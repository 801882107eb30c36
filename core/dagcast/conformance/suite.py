"""The tests that every plugin must pass. The message of each says what is required."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any

import pytest

from dagcast.compile.emit.pipeline import definition_differences
from dagcast.compile.spec.pipeline import PipelineSpec
from dagcast.conformance.companion import Companion
from dagcast.conformance.plugin_under_test import PluginUnderTest, undeclared_changes
from dagcast.definition.write import write_definition
from dagcast.errors import DagcastError, InvalidInputError
from dagcast.plugins.load import load_plugin
from dagcast.plugins.options import options_model
from dagcast.plugins.scan import scan_plugins
from dagcast.template import DynamicPipelineTemplate, PipelineTemplateBase

IMPORT_BUDGET = 0.1
"""The maximum code that importing a plugin may load, as a fraction of what dagcast loads for each compile.

boto3, numpy or a web client load three times that, pandas and the SDK much more.
"""

CONTRACT = ("generate_pipeline", "generate_definition", "compile_into", "locate")
"""Methods that dagcast calls on each decorated template class."""


@pytest.fixture(scope="module")
def plugin_under_test(plugin_name: str, request: pytest.FixtureRequest) -> PluginUnderTest:
    """The plugin under test."""
    config = request.config
    return PluginUnderTest.read(
        plugin_name,
        config.getoption("--dagcast-plugin-options"),
        config.getoption("--dagcast-plugin-config"),
    )


@pytest.fixture(scope="module")
def isolated(plugin_under_test: PluginUnderTest) -> dict[str, Any]:
    """The result of a compile with the plugin in a separate process."""
    return plugin_under_test.compile_isolated(1)


def test_it_loads(plugin_under_test: PluginUnderTest) -> None:
    """The plugin is installed once, supports this API version, and implements only existing hooks."""
    plugin = load_plugin(plugin_under_test.name, scan_plugins())
    assert plugin.hooks
    assert options_model(plugin).model_config.get("extra") == "forbid"


def test_importing_it_is_cheap_and_touches_no_network(plugin_under_test: PluginUnderTest) -> None:
    """The import loads little code, opens no connection and starts no program."""
    found = plugin_under_test.import_isolated()
    assert found["used"] == [], "importing it uses the network or starts programs"
    loaded, budget = found["loaded"], int(found["loaded_before"] * IMPORT_BUDGET)
    heaviest = sorted(loaded, key=lambda package: -loaded[package])[:3]
    largest = ", ".join(f"{package} {loaded[package]:,} bytes" for package in heaviest)
    problem = f"importing it loads more than {budget:,} bytes of code: {largest}"
    assert sum(loaded.values()) <= budget, f"{problem}; import these inside the functions that need them"


def test_it_is_deterministic(plugin_under_test: PluginUnderTest, isolated: dict[str, Any]) -> None:
    """Equal inputs give equal bytes, in any process and with any hash seed."""
    again = plugin_under_test.compile_isolated(4242)
    for part in ("definition", "changes", "plugins"):
        assert isolated[part] == again[part], f"two processes give different {part}"


def test_it_is_idempotent(plugin_under_test: PluginUnderTest) -> None:
    """Transforming its own output changes nothing."""
    compiler = plugin_under_test.compiler([plugin_under_test.name])
    active = compiler.plugins.plugins[0]
    if not active.implements("transform_spec"):
        return
    once = compiler.compile_definition()
    metadata = once.report.metadata
    twice = active.call("transform_spec", spec=once.spec, metadata=metadata)
    assert isinstance(twice, PipelineSpec)
    assert twice == once.spec, "transform_spec changes its own output"


def test_it_changes_only_what_it_declares(
    plugin_under_test: PluginUnderTest, isolated: dict[str, Any]
) -> None:
    """Each difference is recorded under one of its hooks, and the state of the process is unchanged.

    ``decorate_template_class`` and ``pipeline_compiled`` must not change the pipeline.
    """
    hooks = load_plugin(plugin_under_test.name, scan_plugins()).hooks
    compiler = plugin_under_test.compiler([plugin_under_test.name])
    changed = compiler.compile_definition()
    for change in changed.report.changes:
        assert change.plugin == plugin_under_test.name
        assert change.hook in hooks
    assert changed.definition == write_definition(changed.spec), "the definition differs from its pipeline"
    assert isolated["process"] == [], "the compile changes this state of the process"
    if "pipeline_compiled" in hooks and _has_sdk():
        pipeline, report = compiler.compile_with_report()
        assert pipeline.definition() == write_definition(report.spec), "it changes a compiled pipeline"
    try:
        plain = plugin_under_test.compile_without()
    except InvalidInputError:
        pytest.skip("the config does not compile without the plugin, so there is nothing to compare")
    assert undeclared_changes(plain, changed) == [], (
        "no hook is recorded to change these fields, which the plugin changes"
    )


def test_it_changes_no_argument(plugin_under_test: PluginUnderTest) -> None:
    """Hooks return new values. Frozen data that is changed in place is changed behind the back of the report."""
    assert plugin_under_test.mutating_hooks() == [], "these hooks change their arguments in place"


def test_it_prints_nothing(plugin_under_test: PluginUnderTest, isolated: dict[str, Any]) -> None:
    """Standard output belongs to the program that compiles; messages go to logging or to standard error."""
    printed = plugin_under_test.import_isolated()["printed"] + isolated["printed"]
    assert printed == "", "it prints to standard output"


def test_it_registers_the_decorated_class_alone(plugin_under_test: PluginUnderTest) -> None:
    """A decorator that registers a class registers the one that it returns.

    The class that it is given is a part of the result only: an instance of it lacks what the plugin adds.
    """
    if "decorate_template_class" in load_plugin(plugin_under_test.name, scan_plugins()).hooks:
        holders = plugin_under_test.holders_of_argument()
        assert holders == [], "it registers the class that it is given, before wrapping it"


def test_it_keeps_the_class_contract(plugin_under_test: PluginUnderTest) -> None:
    """The decorated class has the name and signatures of the template class and compiles the same pipeline."""
    compiler = plugin_under_test.compiler([plugin_under_test.name])
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
    assert compiler.create_decorated_class() is decorated, (
        "equal plugins and metadata must give the same class"
    )
    definition = plugin_under_test.compile([plugin_under_test.name]).definition
    template = decorated(**compiler.create_template_params())
    assert template.generate_definition().definition == definition
    assert template.compilation.definition == definition
    if decorated is not DynamicPipelineTemplate and _has_sdk():
        emitted = template.generate_pipeline().definition()
        changed = [] if emitted == definition else definition_differences(definition, emitted)
        assert changed == [], "generate_pipeline renames, drops or changes these"


def test_it_works_beside_every_other_plugin(plugin_under_test: PluginUnderTest) -> None:
    """It compiles before and after the companion plugin and each other installed plugin."""
    others: list[Any] = [Companion(), *scan_plugins().names]
    for other in others:
        name = other if isinstance(other, str) else other.name
        if name == plugin_under_test.name:
            continue
        try:
            plugin_under_test.compile([other])
        except DagcastError:
            # The other plugin is broken or needs options: not a failure of this plugin.
            continue
        for order in ([plugin_under_test.name, other], [other, plugin_under_test.name]):
            plugins = [item["name"] for item in plugin_under_test.compile(order).report.plugins]
            assert plugins == [name if item is other else item for item in order]


def test_it_fails_closed(plugin_under_test: PluginUnderTest) -> None:
    """An unknown option is an error, and so is an unknown plugin."""
    options = {
        **plugin_under_test.options,
        plugin_under_test.name: {
            **plugin_under_test.options.get(plugin_under_test.name, {}),
            "no_such_option": 1,
        },
    }
    with pytest.raises(InvalidInputError, match="no_such_option"):
        plugin_under_test.compiler([plugin_under_test.name], options).compile_definition()
    with pytest.raises(DagcastError, match="not installed"):
        plugin_under_test.compile([plugin_under_test.name, "no-such-plugin"])


def _has_sdk() -> bool:
    return find_spec("sagemaker") is not None
