"""Filling in what is missing. What the user wrote stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dagcast.plugin import FieldPath, PipelineSpec, RequestField, RequestFields, StepSpec, step_fields
from dagcast_guardrails.options import GuardrailOptions
from dagcast_guardrails.places import ABSENT, BLOCKED, paths_of, put, takes_value, value_at
from dagcast_guardrails.rules import Rule, rules_of
from dagcast_guardrails.tags import known_step_tags, missing_pipeline_tags, step_tags, tag_paths
from dagcast_guardrails.values import UNKNOWN, Defaults, defaults_of, items, known


def fill(spec: PipelineSpec, options: GuardrailOptions) -> PipelineSpec:
    """The pipeline with what the rules ask for wherever nothing is there."""
    rules, defaults = rules_of(options), defaults_of(spec)
    tags = (*spec.tags, *missing_pipeline_tags(spec, options).items())
    known_tags = known_step_tags(options, dict(tags))
    types = {step.definition_type for step in spec.steps}
    fills = {name: tuple(_fills(rules, step_fields(name))) for name in types}
    steps = [_filled(step, fills[step.definition_type], known_tags, defaults) for step in spec.steps]
    return replace(spec, tags=tags, steps=tuple(steps))


def _fills(rules: tuple[Rule, ...], kind: RequestFields) -> Iterator[tuple[Rule, RequestField, Any]]:
    """What is filled in where in one kind of request."""
    for rule in rules:
        for field in rule.fields(kind):
            value = rule.fill_for(field)
            if value is not None:
                yield rule, field, value


def _filled(
    step: StepSpec,
    fills: tuple[tuple[Rule, RequestField, Any], ...],
    known_tags: Mapping[str, str],
    defaults: Defaults,
) -> StepSpec:
    arguments = step.arguments
    values: dict[FieldPath, Any] = {
        path: value
        for rule, field, value in fills
        for path in paths_of(field, arguments)
        if _is_open(step, path, rule, defaults) and takes_value(field, arguments, path, defaults)
    }
    for path in tag_paths(step, step_fields(step.definition_type)):
        own = step_tags(step, path)
        added = [{"Key": key, "Value": value} for key, value in known_tags.items() if key not in own]
        if added:
            there = value_at(arguments, path)
            values[path] = [*(there if there is not ABSENT else ()), *added]
    return replace(step, arguments=put(arguments, values)) if values else step


def _is_open(step: StepSpec, path: FieldPath, rule: Rule, defaults: Defaults) -> bool:
    """Whether there is nothing, or only a default of dagcast's that the rule does not allow."""
    value = value_at(step.arguments, path)
    if value is ABSENT or value is BLOCKED:
        return value is ABSENT
    origin = step.origins.get(("Arguments", *path))
    if origin is None or origin.kind != "default":
        return False
    settled = [known(item, defaults) for item in items(value)]
    return not any(item is UNKNOWN or rule.allows(item) for item in settled)
