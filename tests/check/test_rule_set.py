"""A rule set that uses its findings again reports what running every rule on every request reports."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from dagcast.check.rules.combinators import at_most, each, needs, unique
from dagcast.check.rules.examples import EXAMPLES, example
from dagcast.check.rules.registry import all_rules, service_rules
from dagcast.check.rules.request_body import Finding, RequestBody, known_values
from dagcast.check.rules.rule import Check, PipelineFacts, Rule, parts
from dagcast.check.rules.rule_set import RuleSet
from dagcast.definition.references import ExecutionVariable, Join, ParameterRef, StepProperty, references

REGIONS = ("us-east-1", "cn-north-1", None)
DEFAULTS = {"Number": 1, "Text": "s3://my-bucket/x", "Flag": True}
VALUES = (
    "",
    "a",
    "ml.g5.xlarge",
    "s3://b/x",
    "/opt/ml/input",
    "arn:aws:kms:eu-west-1:123456789012:key/1",
    0,
    1,
    True,
    1.0,
    100_000,
    None,
    [],
    {},
    ParameterRef("Number"),
    ParameterRef("Text"),
    ParameterRef("Flag"),
    ParameterRef("WithoutDefault"),
    StepProperty("train", "ModelArtifacts.S3ModelArtifacts"),
    Join("/", ("s3://my-bucket", ExecutionVariable("PipelineExecutionId"), "x")),
    Join("/", ("s3://my-bucket", ParameterRef("Text"))),
)

Found = tuple[str, Finding, str]


def _every_rule(shape: str, request: dict[str, Any], facts: PipelineFacts) -> list[Found]:
    """Return what every rule finds in a request, each run by itself."""

    def found(parameters: dict[str, Any]) -> Iterator[Found]:
        for name, body in parts(shape, RequestBody(known_values(request, parameters))):
            for rule in all_rules():
                if name in rule.shapes:
                    for finding in rule.check(body, facts):
                        yield rule.id, finding, rule.severity

    certain = list(found({}))
    if not any(isinstance(reference, ParameterRef) for reference in references(request)):
        return certain
    known = {(rule, finding.path) for rule, finding, _ in certain}
    more = [(rule, finding, "warning") for rule, finding, _ in found(DEFAULTS)]
    return certain + [item for item in more if (item[0], item[1].path) not in known]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)


def _requests(shape: str, chance: random.Random) -> Iterator[dict[str, Any]]:
    members = [
        part for rule in all_rules() if shape in rule.shapes for part in (rule.obeys, rule.breaks)
    ] or [{}]
    for _ in range(150):
        request = copy.deepcopy(example(shape, chance.choice(members)))
        yield request
        for _ in range(chance.randrange(4)):
            # The next request has the same members, and other values in some of them.
            places = list(_places(request))
            if not places:
                break
            holder, key = chance.choice(places)
            holder[key] = chance.choice(VALUES)
            yield request


@pytest.mark.parametrize("shape", EXAMPLES)
def test_findings_are_those_of_every_rule_run_on_every_request(shape: str) -> None:
    chance = random.Random(shape)
    rules = RuleSet(service_rules)
    broken = 0
    for request in _requests(shape, chance):
        facts = PipelineFacts(region=chance.choice(REGIONS))
        expected = _every_rule(shape, request, facts)
        found = rules.broken_rules(shape, request, facts, DEFAULTS)
        assert [(item.rule.id, item.finding, item.severity) for item in found] == expected, request
        broken += bool(expected)
    assert broken > 5


def _counted(check: Check) -> tuple[Rule, list[str]]:
    """Return a rule, and a list that gets an item each time that the rule runs."""
    runs: list[str] = []

    def counting(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        runs.append("run")
        yield from check(body, facts)

    rule = Rule(id="a.b", summary="", source="", shapes=("S",), check=counting, obeys={}, breaks={})
    return rule, runs


def _numbers(rule: Rule, *requests: dict[str, Any]) -> list[int]:
    """Return the number of findings in each request, by one rule set that checks all of them twice."""
    rules = RuleSet(lambda _: [rule])
    first, second = (
        [len(list(rules.broken_rules("S", request, PipelineFacts(), {}))) for request in requests]
        for _ in range(2)
    )
    assert first == second
    return first


def test_a_rule_runs_once_for_requests_in_which_it_reads_the_same_values() -> None:
    rule, runs = _counted(at_most("Count", 20))
    requests = [{"Name": f"step-{number}", "Count": 30} for number in range(50)]
    assert _numbers(rule, *requests) == [1] * 50
    # Once for the first request with these members, and once to record what the rule reads.
    assert len(runs) == 2


def test_a_rule_runs_again_for_another_value_member_or_type() -> None:
    rule, runs = _counted(at_most("Count", 20))
    requests = [{"Count": 30}, {"Count": 3}, {"Count": 30.0}, {"Count": True}, {}]
    assert _numbers(rule, *requests) == [1, 0, 1, 0, 0]
    # Twice each, but for the second request, which has the members and the type of the first.
    assert len(runs) == 9


def test_a_rule_that_needs_only_members_runs_once_whatever_their_values() -> None:
    rule, runs = _counted(needs("A", "B"))
    assert _numbers(rule, *({"A": number} for number in range(20))) == [1] * 20
    assert len(runs) == 2


def test_values_that_are_read_only_sometimes_are_distinguished() -> None:
    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if body.get("Kind") == "b" and body.get("Sub", "Items", -1) == 2:
            yield body.finding("two")

    rule, _ = _counted(check)
    requests = [{"Kind": kind, "Sub": {"Items": [2, item]}} for kind in "ab" for item in (1, 2, 1)]
    assert _numbers(rule, *requests) == [0, 0, 0, 0, 1, 0]


def test_members_that_a_rule_reads_as_a_whole_are_distinguished() -> None:
    def check(body: RequestBody, facts: PipelineFacts) -> Iterator[Finding]:
        if body.get("Tags") == [{"Key": "a"}] or body.part("More").data == {"B": 1}:
            yield body.finding("found")

    rule, _ = _counted(check)
    tags = [{"Tags": [{"Key": key}], "More": {"B": more}} for key in "ab" for more in (2, 1)]
    assert _numbers(rule, *tags) == [1, 1, 0, 1]


def test_many_values_and_many_outlines_are_checked_too() -> None:
    rule, _ = _counted(each("Items", unique("Tags", "Key")))
    values = [{"Items": [{"Tags": [{"Key": f"{n}"}, {"Key": f"{n % 2}"}]}]} for n in range(300)]
    assert _numbers(rule, *values) == [1, 1, *[0] * 298]
    outlines = [{"Items": [{f"M{n}": 1, "Tags": [{"Key": "0"}, {"Key": f"{n % 2}"}]}]} for n in range(300)]
    assert _numbers(rule, *outlines) == [1, 0] * 150
