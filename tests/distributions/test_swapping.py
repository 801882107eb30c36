"""Swapping plugins: the same DAG and config with each, with none, and with both in two orders.

Every difference in the definition is one that the compile report names, and every change it names is a difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.compile.explain import explain
from dagcast.paths import format_path
from dagcast.template import Compilation
from tests.distributions.pipelines import IMAGE, MACHINE, all_steps, config, differences
from tests.guardrails.rules import RULES
from tests.openlineage.receiver import Receiver, receiving

CHOICES = [
    (),
    ("guardrails",),
    ("openlineage",),
    ("guardrails", "openlineage"),
    ("openlineage", "guardrails"),
]

STEPS: dict[str, Any] = {
    "prepare": {
        "type": "Processing",
        **MACHINE,
        "inputs": {"raw": "${param.Data}"},
        "outputs": {"train": None, "report": None},
        "property_files": {"Report": {"output": "report", "path": "report.json"}},
    },
    "train": {"type": "Training", **MACHINE, "inputs": {"train": None}, "max_runtime_in_seconds": 600},
    "decide": {
        "type": "Condition",
        "conditions": [{"left": "${json.prepare.Report.rows}", "op": ">", "right": 10}],
        "if_steps": ["create", "predict"],
        "else_steps": ["stop"],
    },
    "create": {"type": "CreateModel", "image_uri": IMAGE},
    "predict": {
        "type": "Transform",
        "instance_type": "${param.Machine}",
        "inputs": {"data": "s3://data/batch"},
    },
    "stop": {"type": "Fail", "error_message": "too few rows"},
}
EDGES = ["prepare -> train", "train -> create", "create -> predict"]


def compile_with(plugins: tuple[str, ...], receiver: Receiver) -> tuple[PipelineDAGCompiler, Compilation]:
    options = {"guardrails": RULES, "openlineage": {"transport": "http", "url": receiver.url}}
    pipeline = {"tags": {"team": "risk"}, "author": "risk"}
    compiler = PipelineDAGCompiler(config(STEPS, options, pipeline=pipeline, edges=EDGES), plugins=plugins)
    return compiler, compiler.compile_definition()


def flat(definition: str) -> dict[str, Any]:
    """A definition with its steps by name, those in branches included, as a compile report names them."""
    data = json.loads(definition)
    steps = {}
    for step in all_steps(data.pop("Steps")):
        arguments = {key: value for key, value in step["Arguments"].items() if not key.endswith("Steps")}
        steps[step["Name"]] = {**step, "Arguments": arguments}
    return {**data, "Steps": steps}


@pytest.mark.parametrize("plugins", CHOICES, ids=lambda names: "+".join(names) or "none")
def test_every_difference_is_explained(plugins: tuple[str, ...]) -> None:
    with receiving() as receiver:
        _, plain = compile_with((), receiver)
        _, swapped = compile_with(plugins, receiver)
    changes = swapped.report.changes
    changed = [format_path(change.path) for change in changes]
    assert {change.plugin for change in changes} == set(plugins) & {"guardrails"}
    different = list(differences(flat(plain.definition), flat(swapped.definition)))
    assert bool(different) == ("guardrails" in plugins)
    for path in different:
        assert any(path == known or path.startswith((f"{known}.", f"{known}[")) for known in changed)
    for known in changed:
        if known.startswith("Steps."):
            assert any(path.startswith(known) for path in different)
    assert [item["name"] for item in swapped.report.plugins] == list(plugins)
    assert bool(receiver.events) == ("openlineage" in plugins)


@pytest.mark.parametrize("plugins", CHOICES[1:], ids="+".join)
def test_explain_names_the_plugin_at_each_changed_value(plugins: tuple[str, ...]) -> None:
    with receiving() as receiver:
        compiler, plain = compile_with((), receiver)
        compiler, swapped = compile_with(plugins, receiver)
    locate = compiler.create_template().locate
    by_path = {(item.step, format_path(item.path)): item for item in explain(swapped.report, locate)}
    assert all(item.kind != "plugin" for item in explain(plain.report, locate))
    for path in differences(flat(plain.definition), flat(swapped.definition)):
        _, step, field = path.split(".", 2)
        told = [item for (name, place), item in by_path.items() if name == step and place.startswith(field)]
        assert told
        assert all(item.kind == "plugin" and item.detail == "guardrails" for item in told)
        assert all(item.changes for item in told)


def test_the_order_of_these_two_does_not_matter() -> None:
    with receiving() as receiver:
        definitions = {compile_with(plugins, receiver)[1].definition for plugins in CHOICES[3:]}
        changes = [compile_with(plugins, receiver)[1].report.changes for plugins in CHOICES[3:]]
    assert len(definitions) == 1
    assert changes[0] == changes[1]


def test_only_the_config_swaps_them(tmp_path: Path) -> None:
    found = {}
    for enable in ([], ["guardrails"]):
        options = {"guardrails": {"enable_network_isolation": True}}
        data = config({"train": {"type": "Training", **MACHINE}}, options)
        data["plugins"]["enable"] = enable
        path = tmp_path / "pipeline.json"
        path.write_text(json.dumps(data))
        found[bool(enable)] = PipelineDAGCompiler(path).compile_definition().definition
    assert "EnableNetworkIsolation" not in found[False]
    assert "EnableNetworkIsolation" in found[True]
