"""The order of steps, without running any."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from dagcast.definition.dependencies import Branch, Dependencies
from dagcast.runner.scheduler import Ending, Schedule

DONE = {"succeeded", "cached", "kept"}
"""The endings after which what waits for a step runs."""
BRANCHES: list[Branch] = ["IfSteps", "ElseSteps"]
TRIGGERS = ["Failed", "Stopped", "Any"]
"""Those of ``TriggerCondition`` in the SageMaker Python SDK 3; ``Completed``, the fourth, is the rule without one."""
ENDINGS: list[Ending] = ["succeeded", "succeeded", "cached", "kept", "failed", "stopped"]


@dataclass(frozen=True)
class Node:
    """A step of a schedule, with what it waits for."""

    name: str
    waits: Dependencies


def _step(
    name: str,
    *after: str,
    inside: str | None = None,
    branch: Branch | None = None,
    triggers: dict[str, str] | None = None,
) -> Node:
    waits = (*([inside] if inside else []), *after)
    return Node(name, Dependencies(tuple(dict.fromkeys(waits)), inside, branch, triggers or {}))


def _schedule(steps: list[Node]) -> Schedule:
    return Schedule({step.name: step.waits for step in steps})


def _meets(step: Node, other: str, ending: str) -> bool:
    """Whether a step that another waits for ended as that needs it to."""
    trigger = step.waits.triggers.get(other)
    wanted = {None: DONE, "Failed": {"failed"}, "Any": {*DONE, "failed"}, "Stopped": set()}
    return ending in wanted[trigger]


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    """Steps that wait for earlier ones, some conditions, some in their branches; listed in any order."""
    steps: list[Node] = []
    for number in range(draw(st.integers(1, 12))):
        name = f"if{number}" if draw(st.booleans()) else f"s{number}"
        names = [step.name for step in steps]
        after = draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
        conditions = [other for other in names if other.startswith("if")]
        inside = draw(st.sampled_from([None, *conditions]))
        branch = draw(st.sampled_from(BRANCHES)) if inside else None
        triggers = draw(st.dictionaries(st.sampled_from(after), st.sampled_from(TRIGGERS))) if after else {}
        steps.append(_step(name, *after, inside=inside, branch=branch, triggers=triggers))
    return draw(st.permutations(steps))


def _play(
    steps: list[Node], endings: dict[str, Ending], outcomes: dict[str, bool], order: random.Random, jobs: int
) -> tuple[list[str], dict[str, Ending]]:
    schedule = _schedule(steps)
    by_name = {step.name: step for step in steps}
    running: list[Node] = []
    started: list[str] = []
    while True:
        while len(running) < jobs and (name := schedule.take_ready()) is not None:
            step = by_name[name]
            assert all(_meets(step, other, schedule.endings[other]) for other in step.waits.steps)
            running.append(step)
            started.append(step.name)
        if not running:
            break
        step = running.pop(order.randrange(len(running)))
        found = outcomes[step.name] if step.name.startswith("if") and endings[step.name] in DONE else None
        for not_run in schedule.finish(step.name, endings[step.name], found):
            assert not_run.reason
    assert schedule.finished
    return started, dict(schedule.endings)


@given(graphs(), st.data(), st.randoms(use_true_random=False))
def test_every_step_starts_once_after_all_it_waits_for_and_ends_the_same_in_any_order(
    steps: list[Node], data: st.DataObject, order: random.Random
) -> None:
    endings = {step.name: data.draw(st.sampled_from(ENDINGS)) for step in steps}
    outcomes = {step.name: data.draw(st.booleans()) for step in steps}
    started, ended = _play(steps, endings, outcomes, order, jobs=1)
    assert len(started) == len(set(started))
    for jobs in (2, 8):
        also_started, also_ended = _play(steps, endings, outcomes, order, jobs)
        assert sorted(also_started) == sorted(started)
        assert also_ended == ended
    for step in steps:
        unmet = {ended[other] for other in step.waits.steps if not _meets(step, other, ended[other])}
        taken = step.waits.condition is None or (
            ended[step.waits.condition] in DONE
            and outcomes[step.waits.condition] == (step.waits.branch == "IfSteps")
        )
        if step.name in started:
            assert not unmet
            assert taken
        elif {"failed", "stopped", "not-started"} & unmet:
            assert ended[step.name] == "not-started"
        else:
            assert ended[step.name] == "skipped"
            assert unmet or not taken


def test_with_one_job_ready_steps_start_in_the_order_of_the_definition() -> None:
    steps = [_step("c"), _step("b", "a"), _step("a"), _step("d")]
    endings: dict[str, Ending] = dict.fromkeys("abcd", "succeeded")
    assert _play(steps, endings, {}, random.Random(0), 1)[0] == ["c", "a", "b", "d"]


def test_a_step_that_waits_for_unselected_steps_is_ready() -> None:
    assert _schedule([_step("b", "a")]).take_ready() == "b"
