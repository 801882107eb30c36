"""Branches of conditions: their steps, and which steps may wait for which."""

from __future__ import annotations

from typing import Any

import pytest

from dagcast import PipelineDAGCompiler
from dagcast.definition.read import read_definition
from tests.support.compiling import ALWAYS, JOB, check, config, definition_of, errors_of, steps_of


def condition(if_steps: list[str], else_steps: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "type": "Condition",
        "conditions": ALWAYS,
        "if_steps": if_steps,
        "else_steps": else_steps or [],
        **fields,
    }


def fail(**fields: Any) -> dict[str, Any]:
    return {"type": "Fail", **fields}


def job(**fields: Any) -> dict[str, Any]:
    return {"type": "Processing", **JOB, **fields}


def messages(steps: dict[str, Any], edges: list[str] | None = None) -> list[tuple[str, str, str]]:
    """Severity, code and message of each diagnostic."""
    result = check(config(steps, edges=edges or []))
    return [(d.severity, d.code, d.message) for d in (*result.errors, *result.warnings)]


class TestMembers:
    def test_steps_lie_in_the_branches_that_name_them(self) -> None:
        steps = {"c": condition(["a", "b"], ["z"]), "z": fail(), "b": fail(), "a": fail(), "top": fail()}
        definition = definition_of(config(steps))
        assert [step["Name"] for step in definition["Steps"]] == ["c", "top"]
        arguments = definition["Steps"][0]["Arguments"]
        assert [step["Name"] for step in arguments["IfSteps"]] == ["a", "b"]
        assert [step["Name"] for step in arguments["ElseSteps"]] == ["z"]

    def test_branches_may_hold_conditions(self) -> None:
        steps = {
            "outer": condition(["inner"], ["no"]),
            "inner": condition(["yes"]),
            "yes": fail(),
            "no": fail(),
        }
        outer = definition_of(config(steps))["Steps"]
        assert [step["Name"] for step in outer] == ["outer"]
        (inner,) = outer[0]["Arguments"]["IfSteps"]
        assert [step["Name"] for step in inner["Arguments"]["IfSteps"]] == ["yes"]
        assert inner["Arguments"]["ElseSteps"] == []

    def test_a_condition_without_branches_is_fine(self) -> None:
        step = steps_of(config({"c": {"type": "Condition", "conditions": ALWAYS}}))["c"]
        assert (step["Arguments"]["IfSteps"], step["Arguments"]["ElseSteps"]) == ([], [])

    def test_a_step_may_have_the_name_of_a_branch(self) -> None:
        steps = {
            "if_steps": condition(["else_steps"]),
            "else_steps": fail(),
            "IfSteps": fail(),
            "Condition": fail(),
        }
        found = steps_of(config(steps))
        assert list(found) == ["if_steps", "else_steps", "IfSteps", "Condition"]

    def test_a_member_must_be_a_step(self) -> None:
        assert errors_of(config({"c": condition(["stpo"]), "stop": fail()})) == [
            "<config>.steps.c.if_steps[0]: step 'c': if_steps has 'stpo', which is not a step of this pipeline "
            "(did you mean 'stop'?)"
        ]

    def test_a_member_must_be_in_the_dag(self) -> None:
        result = check(config({"c": condition(["stop"]), "stop": fail()}), {"nodes": ["c"]})
        assert [error.code for error in result.errors] == ["reference.unknown-step"]
        assert [warning.code for warning in result.warnings] == ["config.unused-step"]

    @pytest.mark.parametrize(
        ("steps", "message"),
        [
            (
                {"c": condition(["x", "x"]), "x": fail()},
                "step 'x' is listed twice in if_steps of 'c'",
            ),
            (
                {"c": condition(["x"], ["x"]), "x": fail()},
                "step 'x' is in else_steps of 'c' and in if_steps of 'c'",
            ),
            (
                {"c": condition(["x"]), "d": condition([], ["x"]), "x": fail()},
                "step 'x' is in else_steps of 'd' and in if_steps of 'c'",
            ),
        ],
    )
    def test_a_step_is_in_one_branch(self, steps: dict[str, Any], message: str) -> None:
        assert messages(steps) == [("error", "branch.two-branches", message)]

    @pytest.mark.parametrize(
        "steps",
        [
            {"c": condition(["c"])},
            {"c": condition(["d"]), "d": condition([], ["c"])},
            {"c": condition(["d"], depends_on=["d"]), "d": fail()},
            {"c": condition(["d"]), "d": condition(["e"]), "e": fail(), "f": fail()}
            | {"c": condition(["d"], depends_on=["e"])},
        ],
    )
    def test_a_condition_around_itself_is_a_cycle_and_nothing_else(self, steps: dict[str, Any]) -> None:
        assert [(severity, code) for severity, code, _ in messages(steps)] == [("error", "dag.cycle")]

    def test_a_condition_that_reads_from_its_branch_is_a_cycle(self) -> None:
        steps = {
            "c": {
                "type": "Condition",
                "conditions": [{"left": "${step.t.TrainingJobName}", "op": "==", "right": "x"}],
                "if_steps": ["t"],
            },
            "t": {"type": "Training", **JOB},
        }
        assert [code for _, code, _ in messages(steps)] == ["dag.cycle"]


class TestWaiting:
    def test_for_a_step_of_the_other_branch_is_an_error(self) -> None:
        steps = {"c": condition(["a"], ["b"]), "a": fail(), "b": fail(depends_on=["a"])}
        assert messages(steps) == [
            ("error", "branch.other-branch", "step 'b' waits for 'a', which is in the other branch of 'c'")
        ]

    def test_for_a_step_deep_in_the_other_branch_is_an_error(self) -> None:
        steps = {"c": condition(["d"], ["b"]), "d": condition(["a"]), "a": fail(), "b": fail()}
        assert [code for _, code, _ in messages(steps, ["a => b"])] == ["branch.other-branch"]

    def test_for_a_step_inside_from_outside_is_a_warning(self) -> None:
        steps = {"c": condition(["a"]), "a": fail(), "out": fail()}
        assert messages(steps, ["a => out"]) == [
            (
                "warning",
                "branch.outside-branch",
                "step 'out' waits for 'a', which runs only in if_steps of 'c'",
            )
        ]

    def test_for_a_step_of_an_inner_branch_is_a_warning(self) -> None:
        steps = {"c": condition(["d", "x"]), "d": condition([], ["a"]), "a": fail(), "x": fail()}
        assert messages(steps, ["a => x"]) == [
            (
                "warning",
                "branch.outside-branch",
                "step 'x' waits for 'a', which runs only in else_steps of 'd'",
            )
        ]

    def test_within_a_branch_and_from_outside_in_is_fine(self) -> None:
        steps = {"c": condition(["a", "b"]), "a": fail(), "b": fail(), "before": fail()}
        config_ = config(steps, edges=["a => b", "before => a", "before => c"])
        assert errors_of(config_) == []
        found = steps_of(config_)
        assert found["b"]["DependsOn"] == ["a"]
        assert found["a"]["DependsOn"] == ["before"]
        assert found["c"]["DependsOn"] == ["before"]

    @pytest.mark.parametrize("edge", ["c -> a", "c => a"])
    def test_an_edge_from_the_condition_says_nothing_new(self, edge: str) -> None:
        """The service runs a branch after its condition; a dependency on what is around it would be a cycle."""
        steps = {"c": condition(["a"]), "a": fail()}
        plain = definition_of(config(steps))
        assert definition_of(config(steps, edges=[edge])) == plain

    def test_nor_does_depends_on(self) -> None:
        steps = {"c": condition(["d"]), "d": condition(["a"]), "a": fail(depends_on=["c", "d"])}
        assert "DependsOn" not in steps_of(config(steps))["a"]

    def test_an_edge_to_a_step_that_is_in_no_branch_says_what_to_write(self) -> None:
        (error,) = errors_of(config({"c": condition([]), "a": fail()}, edges=["c -> a"]))
        assert "list 'a' in if_steps or else_steps of 'c', or write 'c => a'" in error

    def test_after_the_condition_without_being_in_it(self) -> None:
        found = steps_of(config({"c": condition([]), "a": fail()}, edges=["c => a"]))
        assert found["a"]["DependsOn"] == ["c"]


class TestRejoining:
    """A step that waits for both branches of a condition."""

    STEPS = {
        "c": condition(["a"], ["b"]),
        "a": {"type": "Processing", **JOB, "outputs": {"x": None}},
        "b": {"type": "Processing", **JOB, "outputs": {"y": None}},
    }

    def test_is_one_warning(self) -> None:
        steps = {**self.STEPS, "out": job()}
        message = (
            "step 'out' waits for 'a' and 'b', which are in different branches of 'c': "
            "one of them never runs, and without it 'out' does not run"
        )
        found = check(config(steps, edges=["a => out", "b => out"]))
        assert [(each.code, each.message, each.hint) for each in found.warnings] == [
            ("branch.outside-branch", message, "give each branch of 'c' a step of its own in place of 'out'")
        ]
        assert found.errors == ()

    def test_is_an_error_if_it_reads_from_both(self) -> None:
        steps = {**self.STEPS, "out": {"type": "Processing", **JOB, "inputs": {"x": "a.x", "y": "b.y"}}}
        assert [(severity, code) for severity, code, _ in messages(steps)] == [
            ("error", "branch.other-branch")
        ]


class TestHints:
    def test_steps_of_one_branch_are_one_warning(self) -> None:
        steps = {"c": condition(["a", "b"]), "a": job(), "b": job(), "out": job(depends_on=["a", "b"])}
        (warning,) = check(config(steps)).warnings
        assert warning.message == "step 'out' waits for 'a' and 'b', which run only in if_steps of 'c'"
        assert warning.hint == "list 'out' in if_steps of 'c' as well"
        steps["c"] = condition(["a", "b", "out"])
        assert messages(steps) == []

    def test_the_innermost_branch_is_suggested(self) -> None:
        steps = {"c": condition(["d"]), "d": condition([], ["a"]), "a": job(), "out": job(depends_on=["a"])}
        (warning,) = check(config(steps)).warnings
        assert warning.hint == "list 'out' in else_steps of 'd' as well"
        steps["d"] = condition([], ["a", "out"])
        assert messages(steps) == []

    def test_a_step_of_an_outer_branch_is_moved(self) -> None:
        steps = {"c": condition(["d", "x"]), "d": condition(["a"]), "a": job(), "x": job(depends_on=["a"])}
        (warning,) = check(config(steps)).warnings
        assert warning.hint == "move 'x' from if_steps of 'c' to if_steps of 'd'"
        steps["c"], steps["d"] = condition(["d"]), condition(["a", "x"])
        assert messages(steps) == []

    def test_steps_of_two_conditions_get_no_branch(self) -> None:
        steps = {"c": condition(["a"]), "d": condition(["b"]), "a": job(), "b": job()}
        (warning,) = check(config({**steps, "out": job(depends_on=["a", "b"])})).warnings
        assert warning.message == (
            "step 'out' waits for 'a', which runs only in if_steps of 'c', "
            "and for 'b', which runs only in if_steps of 'd'"
        )
        assert warning.hint == "a step is in one branch: nest the conditions"


def nested(count: int) -> dict[str, Any]:
    """A config of so many conditions, each in a branch of the one before it."""
    condition = {"type": "Condition", "conditions": ALWAYS}
    steps: dict[str, Any] = {
        f"c{number}": {**condition, "if_steps": [f"c{number + 1}"]} for number in range(1, count)
    }
    steps[f"c{count}"] = {**condition, "if_steps": ["end"]}
    return {
        "pipeline": {"name": "deep", "limits": {"steps": 1000}},
        "steps": {**steps, "end": {"type": "Fail"}},
    }


def test_fifty_conditions_in_each_other_compile_and_read_back() -> None:
    definition = PipelineDAGCompiler(nested(50), plugins=[]).compile_definition().definition
    assert len(read_definition(definition).steps) == 51


@pytest.mark.parametrize("count", [51, 400, 2000])
def test_more_are_an_error_at_the_first_condition_too_deep(count: int) -> None:
    (error,) = check(nested(count)).errors
    assert str(error.location) == "<config>.steps.c51"
    assert error.code == "branch.too-deep"
    assert (
        error.message == "step 'c51' is a condition in the branches of 50 others, and more cannot be nested"
    )
