"""The tests that every plugin has to pass. Each says what it asks for in its message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dagsmith.conformance.subject import Subject
from dagsmith.errors import DagsmithError, InvalidInputError
from dagsmith.plugins.active import options_model
from dagsmith.plugins.discovery import scan
from dagsmith.plugins.loading import load_plugin
from dagsmith.spec.pipeline import PipelineSpec
from dagsmith.template import DynamicPipelineTemplate, PipelineTemplateBase

CHANGING = ("transform_spec", "pipeline_parameters", "build_template_params", "register_step_types")
"""Hooks through which a plugin declares that it changes the pipeline."""


@pytest.fixture(scope="module")
def subject(plugin_name: str, request: pytest.FixtureRequest) -> Subject:
    """The plugin under test."""
    config = request.config
    return Subject.read(
        plugin_name,
        config.getoption("--dagsmith-plugin-options"),
        config.getoption("--dagsmith-plugin-config"),
    )


def test_it_loads(subject: Subject) -> None:
    """It is installed once, for these hooks, and every hook of it is one that exists."""
    plugin = load_plugin(subject.name, scan())
    assert plugin.hooks
    assert options_model(plugin).model_config.get("extra") == "forbid"


def test_importing_it_is_cheap_and_touches_no_network(subject: Subject) -> None:
    """Importing it pulls in nothing heavy and opens no connection."""
    found = subject.import_apart()
    assert found["network"] == [], "it uses the network while it is imported"
    assert found["heavy"] == [], "import these inside the functions that need them"


def test_it_is_deterministic(subject: Subject) -> None:
    """The same input gives the same bytes, in any process and with any hash seed."""
    assert subject.compile_apart(1) == subject.compile_apart(4242)


def test_it_is_idempotent(subject: Subject) -> None:
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


def test_it_changes_only_what_it_declares(subject: Subject) -> None:
    """Every difference that it makes in the definition is recorded as its own."""
    plain, changed = subject.compile([]), subject.compile([subject.name])
    hooks = load_plugin(subject.name, scan()).hooks
    different = list(_differences(json.loads(plain.definition), json.loads(changed.definition), ""))
    if not any(hook in hooks for hook in CHANGING):
        assert different == [], "it implements no hook that changes a pipeline"
    recorded = [change for change in changed.report.changes if change.hook != "extract_metadata"]
    if different:
        assert recorded, f"these differ, and no change is recorded: {different}"
    assert all(change.plugin == subject.name for change in recorded)


def test_it_keeps_the_class_contract(subject: Subject) -> None:
    """The decorated class is a template class of the same name that makes the same pipeline."""
    compiler = subject.compiler([subject.name])
    decorated = compiler.create_decorated_class()
    assert isinstance(decorated, type)
    assert issubclass(decorated, (DynamicPipelineTemplate, PipelineTemplateBase))
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(decorated, attribute) == getattr(DynamicPipelineTemplate, attribute)
    assert compiler.create_decorated_class() is decorated, "the same plugins and metadata give the same class"
    template = decorated(**compiler.create_template_params())
    assert template.generate_definition().definition == subject.compile([subject.name]).definition


def test_it_works_beside_every_other_plugin(subject: Subject) -> None:
    """It compiles before and after each other plugin that is installed and works by itself."""
    for name in scan().names:
        if name == subject.name:
            continue
        try:
            subject.compile([name])
        except DagsmithError:
            # The other one is broken, or needs options that are not given: not for this plugin to answer.
            continue
        for order in ([subject.name, name], [name, subject.name]):
            plugins = [item["name"] for item in subject.compile(order).report.plugins]
            assert plugins == order


def test_it_fails_closed(subject: Subject) -> None:
    """An option that it does not have is refused, and so is a plugin that does not exist."""
    options = {
        **subject.options,
        subject.name: {**subject.options.get(subject.name, {}), "no_such_option": 1},
    }
    with pytest.raises(InvalidInputError, match="no_such_option"):
        subject.compiler([subject.name], options).compile_definition()
    with pytest.raises(DagsmithError, match="not installed"):
        subject.compile([subject.name, "no-such-plugin"])


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield path
