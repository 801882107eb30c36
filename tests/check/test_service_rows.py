"""What is known of the service's refusals: each requirement is reported by its id, or docs/decisions says why not.

The 120 requirements were collected from documents of AWS and from answers of the service that users quote. The
configs are written by hand, one change apart from a config that passes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dagcast import PipelineDAGCompiler
from tests.check.rows import inference, pipelines, processing, training, tuning
from tests.check.rows.row import Case

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions" / "rules.md"
REQUIREMENTS = {
    **training.ROWS,
    **tuning.ROWS,
    **processing.ROWS,
    **inference.ROWS,
    **pipelines.ROWS,
}
NOT_RULES = {
    73: "A `requirements.txt` in a script of an isolated job",
    75: "A Marketplace algorithm without network isolation",
    83: "A volume of a processing job larger than the machine's local storage",
    102: "A Condition step in a branch of another",
    104: "`DependsOn` a Condition step",
    108: "`cache: true` without `ExpireAfter`",
}
"""The beginning of the line in the decision that says why there is no rule."""
CASES = [
    pytest.param(case, id=f"{number}-{name.replace(' ', '-')}-{place}")
    for number, (name, cases) in sorted(REQUIREMENTS.items())
    for place, case in enumerate(cases)
]


def test_each_requirement_is_a_rule_or_a_decision() -> None:
    assert sorted((*REQUIREMENTS, *NOT_RULES)) == list(range(1, 121))
    assert all(cases for _, cases in REQUIREMENTS.values())


@pytest.mark.parametrize("line", NOT_RULES.values())
def test_the_decision_names_what_is_no_rule(line: str) -> None:
    assert f"\n| {line}" in DECISIONS.read_text("utf-8")


@pytest.mark.parametrize("case", CASES)
def test_a_config_that_breaks_the_requirement_is_reported(case: Case) -> None:
    found = PipelineDAGCompiler(case.broken, plugins=[]).validate()
    assert [item.severity for item in (*found.errors, *found.warnings) if item.code == case.rule] == [
        case.severity
    ]
    if case.severity == "warning":
        assert found.is_valid


@pytest.mark.parametrize("case", CASES)
def test_a_config_that_obeys_the_requirement_passes(case: Case) -> None:
    found = PipelineDAGCompiler(case.obeying, plugins=[]).validate()
    assert found.errors == ()
    assert case.rule not in [item.code for item in found.warnings]
