"""Each rule of the service: what obeys passes, what breaks is reported, and botocore alone takes both."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from dagcast.check.request import check_request
from dagcast.check.rules.examples import EXAMPLES, example
from dagcast.check.rules.pipeline_rule import PipelineRule, StepFinding
from dagcast.check.rules.registry import MODULES, PIPELINE_RULES, all_rules, service_rules
from dagcast.check.rules.rule import PipelineFacts, Rule
from dagcast.check.rules.rule_set import RuleSet
from dagcast.definition.read import read_definition
from dagcast.diagnostic_codes import RULE_IDS

CASES = [pytest.param(rule, shape, id=f"{rule.id}-{shape}") for rule in all_rules() for shape in rule.shapes]
FACTS = PipelineFacts(region="us-east-1")


def _broken(shape: str, request: dict[str, Any], rule: Rule, facts: PipelineFacts = FACTS) -> list[Any]:
    return [
        found
        for found in RuleSet(service_rules).broken_rules(shape, request, facts, {})
        if found.rule is rule
    ]


def _shape_problems(shape: str, request: dict[str, Any]) -> list[Any]:
    service = "emr" if shape in ("RunJobFlowInput", "StepConfig") else "sagemaker"
    return list(
        check_request(request, shape, service=service, parameter_types={}, reference_type=lambda _: None)
    )


@pytest.mark.parametrize("shape", EXAMPLES)
def test_the_base_of_examples_is_valid(shape: str) -> None:
    request = example(shape, {})
    assert _shape_problems(shape, request) == []
    assert list(RuleSet(service_rules).broken_rules(shape, request, FACTS, {})) == []


@pytest.mark.parametrize(("rule", "shape"), CASES)
def test_a_request_that_obeys_passes(rule: Rule, shape: str) -> None:
    request = example(shape, rule.obeys)
    assert _shape_problems(shape, request) == []
    assert _broken(shape, request, rule) == []


@pytest.mark.parametrize(("rule", "shape"), CASES)
def test_a_request_that_breaks_is_reported_and_botocore_by_itself_takes_it(rule: Rule, shape: str) -> None:
    request = example(shape, rule.breaks_for.get(shape, rule.breaks))
    assert _shape_problems(shape, request) == []
    found = _broken(shape, request, rule, PipelineFacts(region=rule.breaks_in))
    assert found
    assert {item.severity for item in found} == {rule.severity}


def test_every_rule_has_an_id_of_its_own_in_the_vocabulary() -> None:
    ids = [rule.id for rule in (*all_rules(), *PIPELINE_RULES)]
    assert sorted(ids) == sorted(RULE_IDS)


def test_each_module_is_registered_with_the_shapes_of_its_rules() -> None:
    for module, shapes in MODULES.items():
        rules = importlib.import_module(f"dagcast.check.rules.{module}").RULES
        assert set(shapes) == {shape for rule in rules for shape in rule.shapes}, module


def _pipeline_findings(
    rule: PipelineRule, definition: Mapping[str, Any], facts: PipelineFacts = FACTS
) -> list[StepFinding]:
    text = json.dumps({"Version": "2020-12-01", **definition})
    return list(rule.check(read_definition(text), facts))


@pytest.mark.parametrize("rule", PIPELINE_RULES, ids=lambda rule: rule.id)
def test_a_pipeline_that_obeys_passes_and_one_that_breaks_is_reported(rule: PipelineRule) -> None:
    assert _pipeline_findings(rule, rule.obeys) == []
    assert _pipeline_findings(rule, rule.breaks, PipelineFacts(region=rule.breaks_in))
