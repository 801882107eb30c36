"""Random configs compile to a definition that an independent checker accepts, or have located errors."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dagcast import PipelineDAGCompiler
from dagcast.errors import InvalidInputError
from tests.support.compiling import definition_of
from tests.support.config_strategies import FILES, TYPES, broken_configs, configs
from tests.support.definition_checker import problems_of


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Create a working directory with the files of the configs."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    before = Path.cwd()
    os.chdir(folder)
    yield
    os.chdir(before)


@settings(max_examples=60)
@given(config=configs())
def test_a_correct_config_compiles_to_a_correct_definition(config: dict[str, Any]) -> None:
    for step in config["steps"].values():
        event(step["type"])
    definition = definition_of(config)
    assert problems_of(definition) == []
    assert len(list(_every_step(definition["Steps"]))) == len(config["steps"])


@settings(max_examples=60)
@given(config=configs(), data=st.data())
def test_the_order_of_edges_changes_no_request(config: dict[str, Any], data: st.DataObject) -> None:
    shuffled = {**config, "edges": data.draw(st.permutations(config["edges"]))}

    def requests(source: dict[str, Any]) -> dict[str, Any]:
        return {step["Name"]: _unordered(step) for step in _every_step(definition_of(source)["Steps"])}

    assert requests(shuffled) == requests(config)


@settings(max_examples=150)
@given(config=broken_configs())
def test_a_broken_config_has_located_errors_or_is_still_valid(config: dict[str, Any]) -> None:
    before = copy.deepcopy(config)
    found = PipelineDAGCompiler(config, plugins=[]).validate()
    compiler = PipelineDAGCompiler(config, plugins=[])
    if found.is_valid:
        event("compiled")
        assert problems_of(json.loads(compiler.compile_definition().definition)) == []
    else:
        event("refused")
        with pytest.raises(InvalidInputError) as refusal:
            compiler.compile_definition()
        # A refused compile carries its warnings, too.
        assert refusal.value.diagnostics == (*found.errors, *found.warnings)
    for diagnostic in (*found.errors, *found.warnings):
        assert str(diagnostic.location).startswith("<config>"), diagnostic
        assert diagnostic.message
        assert diagnostic.code
    assert config == before


@settings(max_examples=40)
@given(config=broken_configs())
def test_errors_of_a_broken_file_have_lines(config: dict[str, Any]) -> None:
    path = Path("broken.json")
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").count("\n") + 1
    result = PipelineDAGCompiler(path, plugins=[]).validate()
    for diagnostic in (*result.errors, *result.warnings):
        assert diagnostic.location is not None
        assert diagnostic.location.file == "broken.json"
        assert diagnostic.location.line is not None
        assert 1 <= diagnostic.location.line <= lines


def test_every_step_type_is_generated() -> None:
    from dagcast.compile.steps.catalog import MODULES

    # Not every supported SDK emits these; the equivalence tests compare them with those that do.
    assert set(TYPES) == set(MODULES) - {"InferenceComponent", "Lineage", "Cleanup", "Job"}


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["Steps"][0]["Arguments"].pop("RoleArn"),
        lambda d: d["Steps"][0]["Arguments"].update(Nope=1),
        lambda d: d["Steps"][0]["Arguments"]["ResourceConfig"].update(InstanceCount="two"),
        lambda d: d["Steps"][0]["Arguments"]["ResourceConfig"].update(InstanceCount={"Get": "Parameters.P"}),
        lambda d: d["Steps"][0]["Arguments"]["ResourceConfig"].update(InstanceType="ml.m5.xlarg"),
        lambda d: d["Steps"][0]["Arguments"].update(RoleArn={"Get": "Parameters.Nope"}),
        lambda d: d["Steps"][0]["Arguments"].update(RoleArn={"Get": "Execution.Nope"}),
        lambda d: d["Steps"][0]["Arguments"].update(RoleArn={"Get": "Steps.b.ErrorMessage.X"}),
        lambda d: d["Steps"][0]["Arguments"].update(RoleArn={"Get": "Steps.a.RoleArn"}),
        lambda d: d["Steps"][1]["Arguments"].update(ErrorMessage={"Get": "Steps.a.Nope"}),
        lambda d: d["Steps"][0].update(DependsOn=["b"]),
        lambda d: d["Steps"][0].update(DependsOn=["nope"]),
        lambda d: d["Steps"].append(d["Steps"][1]),
        lambda d: d["Parameters"].append(d["Parameters"][0]),
        lambda d: d["Parameters"][0].update(DefaultValue=3),
        lambda d: d.update(Nope=1),
    ],
)
def test_the_checker_finds_broken_definitions(change: Any) -> None:
    """The tests above depend on the checker."""
    config = {
        "pipeline": {"name": "x", "role": "arn:aws:iam::123456789012:role/R", "bucket": "my-bucket"},
        "parameters": {"P": "x"},
        "steps": {
            "a": {"type": "Training", "image_uri": "i", "instance_type": "ml.m5.xlarge"},
            "b": {"type": "Fail", "error_message": "${step.a.TrainingJobName}"},
        },
    }
    definition = definition_of(config)
    assert problems_of(definition) == []
    change(definition)
    assert problems_of(definition) != []


def _every_step(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from _every_step(step["Arguments"].get(branch, []) if step["Type"] == "Condition" else [])


def _unordered(step: dict[str, Any]) -> dict[str, Any]:
    """Return a step without the order of dependencies and of inputs, which the order of edges may change."""
    plain = copy.deepcopy(step)
    plain["DependsOn"] = sorted(plain.get("DependsOn", []))
    for key in ("ProcessingInputs", "InputDataConfig"):
        if key in plain["Arguments"]:
            plain["Arguments"][key].sort(key=json.dumps)
    if plain["Type"] == "Condition":
        for branch in ("IfSteps", "ElseSteps"):
            plain["Arguments"][branch] = [_unordered(inner) for inner in plain["Arguments"][branch]]
    return plain
