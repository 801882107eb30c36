"""Random pipelines of tiny steps: a valid order, each step once, the same result with one job and with eight."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dagcast.definition.read import read_definition
from tests.runner.engine.pipelines import (
    RecordedEvents,
    condition,
    contents,
    definition,
    fail,
    get,
    job,
    output_of,
    run,
    statuses,
)


@st.composite
def pipelines(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Jobs that add their name to what they read, conditions on parameters with jobs in their branches, rare failures.

    The list is in any order: a definition need not name steps before those that read them.
    """
    steps: list[dict[str, Any]] = []
    jobs: list[str] = []
    anywhere: list[str] = []
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(["job", "job", "job", "condition", "failing"]))
        after = draw(st.lists(st.sampled_from(anywhere), max_size=2, unique=True)) if anywhere else []
        if kind == "condition":
            inner = [_job(draw, f"then{number}", jobs), _job(draw, f"else{number}", jobs)]
            right = draw(st.sampled_from([0, 1]))
            steps.append(
                {
                    **condition(f"if{number}", get("Parameters.One"), right, inner[:1], inner[1:]),
                    "DependsOn": after,
                }
            )
            new = [f"then{number}", f"else{number}"]
        elif kind == "failing":
            steps.append(fail(f"fail{number}", DependsOn=after))
            new = []
        else:
            steps.append({**_job(draw, f"job{number}", jobs), "DependsOn": after})
            new = [f"job{number}"]
        jobs += new
        anywhere += [*new, steps[-1]["Name"]] if steps[-1]["Name"] not in new else new
    return draw(st.permutations(steps))


def _job(draw: st.DrawFn, name: str, jobs: list[str]) -> dict[str, Any]:
    reads = draw(st.lists(st.sampled_from(jobs), max_size=3, unique=True)) if jobs else []
    words = " ".join(f"$(cat $IN{number}/x)" for number in range(len(reads)))
    return job(name, f'echo "({name} {words})" > $OUT/x', *map(output_of, reads))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pipelines())
def test_a_random_pipeline_runs_in_a_valid_order_once_and_the_same_with_any_number_of_jobs(
    steps: list[dict[str, Any]],
) -> None:
    text = definition(steps, One=1)
    parsed = read_definition(text)
    read = parsed.by_name
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for jobs in (1, 8):
            events_seen = RecordedEvents()
            outcome = run(text, Path(folder), listener=events_seen, jobs=jobs)
            order = events_seen.of("step-started", "step-succeeded")
            assert len(order) == len(set(order)), "each step once"
            for name in read:
                if ("step-started", name) in order:
                    before = order[: order.index(("step-started", name))]
                    assert all(
                        ("step-succeeded", other) in before for other in parsed.dependencies[name].steps
                    )
            results.append((outcome.status, statuses(outcome), contents(outcome)))
    assert results[0] == results[1]
    status, ended, left = results[0]
    made = {key.split("/")[2] for key in left}
    assert made == {
        name
        for name, how in ended.items()
        if how == "succeeded" and read[name].definition_type == "Processing"
    }
    assert (status == "Failed") == ("failed" in ended.values())
    event(f"{len(made)} of {len(read)} steps were jobs that ran; the run {status}")
