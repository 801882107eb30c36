"""Writing a definition that was read gives the same data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagcast.definition.read import read_definition
from dagcast.definition.write import write_definition

GOLDEN = sorted((Path(__file__).parents[1] / "integration/equivalence/golden").glob("*.json"))

TEXTS = st.text(max_size=6)
NAMES = ("a", "b", "c", "d")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


def references(earlier: list[str]) -> st.SearchStrategy[Any]:
    """Return references to a parameter, an execution variable, and earlier steps."""
    gets = [{"Get": "Parameters.Count"}, {"Get": "Execution.PipelineName"}]
    for name in earlier:
        gets += [{"Get": f"Steps.{name}.Outputs['x'].S3Uri"}, {"Get": f"Steps.{name}"}]
        file = {"Get": f"Steps.{name}.PropertyFiles.Report"}
        gets.append({"Std:JsonGet": {"PropertyFile": file, "Path": "a.b[0]"}})
    return st.recursive(
        st.sampled_from(gets),
        lambda inner: (
            st.builds(
                lambda on, values: {"Std:Join": {"On": on, "Values": values}},
                TEXTS,
                st.lists(inner | TEXTS, max_size=3),
            )
            | st.builds(lambda uri: {"Std:JsonGet": {"S3Uri": uri, "Path": "x"}}, inner | TEXTS)
        ),
        max_leaves=3,
    )


def values(earlier: list[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        LEAVES | references(earlier),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("PQRS"), inner, max_size=3)
        ),
        max_leaves=6,
    )


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Return a definition with references, triggers, and steps in branches."""
    steps: list[dict[str, Any]] = []
    for index, name in enumerate(NAMES[: draw(st.integers(0, 4))]):
        earlier = list(NAMES[:index])
        body = st.dictionaries(st.sampled_from(["X", "Y", "Get"]), values(earlier), min_size=2, max_size=3)
        step: dict[str, Any] = {"Name": name, "Type": "Training", "Arguments": draw(body)}
        if earlier and draw(st.booleans()):
            other = draw(st.sampled_from(earlier))
            trigger = draw(st.sampled_from([None, "Failed", "Stopped", "Any"]))
            step["DependsOn"] = [{"Step": other, "Trigger": trigger} if trigger else other]
        for key, value in (
            ("DisplayName", TEXTS | st.integers()),
            ("Description", st.just("why")),
            ("CacheConfig", values(earlier)),
        ):
            if draw(st.booleans()):
                step[key] = draw(value)
        steps.append(step)
    if steps and draw(st.booleans()):
        inner = draw(st.lists(st.sampled_from(range(1, len(steps) + 1)), max_size=1))
        cut = inner[0] if inner else len(steps)
        conditions = draw(st.lists(values([]), max_size=2))
        branches = {"IfSteps": steps[cut:], "ElseSteps": []}
        condition = {"Name": "gate", "Type": "Condition", "Arguments": {"Conditions": conditions, **branches}}
        steps = [*steps[:cut], condition]
    parameter: dict[str, Any] = {"Name": "Count", "Type": "Integer"}
    if draw(st.booleans()):
        parameter["DefaultValue"] = draw(st.integers())
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [parameter],
        "PipelineExperimentConfig": draw(
            st.none() | st.fixed_dictionaries({"ExperimentName": TEXTS | references([])})
        ),
        "Steps": steps,
    }


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_definition_is_written_as_it_was_read(path: Path) -> None:
    text = path.read_text("utf-8")
    assert json.loads(write_definition(read_definition(text))) == json.loads(text)


@given(definitions())
def test_any_definition_is_written_as_it_was_read(data: dict[str, Any]) -> None:
    assert json.loads(write_definition(read_definition(json.dumps(data)))) == data
