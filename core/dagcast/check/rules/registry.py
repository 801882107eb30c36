"""All rules, by id, and what they say of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dagcast.check.rules import (
    algorithms,
    automl,
    conditions,
    destinations,
    emr,
    endpoints,
    general,
    models,
    pipeline,
    processing,
    training,
    training_channels,
    training_machines,
    transform,
    tuning,
    tuning_ranges,
)
from dagcast.check.rules.pipeline_rule import PipelineRule
from dagcast.check.rules.request_body import Finding, RequestBody, known_values
from dagcast.check.rules.rule import PipelineFacts, Rule, parts
from dagcast.definition.references import ParameterRef, references
from dagcast.errors import Severity

RULES: tuple[Rule, ...] = (
    *training.RULES,
    *training_machines.RULES,
    *training_channels.RULES,
    *algorithms.RULES,
    *tuning_ranges.RULES,
    *tuning.RULES,
    *processing.RULES,
    *transform.RULES,
    *models.RULES,
    *endpoints.RULES,
    *automl.RULES,
    *emr.RULES,
    *general.RULES,
)
"""Every rule about one request."""

PIPELINE_RULES: tuple[PipelineRule, ...] = (*pipeline.RULES, *conditions.RULES, *destinations.RULES)
"""Every rule about a whole pipeline."""


@dataclass(frozen=True)
class BrokenRule:
    """A rule that a request breaks.

    Attributes:
        rule: The rule.
        finding: Where, and what is wrong.
        severity: That of the rule; a warning where only the default of a parameter breaks it.
    """

    rule: Rule
    finding: Finding
    severity: Severity


class RuleSet:
    """Rules about requests, sorted by the shapes that they apply to.

    Args:
        rules: The rules.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        by_shape: dict[str, list[Rule]] = {}
        for rule in rules:
            for shape in rule.shapes:
                by_shape.setdefault(shape, []).append(rule)
        self._by_shape = by_shape

    def broken_rules(
        self, shape: str, request: Mapping[str, Any], facts: PipelineFacts, defaults: Mapping[str, Any]
    ) -> Iterator[BrokenRule]:
        """Yield the rules that a request breaks.

        What only the running pipeline knows breaks no rule. What a request breaks only while a pipeline parameter has
        its default is a warning, since an execution may give another value.

        Args:
            shape: The request's shape, such as ``CreateTrainingJobRequest``.
            request: The request, with references.
            facts: What is known of the pipeline.
            defaults: By name: the defaults of the pipeline's parameters.
        """
        certain = set()
        for broken in self._broken(shape, request, facts, {}):
            certain.add((broken.rule.id, broken.finding.path))
            yield broken
        if not defaults or not _has_parameter(request):
            return
        for broken in self._broken(shape, request, facts, defaults):
            if (broken.rule.id, broken.finding.path) not in certain:
                yield replace(broken, severity="warning")

    def _broken(
        self, shape: str, request: Mapping[str, Any], facts: PipelineFacts, values: Mapping[str, Any]
    ) -> Iterator[BrokenRule]:
        for part, body in parts(shape, RequestBody(known_values(request, values))):
            for rule in self._by_shape.get(part, ()):
                for finding in rule.check(body, facts):
                    yield BrokenRule(rule, finding, rule.severity)


def _has_parameter(request: Mapping[str, Any]) -> bool:
    return any(isinstance(reference, ParameterRef) for reference in references(request))
